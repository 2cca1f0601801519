"""Owns the base encoder: a vector for each of many common words, learnt from public text, a few bytes a word."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from router.archive import read_arrays
from router.errors import ModelFileError, RouterError
from router.features import token_hash
from router.sketch import sketch_word

BUNDLED_BASE: Final = Path(__file__).with_name("bundled") / "base.npz"
#: Where smooth inverse frequency (Arora et al. 2017) is one half: at one word in a thousand.
COMMON: Final = 1e-3
MAX_BYTES: Final = 64 * 1024**2
_ARRAYS: Final = {"hashes": ("<u4", 1), "codes": ("|u1", 2), "codebook": ("<f2", 3), "rarities": ("|u1", 1)}
_REMEDY: Final = "install Pointsman again, or build the file again with python -m benchmarks.router.base"


@dataclass(frozen=True, slots=True)
class BaseEncoder:
    """Word vectors under product quantisation (Jegou et al. 2011): each stretch of a vector is one of 256.

    Attributes:
        hashes: ``token_hash`` of every known word, rising, uint32, shape (words,).
        codes: Which of the 256 each stretch is, uint8, shape (words, stretches).
        codebook: The stretches, float16, shape (stretches, 256, length); stretches x length is a multiple of 64.
        rarities: How rare each word is in running text, in 255ths, shape (words,); see ``rarity``.
    """

    hashes: NDArray[np.uint32]
    codes: NDArray[np.uint8]
    codebook: NDArray[np.float16]
    rarities: NDArray[np.uint8]
    digest: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        digest = hashlib.sha256()
        for array in (self.hashes, self.codes, self.codebook, self.rarities):
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        object.__setattr__(self, "digest", digest.hexdigest()[:16])

    def __len__(self) -> int:
        return len(self.hashes)

    @property
    def size(self) -> int:
        """Return the length of a vector."""
        return int(self.codebook.shape[0] * self.codebook.shape[2])

    def word(self, token: str, buckets: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the unit vector of a word, shape (size,); of one that is not known, its sketch in as many dimensions.

        So an unknown word is near nothing but words of similar spelling, and still lengthens the text's vector.

        Args:
            token: The word.
            buckets: Its ``word_buckets``.
        """
        place = self._place(token)
        if place < 0:
            return sketch_word(buckets, self.size)
        stretches = self.codebook[np.arange(len(self.codebook)), self.codes[place]]
        vector: NDArray[np.float32] = stretches.ravel().astype(np.float32)
        vector *= np.float32(1 / (float(vector @ vector) ** 0.5 or 1))
        return vector

    def knows(self, keys: NDArray[np.uint32]) -> NDArray[np.bool_]:
        """Return which words have a vector of their own, given the ``token_hash`` of each, shape (words,)."""
        at = np.minimum(self.hashes.searchsorted(keys), len(self.hashes) - 1)
        known: NDArray[np.bool_] = self.hashes[at] == keys
        return known

    def rarity(self, token: str) -> float:
        """Return how rare a word is in running text, up to 1: a / (a + its frequency) with a = ``COMMON``."""
        place = self._place(token)
        return float(self.rarities[place]) / 255 if place >= 0 else 1.0

    def _place(self, token: str) -> int:
        """Return where a word stands; -1 for one not known."""
        key = np.uint32(token_hash(token))
        place = int(self.hashes.searchsorted(key))
        return place if place < len(self.hashes) and self.hashes[place] == key else -1


def write_base(path: Path, base: BaseEncoder) -> None:
    """Write a base encoder; the same arrays give the same bytes."""
    arrays: dict[str, Any] = {name: getattr(base, name) for name in _ARRAYS}
    with path.open("wb") as stream:
        np.savez(stream, **arrays)


def read_base(path: Path) -> BaseEncoder:
    """Read a base encoder and verify names, types, shapes, order and values.

    Raises:
        ModelFileError: Anything is missing, too large, or not as it should be.
    """

    def check(sizes: Mapping[str, int]) -> None:
        if set(sizes) != {f"{name}.npy" for name in _ARRAYS}:
            raise ModelFileError(path, "is not a base encoder", _REMEDY)

    arrays = read_arrays(path, MAX_BYTES, what="a base encoder", remedy=_REMEDY, if_unreadable=_REMEDY, check=check)
    _verify(path, arrays)
    return BaseEncoder(**arrays)


def _verify(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    for name, (kind, dimensions) in _ARRAYS.items():
        if arrays[name].dtype != np.dtype(kind) or arrays[name].ndim != dimensions:
            raise ModelFileError(path, f"has {name} as {arrays[name].dtype}, {arrays[name].ndim}-d", _REMEDY)
    hashes, codes, codebook, rarities = (arrays[name] for name in _ARRAYS)
    stretches, options, length = codebook.shape
    if codes.shape != (len(hashes), stretches) or options != 256 or not stretches * length or stretches * length % 64:
        raise ModelFileError(path, f"has codes {codes.shape} for a codebook {codebook.shape}", _REMEDY)
    if len(rarities) != len(hashes) or not bool(rarities.all()):
        raise ModelFileError(path, f"has {len(rarities)} rarities for {len(hashes)} words, or one of zero", _REMEDY)
    if not bool((hashes[1:] > hashes[:-1]).all()) or not bool(np.isfinite(codebook).all()):
        raise ModelFileError(path, "has words out of order or values that are not finite", _REMEDY)


@lru_cache(maxsize=1)
def bundled_base() -> BaseEncoder:
    """Read the base encoder that ships with the package, once.

    Raises:
        ModelFileError: The file is missing or damaged.
    """
    return read_base(BUNDLED_BASE)


def base_of(digest: str) -> BaseEncoder | None:
    """Return the base encoder a model was trained on; None for a model without one, whose ``digest`` is "".

    Raises:
        ModelFileError: The base encoder that ships with the package is missing or damaged.
        RouterError: It is another one.
    """
    if not digest:
        return None
    base = bundled_base()
    if base.digest != digest:
        raise RouterError(
            f"the model was trained on base encoder {digest}, this program has {base.digest}; train the model again"
        )
    return base
