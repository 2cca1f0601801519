"""Owns the projection: points of many dimensions drawn in the plane, so that neighbours stay neighbours."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

_FEWEST: Final = 10  # below, neighbourhoods mean nothing: principal components
_PERPLEXITY: Final = 20.0
_STEPS: Final = 300
_EARLY: Final = 80
_EXAGGERATION: Final = 8.0
_BISECTIONS: Final = 40
_TINY: Final = 1e-12


def principal_components(vectors: Points) -> Points:
    """Return the two directions of most variance, each turned so that its largest part is positive, shape (points, 2).

    Args:
        vectors: Shape (points, width), at least one.
    """
    centred = vectors - vectors.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    plane = np.zeros((len(vectors), 2))
    found = left[:, :2] * sizes[:2]
    plane[:, : found.shape[1]] = found
    largest = plane[np.abs(plane).argmax(axis=0), [0, 1]]
    return plane * np.where(largest < 0, -1.0, 1.0)


def project(vectors: Points) -> Points:
    """Return points of the unit square, neighbours near each other: t-SNE (van der Maaten and Hinton, 2008).

    It starts from the principal components, so that the same vectors give the same picture. Exact, and so of quadratic
    cost: meant for hundreds of points.

    Args:
        vectors: Shape (points, width), at least one.

    Returns:
        Shape (points, 2), each from 0 to 1.
    """
    plane = principal_components(vectors)
    if len(vectors) >= _FEWEST and np.ptp(plane):
        plane = _embed(vectors, 1e-2 * plane / max(float(plane[:, 0].std()), _TINY))
    low = plane.min(axis=0)
    return np.asarray((plane - low) / np.maximum(plane.max(axis=0) - low, _TINY))


def _embed(vectors: Points, plane: Points) -> Points:
    wanted = _neighbours(_squares(vectors), min(_PERPLEXITY, len(vectors) / 3))
    rate = max(len(vectors) / _EXAGGERATION, 20.0)
    moved, gains = np.zeros_like(plane), np.ones_like(plane)
    for step in range(_STEPS):
        early = step < _EARLY
        near = 1 / (1 + _squares(plane))
        np.fill_diagonal(near, 0)
        pull = ((_EXAGGERATION if early else 1.0) * wanted - near / near.sum()) * near
        slope = 4 * (pull.sum(axis=1)[:, None] * plane - pull @ plane)
        gains = np.maximum(np.where((slope > 0) == (moved > 0), gains * 0.8, gains + 0.2), 0.01)
        moved = (0.5 if early else 0.8) * moved - rate * gains * slope
        plane = plane + moved
        plane -= plane.mean(axis=0)
    return plane


def _squares(points: Points) -> Points:
    """Return the squared distances, shape (points, points)."""
    lengths = (points**2).sum(axis=1)
    return np.asarray(np.maximum(lengths[:, None] + lengths - 2 * points @ points.T, 0))


def _neighbours(distances: Points, perplexity: float) -> Points:
    """Return the probability of each pair to be neighbours, both ways together, shape (points, points); sums to 1."""
    count = len(distances)
    others = distances + np.where(np.eye(count, dtype=np.bool_), np.inf, 0.0)
    others -= others.min(axis=1, keepdims=True)
    low, high = np.full(count, -20.0), np.full(count, 20.0)  # logarithm of the precision
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        chance = np.exp(-others * np.exp(middle)[:, None])
        chance /= chance.sum(axis=1, keepdims=True)
        entropy = -(chance * np.log(np.maximum(chance, _TINY))).sum(axis=1)
        wide = entropy > np.log(perplexity)
        low, high = np.where(wide, middle, low), np.where(wide, high, middle)
    return np.asarray((chance + chance.T) / (2 * count))
