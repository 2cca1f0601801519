"""Owns the tokenizer: text in, a bounded list of lower-case tokens out, the same on every machine and in every run."""

import re
import unicodedata
from functools import lru_cache
from typing import Final

MAX_CHARS: Final = 4096
MAX_TOKENS: Final = 128

# Scripts that put no spaces between words: Thai to Lao, Burmese, Khmer, Kana, Han, and half-width Kana.
_UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\uff66-\uff9f\U00020000-\U0003ffff"
)
# Vowel signs and accents are no letters to `re`, but they are parts of words: the scripts of India, combining accents.
_MARKED: Final = "\u0300-\u036f\u0900-\u0963\u0970-\u0dff"
_LETTER: Final = rf"(?:[^\W\d_{_UNSPACED}]|[{_MARKED}])"
# A word keeps one apostrophe tail ("don't"); long runs are cut, not dropped, so that every token is short.
_TOKEN: Final = rf"[{_UNSPACED}]+|{_LETTER}{{1,32}}(?:'{_LETTER}{{1,8}})?|\d{{1,16}}|[^\w\s]"
# The same for lower-case ASCII, in half the time; control characters 28 to 31 are white space to the one above.
_PLAIN_TOKEN: Final = re.compile(r"[a-z]{1,32}(?:'[a-z]{1,8})?|[0-9]{1,16}|[!-/:-@\[-^`{-\x7f\x00-\x08\x0e-\x1b]")


def tokenize(text: str) -> list[str]:
    """Split a text into lower-case words, numbers and single punctuation marks, however its accents are encoded.

    Where a script puts no spaces between words, each two neighbouring characters are a token: most of its words are of
    one or two. Only the first ``MAX_CHARS`` characters and the first ``MAX_TOKENS`` tokens count. Tokenizing the tokens
    joined by spaces gives the same tokens again.

    Args:
        text: Any string, lone surrogates included.

    Returns:
        At most ``MAX_TOKENS`` tokens of at most 41 characters.
    """
    return tokens_of(_fold(text))[:MAX_TOKENS]


def pieces(text: str) -> list[str]:
    """Split a text at its white space, which no token crosses: ``tokens_of`` each gives the tokens of the text.

    Args:
        text: Any string, of which the first ``MAX_CHARS`` characters count.
    """
    text = text[:MAX_CHARS].lower()
    return text.split() if text.isascii() else _compose(text).split()


def tokens_of(piece: str) -> list[str]:
    """Return all tokens of a piece of a text; a token is a piece, and its only token is itself.

    Args:
        piece: One of ``pieces``, or several of them with spaces between.
    """
    if piece.isascii():
        return _PLAIN_TOKEN.findall(piece)
    tokens: list[str] = []
    find_token, is_unspaced = _any_script()
    for token in find_token.findall(piece):
        tokens += _pairs(token) if is_unspaced.match(token) else (token,)
    return tokens


def _fold(text: str) -> str:
    """Return the characters that count, in lower case and one way of writing each."""
    text = text[:MAX_CHARS].lower()
    return text if text.isascii() else _compose(text)


def _compose(text: str) -> str:
    return unicodedata.normalize("NFC", text).replace("\u2019", "'")


@lru_cache(maxsize=1)
def _any_script() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return what finds a token, and what tells one without spaces; compiled for whoever writes more than ASCII."""
    return re.compile(_TOKEN), re.compile(f"[{_UNSPACED}]")


def _pairs(run: str) -> list[str]:
    """Return the overlapping pairs of characters of a run; a single one is its own."""
    return [run[at : at + 2] for at in range(max(len(run) - 1, 1))]
