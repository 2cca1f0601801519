"""Owns the packed rows: trained rows of four bits a weight with one scale a row, read as whole numbers of one step."""

from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float32]
Levels: TypeAlias = NDArray[np.int8]

#: Sixteen levels, evenly spaced around zero, none of them zero: -7.5 to 7.5 times the scale of the row.
_MIDDLE: Final = 7.5
_HIGHEST: Final = 15
_MOST: Final = 127  # steps of the largest weight there can be
_FRACTION: Final = 8  # binary places of what a row's levels are multiplied by
_ROWS_AT_ONCE: Final = 2048  # so many stay in the cache of a core


@dataclass(frozen=True, slots=True)
class PackedRows:
    """Rows at half a byte a weight; on dev of four sets no accuracy is lost, see ``docs/decisions/0016``.

    In memory they have a byte a weight and one step for all rows, at once: so nothing but the bytes is looked up for a
    request, and their sum is a product with one number. A weight is rounded to the nearest of 255 steps, a hundredth of
    a row's length or two, see ``docs/decisions/0040``; all of them take a few milliseconds.

    Attributes:
        codes: Two columns a byte, the even one in the low half, uint8, shape (rows, (size + 1) // 2).
        scales: Factor of each row, float16, shape (rows,).
        size: Length of a row.
        levels: Whole numbers, and a row of zeros behind them for what training has not seen, shape (rows + 1, size).
        step: Times the levels it is the rows.
    """

    codes: NDArray[np.uint8]
    scales: NDArray[np.float16]
    size: int
    levels: Levels = field(init=False, repr=False, compare=False)
    step: float = field(init=False, compare=False)

    def __post_init__(self) -> None:
        step = float(self.scales.max(initial=0)) * _MIDDLE / _MOST
        # Twice a level is a whole number; times half a scale in steps, of which this many binary places count.
        multiples = np.rint(self.scales.astype(np.float64) * ((1 << _FRACTION - 1) / step if step else 0.0))
        object.__setattr__(self, "step", step)
        object.__setattr__(self, "levels", _unpack(self.codes, multiples.astype(np.int16), self.size))

    def __len__(self) -> int:
        return len(self.scales)

    def sum(self, places: NDArray[np.intp]) -> Vector:
        """Return the sum of rows, shape (size,); what is at -1 adds nothing."""
        total: Vector = np.full(len(places), self.step, dtype=np.float32).dot(self.levels.take(places, 0))
        return total

    def unpack(self) -> Vector:
        """Return all rows, shape (rows, size)."""
        return self.levels[:-1] * np.float32(self.step)


def _unpack(codes: NDArray[np.uint8], multiples: NDArray[np.int16], size: int) -> Levels:
    """Return levels in steps, and a row of zeros behind them, shape (rows + 1, size)."""
    levels = np.zeros((len(codes) + 1, size), dtype=np.int8)
    wide = np.empty((_ROWS_AT_ONCE, 2 * codes.shape[1]), dtype=np.int16)
    for begin in range(0, len(codes), _ROWS_AT_ONCE):
        packed = codes[begin : begin + _ROWS_AT_ONCE]
        twice = wide[: len(packed)]
        np.bitwise_and(packed, 15, out=twice[:, ::2])
        np.right_shift(packed, 4, out=twice[:, 1::2])
        twice *= 2
        twice -= _HIGHEST
        twice *= multiples[begin : begin + _ROWS_AT_ONCE, None]
        twice += 1 << _FRACTION - 1  # to the nearest
        twice >>= _FRACTION
        levels[begin : begin + len(packed)] = twice[:, :size]
    return levels


def pack(rows: Vector) -> PackedRows:
    """Round rows to the nearest of sixteen levels of their own largest weight.

    Args:
        rows: Finite, below 65,504 times 7.5, shape (rows, size).
    """
    scales = (np.abs(rows).max(axis=1, initial=0.0) / np.float32(_MIDDLE)).astype(np.float16)
    factors = scales.astype(np.float32)[:, None]
    levels = np.divide(rows, factors, out=np.zeros_like(rows), where=factors > 0)
    codes = np.clip(np.floor(levels) + 8, 0, _HIGHEST).astype(np.uint8)
    if rows.shape[1] % 2:
        codes = np.pad(codes, ((0, 0), (0, 1)))
    return PackedRows(codes[:, ::2] | codes[:, 1::2] << np.uint8(4), scales, rows.shape[1])
