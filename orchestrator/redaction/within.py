"""Within: the pseudonyms that stand in a JSON value, also in base64: which they are, and the value with others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from orchestrator.redaction.numbered import blank, is_numbered, numbered
from orchestrator.redaction.profile import Profile
from orchestrator.redaction.pseudonym import PSEUDONYM
from orchestrator.redaction.redactor import Redactor
from orchestrator.redaction.views import LEAST, packed

#: Encodings inside each other, as many as redaction looks into.
_DEPTH: Final = 3


class Recounted:
    """Redacts, and numbers what is numbered anew, by its first appearance in what it was given: rows of one run.

    So rows say the same in a recording and in its replay, and after another one: in which order answers come, and
    what else there was to be numbered, is not in them.
    """

    def __init__(self, redact: Redactor) -> None:
        self._redact = redact
        self._names: dict[str, str] = {}
        self._last: Counter[str] = Counter()

    @property
    def profile(self) -> Profile:
        """What is a secret."""
        return self._redact.profile

    def __call__(self, value: Any) -> Any:
        """Return a JSON value without its secrets.

        Raises:
            RedactionError: if a rule fails.
        """
        return renamed(self._redact(value), self._name)

    def _name(self, pseudonym: str) -> str:
        if not is_numbered(pseudonym):
            return pseudonym
        known = self._names.get(pseudonym)
        if known is None:
            rule = pseudonym[1:].partition(":")[0]
            self._last[rule] += 1
            known = self._names[pseudonym] = numbered(rule, self._last[rule])
        return known


def shape_of(value: Any) -> tuple[Any, tuple[str, ...]]:
    """Return a JSON value with the pseudonyms of each rule made one, and those that it had, in the order of places.

    Values that differ in nothing but their secrets have one shape, and their pseudonyms go in pairs.
    """
    had: list[str] = []

    def name(pseudonym: str) -> str:
        had.append(pseudonym)
        return blank(pseudonym)

    return renamed(value, name), tuple(had)


def renamed(value: Any, name: Callable[[str], str]) -> Any:
    """Return a JSON value with other pseudonyms; of two keys that become one, the later one has a number behind it."""
    if isinstance(value, str):
        return _text(value, name, _DEPTH)
    if isinstance(value, dict):
        made: dict[str, Any] = {}
        for key in sorted(value, key=lambda key: _text(key, blank, _DEPTH)):  # of one shape as they stand
            new = _text(key, name, _DEPTH)
            made[f"{new}#{len(made)}" if new in made else new] = renamed(value[key], name)
        return made
    if isinstance(value, list | tuple):
        return [renamed(item, name) for item in value]
    return value


def _text(text: str, name: Callable[[str], str], depth: int) -> str:
    if "[" in text:
        text = PSEUDONYM.sub(lambda found: name(found[0]), text)
    if not depth or len(text) < LEAST:
        return text
    parts, at = [], 0
    for span in packed(text, lambda inside: _text(inside, name, depth - 1)):
        parts += [text[at : span.start], span.instead or ""]
        at = span.end
    return "".join([*parts, text[at:]])
