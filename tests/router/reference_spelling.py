"""The spelling once more, one word after the other and no look-up of many at once: what the router agrees with."""

import zlib
from string import ascii_lowercase

from router.base_encoder import BaseEncoder
from router.manifest import Manifest
from router.model_file import ModelArrays
from router.tokenizer import tokenize
from tests.router.reference import buckets_of


def slips(word: str) -> set[str]:
    found = set()
    for at in range(len(word) + 1):
        found |= {word[:at] + letter + word[at + more :] for letter in ascii_lowercase for more in (0, 1)}
        found |= {word[:at] + word[at + 1 :], word[:at] + word[at + 1 : at + 2] + word[at : at + 1] + word[at + 2 :]}
    return found - {word}


def read(text: str, manifest: Manifest, arrays: ModelArrays, base: BaseEncoder | None) -> str:
    """Return a text as it is read, word by word."""
    if base is None or not manifest.config.get("spelling"):
        return text
    idf = dict(zip(arrays.buckets.tolist(), arrays.idf.tolist(), strict=True))
    hashes = set(base.hashes.tolist())

    def is_common(word: str) -> bool:
        return zlib.crc32(word.encode()) in hashes

    def is_seen(word: str) -> bool:
        return buckets_of(word, manifest.bits)[0] in idf

    def meant(word: str) -> str:
        if not 4 <= len(word) <= 24 or set(word) - set(ascii_lowercase) or is_common(word) or is_seen(word):
            return word
        found = sorted(other for other in slips(word) if is_common(other) and is_seen(other))
        found.sort(key=lambda other: (other[0] != word[0], idf[buckets_of(other, manifest.bits)[0]]))
        return found[0] if found else word

    return " ".join(map(meant, tokenize(text)))
