"""The address guard by itself; `http/test_guarded.py` counts what connects."""

import asyncio
import contextlib
import ipaddress
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.addresses import AddressGuard, read_literal, special
from orchestrator.errors import PointsmanError
from orchestrator.http_errors import AddressBlockedError, HttpRequestError


def guard(*allow: str, found: Sequence[str] = ("93.184.215.14",)) -> AddressGuard:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return found

    return AddressGuard(allow, resolve)


def addresses(subject: AddressGuard, host: str) -> tuple[str, ...]:
    return asyncio.run(subject.addresses(host, 80))


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("::1", "loopback"),
        ("10.0.0.1", "private"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("fc00::1", "private"),
        ("fdff::1", "private"),
        ("100.64.0.1", "shared (carrier-grade NAT)"),
        ("100.127.255.255", "shared (carrier-grade NAT)"),
        ("169.254.1.1", "link-local"),
        ("fe80::1", "link-local"),
        ("169.254.169.254", "a metadata service"),
        ("100.100.100.200", "a metadata service"),
        ("168.63.129.16", "a metadata service"),
        ("192.0.0.192", "a metadata service"),
        ("fd00:ec2::254", "a metadata service"),
        ("0.0.0.0", "unspecified"),
        ("0.1.2.3", "unspecified"),
        ("::", "unspecified"),
        ("224.0.0.1", "multicast"),
        ("239.255.255.255", "multicast"),
        ("ff02::1", "multicast"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "reserved"),
        ("192.0.0.8", "reserved"),
        ("192.88.99.1", "reserved"),
        ("fec0::1", "reserved"),
        ("192.0.2.1", "for documentation"),
        ("198.51.100.1", "for documentation"),
        ("203.0.113.1", "for documentation"),
        ("2001:db8::1", "for documentation"),
        ("3fff::1", "for documentation"),
        ("198.18.0.1", "for benchmarks"),
        ("198.19.255.255", "for benchmarks"),
        ("2001:2::1", "reserved for protocols"),
        ("2001:20::1", "reserved for protocols"),
        ("64:ff9b:1::7f00:1", "reserved for protocols"),
        ("100::1", "reserved"),
        ("5f00::1", "reserved"),
        ("4000::1", "reserved"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:169.254.169.254", "a metadata service"),
        ("::ffff:10.0.0.1", "private"),
        ("64:ff9b::127.0.0.1", "loopback"),
        ("64:ff9b::a9fe:a9fe", "a metadata service"),
        ("::127.0.0.1", "reserved"),
        ("::ffff:0:127.0.0.1", "reserved"),
        ("2002:7f00:1::", "a tunnel into IPv4 (6to4)"),
        ("2002:808:808::1", "a tunnel into IPv4 (6to4)"),
        ("2001:0:4136:e378:8000:63bf:80ff:fffe", "a tunnel into IPv4 (Teredo)"),
        ("2600::5efe:7f00:1", "a tunnel into IPv4 (ISATAP)"),
        ("2600::200:5efe:7f00:1", "a tunnel into IPv4 (ISATAP)"),
        ("no address", "no address"),
    ],
)
def test_what_is_not_of_the_public_internet_is_blocked(address: str, why: str) -> None:
    """Each with its reason, whatever carries it."""
    assert guard().why_not(address) == why
    with pytest.raises(AddressBlockedError) as caught:
        addresses(guard(found=["93.184.215.14", address]), "a.example")
    assert why in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        *("8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0"),
        *("169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0"),
        *("223.255.255.255", "168.63.129.15", "198.17.255.255", "198.20.0.0"),
        *("2600::1", "2a00:1450:4001:81b::200e", "2001:4860:4860::8888", "2003::1"),
        *("::ffff:8.8.8.8", "64:ff9b::8.8.8.8"),
    ],
)
def test_the_public_internet_is_not(address: str) -> None:
    """To the last address beside a blocked network."""
    assert guard().why_not(address) == ""
    assert addresses(guard(), address if ":" not in address else str(ipaddress.ip_address(address)))


@given(st.ip_addresses())
def test_the_table_blocks_at_least_what_the_standard_library_knows(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    """The two were written apart; what `ipaddress` calls private, reserved and so on never passes."""
    if address.is_private or address.is_loopback or address.is_link_local or address.is_multicast:
        assert special(address)


@pytest.mark.parametrize("host", ["8.8.8.8", "8.8.8.8.", "[::]"[1:-1], "2600::1"])
def test_an_address_is_not_looked_up(host: str) -> None:
    """It is read, and is what it says."""
    assert read_literal(host) is not None


@pytest.mark.parametrize(
    "host",
    [
        *("2130706433", "0x7f000001", "0X7F.1", "017700000001", "127.1", "127.0.1", "0177.0.0.1", "127.0.0.01", "0"),
        *("0x", "1.2.3.4.5", "256.1.1.1", "127.0.0.1.2", "a.0x7f", "a.1", "fe80::1%eth0", "::1%25lo", ":::", "1::2::3"),
        *("::ffff:127.0.0.256", "12345::", "", ".", "..", "a..b", ".a", "-a.example", "a-.example", "a b", "a/b"),
        *("a@b", "a%2eb", "127%2e0.0.1", "a" * 64, "a." * 130, "ä.example", "\uff11\uff12\uff17.0.0.1", "a\0", "[::1]"),
    ],
)
def test_odd_forms_are_refused(host: str) -> None:
    """Resolvers read several of these as 127.0.0.1; no service is meant by them."""
    with pytest.raises(HttpRequestError):
        read_literal(host)


@given(st.text(max_size=80))
def test_any_text_is_a_name_an_address_or_our_error(host: str) -> None:
    """Nothing else comes out."""
    with contextlib.suppress(PointsmanError):
        read_literal(host)


def test_one_blocked_address_blocks_the_name() -> None:
    """A name that is both inside and outside is how rebinding begins."""
    with pytest.raises(AddressBlockedError) as caught:
        addresses(guard(found=["93.184.215.14", "10.0.0.1"]), "a.example")
    assert str(caught.value).startswith("host 'a.example': is at 10.0.0.1, which is private: blocked; ")
    assert (caught.value.host, caught.value.address, caught.value.why) == ("a.example", "10.0.0.1", "private")


def test_a_network_opens_what_lies_in_it_in_any_wrapping() -> None:
    """And nothing beside it."""
    subject = guard("10.1.0.0/16", "127.0.0.1", "fd00::/8")
    for address in ("10.1.2.3", "127.0.0.1", "::ffff:127.0.0.1", "64:ff9b::10.1.2.3", "fd00:ec2::254"):
        assert subject.why_not(address) == "", address
    for address in ("10.2.0.1", "127.0.0.2", "::1", "fc00::1"):
        assert subject.why_not(address) != "", address


@pytest.mark.parametrize(
    ("allow", "host", "passes"),
    [
        ("intranet.example", "intranet.example", True),
        ("Intranet.Example.", "INTRANET.example.", True),
        ("intranet.example", "a.intranet.example", False),
        ("intranet.example", "xintranet.example", False),
        ("*.bank.example", "a.bank.example", True),
        ("*.bank.example", "b.a.bank.example", True),
        ("*.bank.example", "bank.example", False),
        ("*.bank.example", "evilbank.example", False),
    ],
)
def test_a_name_opens_its_own_private_addresses(allow: str, host: str, passes: bool) -> None:  # noqa: FBT001
    """Exactly, or with an asterisk what is below it."""
    subject = guard(allow, found=["10.0.0.1", "127.0.0.1", "100.64.0.1"])
    if passes:
        assert addresses(subject, host) == ("10.0.0.1", "127.0.0.1", "100.64.0.1")
    else:
        with pytest.raises(AddressBlockedError):
            addresses(subject, host)


@pytest.mark.parametrize("address", ["169.254.169.254", "169.254.1.1", "0.0.0.0", "224.0.0.1", "fd00:ec2::254"])
def test_a_name_never_opens_the_metadata_service(address: str) -> None:
    """A zone that is taken over must not reach it."""
    with pytest.raises(AddressBlockedError):
        addresses(guard("intranet.example", found=[address]), "intranet.example")


@pytest.mark.parametrize("entry", ["", "10.0.0.1/8", "10.0.0.0/33", "a b", "*", "*.", "http://a.example", "2130706433"])
def test_an_entry_that_opens_nothing_is_refused(entry: str) -> None:
    """A slip of the pen would otherwise be found in production."""
    with pytest.raises(HttpRequestError, match="neither a network"):
        guard(entry)


def test_a_name_without_addresses_is_the_networks_fault() -> None:
    """It may be there later."""
    with pytest.raises(OSError, match="has no address"):
        addresses(guard(found=[]), "a.example")
