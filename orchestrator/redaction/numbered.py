"""Numbered pseudonyms: a secret by its rule and the order in which it came, `[iban:000000000002]`; there is no key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from orchestrator.redaction.pseudonym import DIGITS, PSEUDONYM

#: A number has so many zeros before it at least: an HMAC has them once in 65,536 times.
_ZEROS: Final = "0000"


class Numbered:
    """Makes pseudonyms that tell nothing of a secret but its rule, and which others are the same one.

    One that is free stands in nothing that was written yet, so it may still become another: in a replay, the one
    that the recording had at the same place.
    """

    def __init__(self) -> None:
        self._names: dict[tuple[str, str], str] = {}
        self._secrets: dict[str, tuple[str, str]] = {}
        self._last: Counter[str] = Counter()
        self._free: set[str] = set()

    def __call__(self, rule: str, secret: str) -> str:
        """Return the pseudonym of a secret; the next number of its rule if it is new."""
        known = self._names.get((rule, secret))
        if known is None:
            self._last[rule] += 1
            known = numbered(rule, self._last[rule])
            self._free.add(known)
            self._own(known, rule, secret)
        return known

    def hold(self) -> None:
        """Let each that there is stay as it is."""
        self._free.clear()

    def forget(self) -> None:
        """Know no secret any more; the numbers go on."""
        self._names.clear()
        self._secrets.clear()
        self._free.clear()

    def reserve(self, pseudonyms: Iterable[str]) -> None:
        """Give no number of these to anybody else."""
        for pseudonym in pseudonyms:
            if is_numbered(pseudonym):
                rule, _, digits = pseudonym[1:-1].partition(":")
                self._last[rule] = max(self._last[rule], int(digits))

    def can_become(self, mine: str, other: str) -> bool:
        """Return whether a pseudonym of ours may be that other one: ours is free, and no secret has the other."""
        return mine in self._free and other not in self._secrets

    def become(self, mine: str, other: str) -> None:
        """Give the secret of a free pseudonym another one, for good."""
        rule, secret = self._secrets.pop(mine)
        self._free.discard(mine)
        self._own(other, rule, secret)
        if mine == numbered(rule, self._last[rule]):
            self._last[rule] -= 1

    def _own(self, pseudonym: str, rule: str, secret: str) -> None:
        self._names[rule, secret], self._secrets[pseudonym] = pseudonym, (rule, secret)


def numbered(rule: str, number: int) -> str:
    """Return a pseudonym."""
    return f"[{rule}:{number:0{DIGITS}d}]"


def is_numbered(pseudonym: str) -> bool:
    """Return whether a pseudonym is a number, and none that a key has made."""
    digits = pseudonym[-1 - DIGITS : -1]
    return digits.startswith(_ZEROS) and digits.isdecimal()


def without_number(text: str) -> str:
    """Return a text in which numbered pseudonyms of one rule are all the same."""
    return PSEUDONYM.sub(lambda found: blank(found[0]) if is_numbered(found[0]) else found[0], text)


def blank(pseudonym: str) -> str:
    """Return what pseudonyms of this rule have in common."""
    return f"{pseudonym.partition(':')[0]}:{'0' * DIGITS}]"
