"""Blocks: the data of a page, compressed, in as many pieces as are looked at one by one, within a bound."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from typing import Any, Final

import orjson

_LEVEL: Final = 6


def pack(value: Any) -> bytes:
    """Return a JSON value compressed, as a page reads it: zlib (RFC 1950)."""
    try:
        text = orjson.dumps(value, None, orjson.OPT_NON_STR_KEYS)
    except TypeError:  # half a surrogate pair, as the name of a file may have: written as an escape
        text = json.dumps(value).encode()
    return pack_text(text)


def pack_text(text: bytes) -> bytes:
    """Return a JSON text compressed alike."""
    return zlib.compress(text, _LEVEL)


class Blocks:
    """Pieces by name, in a page as base64: whatever they hold, it is letters and digits there."""

    def __init__(self, room: int) -> None:
        self._blocks: dict[str, str] = {}
        self._room = room

    def need(self, name: str, packed: bytes) -> None:
        """Add a piece without which the page says nothing."""
        self._blocks[name] = base64.b64encode(packed).decode()
        self._room -= len(self._blocks[name])

    def offer(self, name: str, packed: bytes) -> bool:
        """Add a piece if there is room for it; return whether there was."""
        fits = len(packed) * 4 // 3 + 4 <= self._room
        if fits:
            self.need(name, packed)
        return fits

    def close(self) -> None:
        """Have no room for anything from now on: pieces that follow one another are not taken with gaps."""
        self._room = 0

    def to_html(self) -> Iterator[str]:
        """Yield the pieces as elements that no browser runs."""
        for name, text in self._blocks.items():
            yield f'<script type="text/plain" id="data-{name}">{text}</script>\n'
