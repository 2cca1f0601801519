"""Names: which keys of objects, fields of queries and headers stand for a secret, and which headers may be kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from orchestrator.redaction.pseudonym import Name, is_pseudonym

_SEPARATORS: Final = str.maketrans("", "", "-_ .")
#: What the name of a secret ends in, without separators and capitals: `db_password`, `X-Api-Key`, `clientSecret`.
_ENDINGS: Final = (
    "password", "passwd", "passphrase", "passcode", "pwd", "secret", "token", "apikey", "accesskey", "privatekey",
    "credential", "credentials", "sessionid", "authorization", "authentication", "cookie", "cookies", "secretkey",
    "signature",
)  # fmt: skip
_WHOLE: Final = frozenset(("auth", "bearer", "cvc", "cvv", "otp", "pin", "sid", "sig", "jsessionid", "phpsessid"))
#: Headers that are no secret. What they hold is looked at all the same.
_HEADERS: Final = frozenset((
    "accept", "accept-charset", "accept-encoding", "accept-language", "accept-ranges", "age", "allow",
    "cache-control", "connection", "content-disposition", "content-encoding", "content-language", "content-length",
    "content-location", "content-range", "content-type", "date", "etag", "expect", "expires", "host",
    "idempotency-key", "if-match", "if-modified-since", "if-none-match", "if-unmodified-since", "keep-alive",
    "last-modified", "link", "location", "origin", "pragma", "range", "referer", "retry-after", "server",
    "server-timing", "strict-transport-security", "te", "traceparent", "trailer", "transfer-encoding", "upgrade",
    "user-agent", "vary", "via", "warning", "x-content-type-options", "x-correlation-id", "x-request-id",
))  # fmt: skip
_LIMITS: Final = re.compile(r"(?:x-)?rate-?limit(?:-[a-z]+)*")
#: Parts of a cookie that say how it is kept.
_KEPT: Final = frozenset(("path", "domain", "expires", "max-age", "samesite", "version", "priority", "comment"))
_CRUMB: Final = re.compile(r"(?:(?<=[;,])|^)(\s*+)([^=;,\s]{1,256}+)=([^;,]*+)")
_SCHEMED: Final = re.compile(r"([A-Za-z][\w-]{0,30}+)([ \t]{1,4})(\S.*+)", re.DOTALL)


class Names:
    """Knows names of secrets and headers."""

    def __init__(self, keys: Iterable[str] = (), headers: Iterable[str] = (), *, built_in: bool = True) -> None:
        """Know the built-in ones and these."""
        self._endings = _ENDINGS if built_in else ()
        self._whole = (_WHOLE if built_in else frozenset()) | {_plain(key) for key in keys}
        self._headers = _HEADERS | {header.lower() for header in headers}
        self._known: dict[str, str] = {}
        self.strict_headers = built_in

    def rule_of(self, name: str) -> str:
        """Return the rule for what has this name: `cookie`, `token` or `secret`; empty where it is no secret."""
        if len(name) > 64:
            return ""
        rule = self._known.get(name)
        if rule is None:
            rule = self._rule(_plain(name))
            if len(self._known) < 10_000:
                self._known[name] = rule
        return rule

    def _rule(self, plain: str) -> str:
        if plain not in self._whole and not plain.endswith(self._endings):
            return ""
        if plain.endswith(("cookie", "cookies")):
            return "cookie"
        return "token" if plain.endswith("authorization") else "secret"

    def is_allowed(self, header: str) -> bool:
        """Return whether a header may be kept."""
        header = header.lower()
        return not self.strict_headers or header in self._headers or _LIMITS.fullmatch(header) is not None


def is_headers(name: str) -> bool:
    """Return whether what has this name are the headers of a request or an answer."""
    return _plain(name).endswith(("headers", "trailers"))


def treated(rule: str, secret: str, name: Name, hear: Callable[[str], object]) -> str:
    """Return the value of a name with its secrets replaced: of cookies the values, of credentials all but the scheme.

    Args:
        rule: as `Names.rule_of` gives it.
        secret: the value.
        name: makes pseudonyms.
        hear: hears of each secret.
    """
    if not secret or is_pseudonym(secret):
        return secret

    def instead(part: str) -> str:
        if not part or is_pseudonym(part):
            return part
        hear(part)
        return name(rule, part)

    if rule == "cookie" and "=" in secret:
        return _CRUMB.sub(lambda found: _crumb(found, instead), secret)
    if rule == "token" and (schemed := _SCHEMED.fullmatch(secret)) is not None:
        return schemed[1] + schemed[2] + instead(schemed[3])
    return instead(secret)


def _crumb(found: re.Match[str], instead: Callable[[str], str]) -> str:
    kept = found[2].lower() in _KEPT
    return found[0] if kept else f"{found[1]}{found[2]}={instead(found[3])}"


def _plain(name: str) -> str:
    return name.translate(_SEPARATORS).lower()
