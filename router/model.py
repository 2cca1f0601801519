"""Owns the network: a bag of hashed n-grams, fixed vectors beside it, one normalisation and a cosine head (torch)."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from router.corpus import Corpus

_TINY: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Batch:
    """Texts as the network reads them.

    Attributes:
        features: Row numbers of all texts' features, one after the other, shape (occurrences,).
        weights: Weight of each occurrence (IDF, dropout), shape (occurrences,).
        offsets: Where each text starts in ``features``, shape (texts,).
        base: Weighted sum of the words' vectors from the base encoder, fixed, shape (texts, base).
        sketch: Weighted sum of the words' sketches, fixed, shape (texts, sketch).
    """

    features: Tensor
    weights: Tensor
    offsets: Tensor
    base: Tensor
    sketch: Tensor


class BagModel(nn.Module):
    """Score labels by the cosine between a text's pooled vector and each label's row.

    ``score = <[bag; base], head> / |[bag; base; sketch]|`` with head rows of unit length. The bag is linear in its
    features, so that scores split exactly over words; the sketch gives the bag something to be measured against.
    """

    def __init__(self, features: int, size: int, base: Tensor, generator: torch.Generator) -> None:
        """Start from small random rows, and label rows that are random in the bag and given in the base.

        Args:
            features: Number of embedding rows.
            size: Length of an embedding row.
            base: Where the label rows start in the base, shape (labels, base).
            generator: The one source of randomness.
        """
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(features, size, generator=generator) * 0.02)
        bag = functional.normalize(torch.randn(len(base), size, generator=generator), dim=1)  # (labels, size)
        self.head = nn.Parameter(torch.cat([bag, base], dim=1))  # (labels, size + base)

    def pool(self, batch: Batch) -> Tensor:
        """Return the vectors of texts, not normalised, shape (texts, size + base + sketch)."""
        bag = functional.embedding_bag(
            batch.features, self.embedding, batch.offsets, mode="sum", per_sample_weights=batch.weights, sparse=True
        )  # (texts, size)
        return torch.cat([bag, batch.base, batch.sketch], dim=1)

    def forward(self, batch: Batch) -> Tensor:
        """Return the scores, cosines between -1 and 1, shape (texts, labels)."""
        vectors = functional.normalize(self.pool(batch), dim=1, eps=_TINY)  # (texts, size + base + sketch)
        head = functional.normalize(self.head, dim=1)  # (labels, size + base)
        return vectors[:, : self.head.shape[1]] @ head.T  # (texts, labels)


@dataclass(frozen=True, slots=True)
class Scales:
    """Factors on the weights of the features, on the vectors from the base encoder and on the sketches."""

    features: float
    base: float
    sketch: float


def select(corpus: Corpus, chosen: NDArray[np.int64], scales: Scales) -> Batch:
    """Gather some texts of a corpus into a batch, in the order given."""
    begins = corpus.starts[chosen]
    sizes = corpus.starts[chosen + 1] - begins
    offsets = np.cumsum(sizes) - sizes
    places = np.arange(int(sizes.sum())) + np.repeat(begins - offsets, sizes)
    return Batch(
        torch.from_numpy(corpus.rows[places]),
        torch.from_numpy(corpus.weights[places] * np.float32(scales.features)),
        torch.from_numpy(offsets),
        torch.from_numpy(corpus.base[chosen] * np.float32(scales.base)),
        torch.from_numpy(corpus.sketch[chosen] * np.float32(scales.sketch)),
    )
