"""Remembered: secrets that were known by their names, to be known again where nothing names them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from orchestrator.redaction.span import Span

#: Letters of a secret that is remembered, at least: a shorter one may be any word.
_LEAST: Final = 6
_SURE: Final = 16
#: Up to so many are looked for one by one.
_FEW: Final = 32


class Remembered:
    """Secrets of this run and their rules. It finds what stands in a text by itself, in one pass."""

    def __init__(self) -> None:
        self._rules: dict[str, str] = {}
        self._by_head: dict[str, list[str]] = {}

    def __len__(self) -> int:
        """Return how many are known."""
        return len(self._rules)

    def add(self, rule: str, secret: str) -> bool:
        """Remember a secret that is no word of a language; return whether it is new."""
        if len(secret) < _LEAST or secret in self._rules or not _is_drawn(secret):
            return False
        self._rules[secret] = rule
        same = self._by_head.setdefault(secret[:_LEAST], [])
        same.append(secret)
        same.sort(key=len, reverse=True)
        return True

    def spans(self, text: str) -> Iterator[Span]:
        """Yield where a secret stands."""
        if len(text) < _LEAST or not self._rules:
            return
        if len(self._rules) <= _FEW and not any(secret in text for secret in self._rules):
            return
        end = 0
        for at in range(len(text) - _LEAST + 1):
            if at < end or (same := self._by_head.get(text[at : at + _LEAST])) is None:
                continue
            secret = next((one for one in same if text.startswith(one, at)), None)
            if secret is not None:
                end = at + len(secret)
                yield Span(at, end, self._rules[secret], secret)


def _is_drawn(secret: str) -> bool:
    """Return whether a secret has letters and digits, or is so long that it is no other word by chance."""
    if len(secret) >= _SURE:
        return True
    return (any(letter.isdigit() for letter in secret) and not secret.isdigit()) or not secret.isalnum()
