"""Owns the tokenizer: text in, a bounded list of lower-case tokens out, the same on every machine and in every run."""

import re
from typing import Final

MAX_CHARS: Final = 4096
MAX_TOKENS: Final = 128

# A word keeps one apostrophe tail ("don't"); long runs are cut, not dropped, so that every token is short.
_TOKEN: Final = re.compile(r"[^\W\d_]{1,32}(?:'[^\W\d_]{1,8})?|\d{1,16}|[^\w\s]")
# The same for lower-case ASCII, in half the time; control characters 28 to 31 are white space to the one above.
_PLAIN_TOKEN: Final = re.compile(r"[a-z]{1,32}(?:'[a-z]{1,8})?|[0-9]{1,16}|[!-/:-@\[-^`{-\x7f\x00-\x08\x0e-\x1b]")


def tokenize(text: str) -> list[str]:
    """Split a text into lower-case words, numbers and single punctuation marks.

    Only the first ``MAX_CHARS`` characters and the first ``MAX_TOKENS`` tokens count. Tokenizing the tokens joined by
    spaces gives the same tokens again.

    Args:
        text: Any string, lone surrogates included.

    Returns:
        At most ``MAX_TOKENS`` tokens of at most 41 characters.
    """
    text = text[:MAX_CHARS].lower()
    if text.isascii():
        return _PLAIN_TOKEN.findall(text)[:MAX_TOKENS]
    return _TOKEN.findall(text.replace("\u2019", "'"))[:MAX_TOKENS]
