"""The address guard: which hosts may be asked, and the checked addresses to connect to."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, TypeAlias

from orchestrator.http_errors import AddressBlockedError, HttpRequestError

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]

# The table of special addresses is written out here: what `is_global` of the standard library says differs by version.
# Sources: the IANA special-purpose registries of IPv4 and IPv6; cloud providers' pages for the metadata services.
_SPECIAL: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("a metadata service", ("169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254")),
    ("loopback", ("127.0.0.0/8", "::1")),
    ("private", ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")),
    ("shared (carrier-grade NAT)", ("100.64.0.0/10",)),
    ("link-local", ("169.254.0.0/16", "fe80::/10")),
    ("unspecified", ("0.0.0.0/8", "::")),
    ("multicast", ("224.0.0.0/4", "ff00::/8")),
    ("reserved", ("240.0.0.0/4", "192.0.0.0/24", "192.88.99.0/24", "fec0::/10")),
    ("for documentation", ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")),
    ("for benchmarks", ("198.18.0.0/15",)),
    ("a tunnel into IPv4 (6to4)", ("2002::/16",)),
    ("a tunnel into IPv4 (Teredo)", ("2001::/32",)),
    ("reserved for protocols", ("2001::/23", "64:ff9b:1::/48")),
)
_TABLE: Final = tuple((why, tuple(map(ipaddress.ip_network, networks))) for why, networks in _SPECIAL)
_GLOBAL_V6: Final = ipaddress.IPv6Network("2000::/3")
_IPV4_INSIDE: Final = (ipaddress.IPv6Network("::ffff:0:0/96"), ipaddress.IPv6Network("64:ff9b::/96"))  # mapped, NAT64
_ISATAP: Final = (0x0000_5EFE, 0x0200_5EFE)
# What naming a host in `allow` opens. A name is whatever its zone says, so it never opens the metadata services.
_OPENED_BY_NAME: Final = frozenset(("loopback", "private", "shared (carrier-grade NAT)"))
_LABEL: Final = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_NAME: Final = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_ENDS_IN_A_NUMBER: Final = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)")


class AddressGuard:
    """Says for a host which addresses may be connected to; by default none but those of the public internet.

    Whoever connects must connect to one of the addresses returned, not resolve the name again: a name server may give
    another answer the second time (DNS rebinding). A name one of whose addresses is blocked is blocked.

    Args:
        allow: what else may be asked: networks ('10.1.0.0/16'), addresses ('127.0.0.1') and names
            ('intranet.example', '*.bank.example'). A network opens whatever lies in it; a name opens its loopback,
            private and shared addresses, but never link-local ones and the metadata services.
        resolve: the addresses of a name and port.

    Raises:
        HttpRequestError: if an entry of `allow` is neither a network nor a name.
    """

    def __init__(self, allow: Iterable[str], resolve: Resolve) -> None:
        self._resolve = resolve
        self._networks: list[Network] = []
        self._names: set[str] = set()
        for entry in allow:
            self._admit(entry)

    def _admit(self, entry: str) -> None:
        try:
            self._networks.append(ipaddress.ip_network(entry))
        except ValueError as error:
            name = entry.lower().removesuffix(".")
            if not _NAME.fullmatch(name.removeprefix("*.")) or _ENDS_IN_A_NUMBER.fullmatch(name):
                problem = "is neither a network ('10.1.0.0/16') nor a host's name ('*.bank.example')"
                raise HttpRequestError(f"entry {entry!r} of `allow`", problem) from error
            self._names.add(name)

    async def addresses(self, host: str, port: int) -> tuple[str, ...]:
        """Return the addresses of `host` that may be connected to, in the resolver's order, at least one.

        Raises:
            AddressBlockedError: if one of them is blocked.
            HttpRequestError: if `host` is neither a name nor an address in its usual form.
            OSError: if the name cannot be resolved.
        """
        literal = read_literal(host)
        if literal is not None:
            found: Sequence[str] = (str(literal),)
        else:
            found = await self._resolve(host, port)
        if not found:
            raise OSError(f"name {host!r} has no address")
        named = self._is_named(host.lower().removesuffix("."))
        for text in found:
            why = self._why_not(text, named=named)
            if why:
                raise AddressBlockedError(host, text, why)
        return tuple(found)

    def why_not(self, address: str) -> str:
        """Return why this address is blocked; empty where it may be asked."""
        return self._why_not(address, named=False)

    def _why_not(self, text: str, *, named: bool) -> str:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return "no address"
        inside = _ipv4_inside(address)
        if any(a is not None and a in network for network in self._networks for a in (address, inside)):
            return ""
        why = special(inside or address)
        return "" if named and why in _OPENED_BY_NAME else why

    def _is_named(self, name: str) -> bool:
        parents = (name[dot:] for dot in range(len(name)) if name[dot] == ".")
        return name in self._names or any("*" + parent in self._names for parent in parents)


def special(address: Address) -> str:
    """Return what an address is, where it is none of the public internet; empty where it is."""
    for why, networks in _TABLE:
        if any(address in network for network in networks):
            return why
    if isinstance(address, ipaddress.IPv6Address):
        if (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP:
            return "a tunnel into IPv4 (ISATAP)"
        if address not in _GLOBAL_V6:
            return "reserved"
    return ""


def read_literal(host: str) -> Address | None:
    """Return the address that `host` writes out; None where it is a name.

    Raises:
        HttpRequestError: for the odd forms of addresses that resolvers understand ('0x7f.1', '2130706433',
            '0177.0.0.1', 'fe80::1%eth0') and for what is no name either.
    """
    bare = host.lower().removesuffix(".")
    is_ipv6, is_ipv4 = ":" in host, bool(_ENDS_IN_A_NUMBER.fullmatch(bare))
    if not (is_ipv6 or is_ipv4):
        if len(bare) > 253 or not _NAME.fullmatch(bare):
            raise HttpRequestError(f"host {host[:80]!r}", "is neither a name nor an address; check the URL")
        return None
    try:
        if is_ipv6 and "%" not in host:
            return ipaddress.IPv6Address(host)
        return ipaddress.IPv4Address(bare)
    except ValueError as error:
        problem = "is an address in an odd form; write four decimal numbers, or IPv6 in brackets without a zone"
        raise HttpRequestError(f"host {host[:80]!r}", problem) from error


def _ipv4_inside(address: Address) -> ipaddress.IPv4Address | None:
    if isinstance(address, ipaddress.IPv6Address) and any(address in network for network in _IPV4_INSIDE):
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return None
