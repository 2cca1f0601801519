"""Owns the packed rows: trained rows of four bits a weight with one scale a row, unpacked where they are asked for."""

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float32]

#: Sixteen levels, evenly spaced around zero, none of them zero: -7.5 to 7.5 times the scale of the row.
_MIDDLE: Final = np.float32(7.5)
_HIGHEST: Final = 15


def _pairs() -> NDArray[np.complex64]:
    """Return what each byte stands for: two floats side by side, which one look-up of eight bytes moves together."""
    byte = np.arange(256)
    return np.stack([byte & 15, byte >> 4], axis=1).astype(np.float32).__sub__(_MIDDLE).view(np.complex64).ravel()


_PAIRS: Final = _pairs()


@dataclass(frozen=True, slots=True)
class PackedRows:
    """Rows at half a byte a weight; on dev of four sets no accuracy is lost, see ``docs/decisions/0016``.

    Attributes:
        codes: Two columns a byte, the even one in the low half, uint8, shape (rows, (size + 1) // 2).
        scales: Factor of each row, float16, shape (rows,).
        size: Length of a row.
    """

    codes: NDArray[np.uint8]
    scales: NDArray[np.float16]
    size: int

    def __len__(self) -> int:
        return len(self.scales)

    def levels(self, places: NDArray[Any]) -> Vector:
        """Return rows before their scales, multiples of a half from -7.5 to 7.5, shape (places, size)."""
        found: Vector = _PAIRS.take(self.codes.take(places, axis=0)).view(np.float32)
        return found[:, : self.size]

    def factors(self, places: NDArray[Any]) -> Vector:
        """Return the scales of rows, shape (places,); times the levels they are the rows."""
        return self.scales.take(places).astype(np.float32)

    def unpack(self) -> Vector:
        """Return all rows, shape (rows, size)."""
        every = np.arange(len(self))
        return self.levels(every) * self.factors(every)[:, None]


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
