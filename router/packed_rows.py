"""Owns the packed rows: trained rows of four bits a weight with one scale a row, unpacked where they are asked for."""

from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float32]

#: Sixteen levels, evenly spaced around zero, none of them zero: -7.5 to 7.5 times the scale of the row.
_MIDDLE: Final = np.float32(7.5)
_HIGHEST: Final = 15


@dataclass(frozen=True, slots=True)
class PackedRows:
    """Rows at half a byte a weight; on dev of four sets no accuracy is lost, see ``docs/decisions/0016``.

    In memory they are unpacked to a byte a weight, at once: a look-up of half bytes for every request takes twice as
    long as one of whole bytes, and to unpack all of them takes a few milliseconds.

    Attributes:
        codes: Two columns a byte, the even one in the low half, uint8, shape (rows, (size + 1) // 2).
        scales: Factor of each row, float16, shape (rows,).
        size: Length of a row.
    """

    codes: NDArray[np.uint8]
    scales: NDArray[np.float16]
    size: int
    _levels: NDArray[np.int8] = field(init=False, repr=False, compare=False)
    _factors: Vector = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        factors = np.zeros(len(self.scales) + 1, dtype=np.float32)
        np.multiply(self.scales, np.float32(0.5), out=factors[:-1], dtype=np.float32)
        object.__setattr__(self, "_levels", _unpack(self.codes, self.size))
        object.__setattr__(self, "_factors", factors)

    def __len__(self) -> int:
        return len(self.scales)

    def levels(self, places: NDArray[Any]) -> NDArray[np.int8]:
        """Return rows before their factors, odd whole numbers from -15 to 15, shape (places, size); zeros at -1."""
        return self._levels.take(places, 0)

    def factors(self, places: NDArray[Any]) -> Vector:
        """Return half the scales of rows, shape (places,); times the levels they are the rows; 0 at -1."""
        factors: Vector = self._factors[places]  # for one axis quicker than `take`
        return factors

    def sum(self, places: NDArray[Any]) -> Vector:
        """Return the sum of rows, shape (size,)."""
        total: Vector = self._factors.take(places).dot(self._levels.take(places, 0))
        return total

    def unpack(self) -> Vector:
        """Return all rows, shape (rows, size)."""
        every = np.arange(len(self))
        return self.levels(every) * self.factors(every)[:, None]


def _unpack(codes: NDArray[np.uint8], size: int) -> NDArray[np.int8]:
    """Return twice the levels, which are whole numbers, and a row of zeros behind them, shape (rows + 1, size)."""
    wide = np.zeros((len(codes) + 1, codes.shape[1]), dtype="<u2")
    np.left_shift(codes, 4, out=wide[:-1], dtype="<u2")
    wide[:-1] |= codes  # now the high half of a byte lies in a byte of its own
    wide &= 0x0F0F
    levels = wide.view(np.int8)
    levels[:-1] *= 2
    levels[:-1] -= _HIGHEST
    return np.ascontiguousarray(levels[:, :size])


def pack(rows: Vector) -> PackedRows:
    """Round rows to the nearest of sixteen levels of their own largest weight.

    Args:
        rows: Finite, below 65,504 times 7.5, shape (rows, size).
    """
    scales = (np.abs(rows).max(axis=1, initial=0.0) / _MIDDLE).astype(np.float16)
    factors = scales.astype(np.float32)[:, None]
    levels = np.divide(rows, factors, out=np.zeros_like(rows), where=factors > 0)
    codes = np.clip(np.floor(levels) + 8, 0, _HIGHEST).astype(np.uint8)
    if rows.shape[1] % 2:
        codes = np.pad(codes, ((0, 0), (0, 1)))
    return PackedRows(codes[:, ::2] | codes[:, 1::2] << np.uint8(4), scales, rows.shape[1])
