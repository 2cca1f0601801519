"""Inert text: what strangers wrote, as it stands in a page: no mark-up, and nothing hidden or turned round."""

from __future__ import annotations

import html
import unicodedata
from typing import Final

#: Letters and marks that nobody sees (Unicode: Default_Ignorable_Code_Point), but for the variants of pictures.
_UNSEEN: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0") | frozenset(
    map(chr, range(0xE0100, 0xE01F0))
)
#: Longer texts are cut where they stand in a table.
CUT: Final = 300


def shown(text: object, most: int = 0) -> str:
    """Return a text as one line in which every control, format, private or unseen character is written as its number.

    White space becomes single spaces; surrogates and bidirectional controls are characters that are written so, too.

    Args:
        text: whatever has a `str`.
        most: characters that it may have; 0 for any number.
    """
    line = " ".join(str(text).split())
    if most and len(line) > most:
        line = f"{line[: most - 1]}…"
    if line.isascii() and line.isprintable():
        return line
    return "".join(_seen(character) for character in line)


def inert(text: object, most: int = 0) -> str:
    """Return a text as `shown` gives it, escaped for HTML."""
    return html.escape(shown(text, most))


def _seen(character: str) -> str:
    hides = unicodedata.category(character)[0] == "C" or character in _UNSEEN
    return f"⟨U+{ord(character):04X}⟩" if hides else character
