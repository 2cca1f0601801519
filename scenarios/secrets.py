"""Secrets: texts that must not leave a run, found by their form and, where they have one, by their check digits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple, get_args

SecretKind = Literal["card-number", "iban", "token", "private-key", "email"]
KINDS: Final[tuple[SecretKind, ...]] = get_args(SecretKind)


class Secret(NamedTuple):
    """A secret that was found: its kind, and the text itself, which no report may show."""

    kind: SecretKind
    text: str


def find_secrets(text: str) -> Iterator[Secret]:
    """Yield the secrets in a text."""
    for kind, (pattern, holds) in _PATTERNS.items():
        for match in pattern.finditer(text):
            if holds(match[0]):
                yield Secret(kind, match[0])


def find_in_value(value: Any, way: str = "") -> Iterator[tuple[str, Secret]]:
    """Yield the secrets in a JSON value, in its keys and numbers as well, each with the JSON Pointer to it."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from ((way, secret) for secret in find_secrets(key))
            yield from find_in_value(inner, f"{way}/{key.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from find_in_value(inner, f"{way}/{index}")
    elif isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        yield from ((way, secret) for secret in find_secrets(str(value)))


def luhn_holds(text: str) -> bool:
    """Say whether the digits of a text fit together as those of a card number do (ISO/IEC 7812-1, Annex B)."""
    digits = [int(digit) for digit in reversed(text) if digit.isdecimal()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0 and len(set(digits)) > 1


def mod_97_holds(text: str) -> bool:
    """Say whether a text has the check digits of an IBAN (ISO 13616): moved to its end, the rest by 97 is 1."""
    plain = text.replace(" ", "")
    if not 15 <= len(plain) <= 34:
        return False
    return int("".join(str(int(one, 36)) for one in plain[4:] + plain[:4])) % 97 == 1


def _always(_text: str) -> bool:
    return True


# Ids in journals are hexadecimal and numbers have fractions: digits beside a letter or a point are no card number.
_PATTERNS: Final[dict[SecretKind, tuple[re.Pattern[str], Callable[[str], bool]]]] = {
    "card-number": (re.compile(r"(?<![0-9A-Za-z.])[2-6](?:[ -]?[0-9]){12,18}(?![0-9A-Za-z]|\.[0-9])"), luhn_holds),
    "iban": (re.compile(r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"), mod_97_holds),
    "token": (
        re.compile(
            r"(?i:\bbearer\s+)[A-Za-z0-9._~+/-]{8,}=*"
            r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"
            r"|\b(?:sk-|ghp_|github_pat_|glpat-|xox[abprs]-|AKIA)[A-Za-z0-9_-]{12,}"
        ),
        _always,
    ),
    "private-key": (re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----"), _always),
    "email": (
        re.compile(r"[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}\b"),
        _always,
    ),
}
