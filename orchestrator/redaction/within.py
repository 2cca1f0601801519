"""Within: the pseudonyms that stand in a JSON value, also in base64: which they are, and the value with others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from orchestrator.redaction.numbered import blank
from orchestrator.redaction.pseudonym import PSEUDONYM
from orchestrator.redaction.views import packed

#: Encodings inside each other, as many as redaction looks into.
_DEPTH: Final = 3


def shape_of(value: Any) -> tuple[Any, tuple[str, ...]]:
    """Return a JSON value with the pseudonyms of each rule made one, and those that it had, in the order of places.

    Values that differ in nothing but their secrets have one shape, and their pseudonyms go in pairs.
    """
    had: list[str] = []

    def name(pseudonym: str) -> str:
        had.append(pseudonym)
        return blank(pseudonym)

    return _replaced(value, name), tuple(had)


def _replaced(value: Any, name: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return _text(value, name, _DEPTH)
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: _text(key, blank, _DEPTH))  # of one shape in the order that they have
        return [[_text(key, name, _DEPTH), _replaced(value[key], name)] for key in keys]
    if isinstance(value, list | tuple):
        return [_replaced(item, name) for item in value]
    return value


def _text(text: str, name: Callable[[str], str], depth: int) -> str:
    text = PSEUDONYM.sub(lambda found: name(found[0]), text)
    if not depth:
        return text
    parts, at = [], 0
    for span in packed(text, lambda inside: _text(inside, name, depth - 1)):
        parts += [text[at : span.start], span.instead or ""]
        at = span.end
    return "".join([*parts, text[at:]])
