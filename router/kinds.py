"""Owns the kinds: an agent's examples sorted by likeness, for one agent is often asked for several things."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from router.assembly import unit

#: So many kinds an agent has at most.
MOST_KINDS: Final = 8
_ROUNDS: Final = 8


def sort_into_kinds(vectors: NDArray[np.float32], most: int = MOST_KINDS) -> list[NDArray[np.intp]]:
    """Return the places of the examples of each kind, none of them empty: spherical k-means (Dhillon and Modha 2001).

    The first centres are the example least like the mean, then again and again that which is least like any centre
    (Gonzalez 1985), so that the same examples give the same kinds.

    Args:
        vectors: Of the examples, shape (examples, width), at least one.
        most: Number of kinds at most.
    """
    if len(vectors) <= most:
        return [np.array([at]) for at in range(len(vectors))]
    centres = vectors[_apart(vectors, most)]
    kind = np.full(len(vectors), -1)
    for _ in range(_ROUNDS):
        before, kind = kind, (vectors @ unit(centres).T).argmax(axis=1)
        if np.array_equal(before, kind):
            break
        centres = np.stack([vectors[kind == at].sum(axis=0) if at in kind else centres[at] for at in range(most)])
    return [np.flatnonzero(kind == at) for at in np.unique(kind).tolist()]


def _apart(vectors: NDArray[np.float32], count: int) -> list[int]:
    """Return the places of examples that are unlike each other."""
    found = [int((vectors @ vectors.mean(axis=0)).argmin())]
    nearest = vectors @ vectors[found[0]]
    while len(found) < count:
        found.append(int(nearest.argmin()))
        nearest = np.maximum(nearest, vectors @ vectors[found[-1]])
    return found
