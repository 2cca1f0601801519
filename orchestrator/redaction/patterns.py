"""Patterns: what a secret looks like, whatever stands around it. Each is linear in the length of the text."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from orchestrator.redaction.checks import iban_length, is_card, is_iban
from orchestrator.redaction.span import Span


@dataclass(frozen=True, slots=True)
class Pattern:
    """A rule that looks at texts.

    Attributes:
        name: of the rule.
        hints: a text without any of these holds none; empty for no such hint.
        find: yields what it finds.
    """

    name: str
    hints: tuple[str, ...]
    find: Callable[[str], Iterable[Span]]

    def spans(self, text: str) -> Iterable[Span]:
        """Return what of a text is to be replaced."""
        if self.hints and not any(hint in text for hint in self.hints):
            return ()
        return self.find(text)


# --- card numbers and accounts ----------------------------------------------------------------------------------------

_GAP: Final = "[ \\-\u00a0]"
_CARD: Final = re.compile(
    rf"(?<![A-Za-z0-9])(?<!\d[.])(?:[2-6]\d{{12,18}}|[2-6]\d{{3}}({_GAP})\d{{4}}\1\d{{4}}\1\d{{4}}(?:\1\d{{1,3}})?"
    rf"|3\d{{3}}({_GAP})\d{{6}}\2\d{{4,5}})(?![A-Za-z0-9])(?![.]\d)"
)
_IBAN_HEAD: Final = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d\d")
_IBAN_REST: Final = {
    length: re.compile(rf"[A-Za-z]{{2}}\d\d(?:{_GAP}?[A-Za-z0-9]){{{length - 4}}}(?![A-Za-z0-9])")
    for length in range(15, 35)
}
_NO_LETTER: Final = re.compile(_GAP)


def _cards(text: str) -> Iterator[Span]:
    at = 0
    while (found := _CARD.search(text, at)) is not None:
        at = found.end()
        digits = _NO_LETTER.sub("", found[0])
        if len(digits) > 16 and found[1] is not None and not is_card(digits):  # a number that follows the card
            digits, at = digits[:16], found.start() + 19
        if is_card(digits):
            yield Span(found.start(), at, "card", digits)


def _ibans(text: str) -> Iterator[Span]:
    for head in _IBAN_HEAD.finditer(text):
        length = iban_length(head[0])
        if not length or (found := _IBAN_REST[length].match(text, head.start())) is None:
            continue
        plain = _NO_LETTER.sub("", found[0]).upper()
        if is_iban(plain):
            yield Span(*found.span(), "iban", plain)


# --- people -----------------------------------------------------------------------------------------------------------

_EMAIL: Final = re.compile(r"(?<![\w.+%-])[\w.+%-]++@[\w-]++(?:\.[\w-]++)+")
_PHONE: Final = re.compile("(?<![\\w+])\\+[1-9](?:[ ().\\-/\u00a0]{0,2}\\d){7,14}(?![\\w])")


def _emails(text: str) -> Iterator[Span]:
    users = {found.end() for found in _USERINFO.finditer(text)} if "://" in text else ()
    for found in _EMAIL.finditer(text):
        top = found[0].rpartition(".")[2]
        if found.start() + found[0].index("@") in users:
            continue  # the host of a URL
        if len(top) > 1 and top.replace("-", "").isalpha():
            yield Span(*found.span(), "email", found[0].lower())


def _phones(text: str) -> Iterator[Span]:
    for found in _PHONE.finditer(text):
        yield Span(*found.span(), "phone", "".join(letter for letter in found[0] if letter.isdigit()))


# --- credentials ------------------------------------------------------------------------------------------------------

_JWT: Final = re.compile(r"(?<![\w-])eyJ[\w-]{8,}+\.[\w-]{8,}+(?:\.[\w-]*+)?")
_SCHEME: Final = re.compile(r"(?i)(?<![\w-])(bearer|basic|token|apikey)[ \t]{1,4}([\w.~+/-]{8,}+=*+)")
_KEY: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"
    r"|(?:sk-|sk_|pk_|rk_|gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|AIza|ya29\.|SG\.|hf_|npm_|pypi-|dop_v1_|shpat_"
    r"|whsec_|eyJrIjoi)(?=[\w.-]{0,60}\d)[\w.-]{16,}+)"
)
_BEGIN: Final = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY")
_END: Final = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_USERINFO: Final = re.compile(r"(?<=://)[^\s/?#@\"'<>\\]{1,1024}(?=@)")


def _jwts(text: str) -> Iterator[Span]:
    return (Span(*found.span(), "jwt", found[0]) for found in _JWT.finditer(text))


def _tokens(text: str) -> Iterator[Span]:
    for found in _SCHEME.finditer(text):
        scheme, token = found[1].lower(), found[2]
        if _is_credential(token) if scheme == "basic" else _looks_drawn(token):
            yield Span(*found.span(2), "token", token)


def _is_credential(token: str) -> bool:
    """Return whether a text is `user:password` in base64."""
    try:
        return b":" in base64.b64decode(token + "=" * (-len(token) % 4), validate=True)
    except binascii.Error:
        return False


def _looks_drawn(token: str) -> bool:
    """Return whether a text is no word of a language."""
    return len(token) >= 20 or any(letter.isdigit() for letter in token)


def _keys(text: str) -> Iterator[Span]:
    return (Span(*found.span(), "key", found[0]) for found in _KEY.finditer(text))


def _private_keys(text: str) -> Iterator[Span]:
    """Yield keys from their first line to their last, or to the end of a text that was cut off."""
    at = 0
    while (begin := _BEGIN.search(text, at)) is not None:
        end = _END.search(text, begin.end())
        at = len(text) if end is None else end.end()
        yield Span(begin.start(), at, "private-key", text[begin.start() : at], whole=True)


def _userinfo(text: str) -> Iterator[Span]:
    return (Span(*found.span(), "userinfo", found[0]) for found in _USERINFO.finditer(text))


#: What the built-in profile looks for.
BUILT_IN: Final = (
    Pattern("private-key", ("PRIVATE KEY",), _private_keys),
    Pattern("jwt", ("eyJ",), _jwts),
    Pattern("key", (), _keys),
    Pattern("token", (), _tokens),
    Pattern("userinfo", ("://",), _userinfo),
    Pattern("card", (), _cards),
    Pattern("iban", (), _ibans),
    Pattern("email", ("@",), _emails),
    Pattern("phone", ("+",), _phones),
)


def own_pattern(name: str, compiled: re.Pattern[str]) -> Pattern:
    """Return a rule of a user's own."""

    def find(text: str) -> Iterator[Span]:
        return (Span(*found.span(), name, found[0]) for found in compiled.finditer(text) if found[0])

    return Pattern(name, (), find)
