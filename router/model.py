"""Owns the network: a bag of hashed n-grams, fixed vectors beside it, one normalisation and a cosine head (torch)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from router.corpus import Corpus

_TINY: Final = 1e-12
_ALMOST: Final = 1 - 1e-6  # of a certainty, so that what is not certain has a logarithm
_EPSILON: Final = 1e-6  # keeps Adagrad from dividing by zero
_BY_ROWS: Final = 0.5  # of the learning rate, where a row of the embedding has one sum

#: From a number of features to the places, rising, of those that are not hidden.
Keep: TypeAlias = Callable[[int], NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Batch:
    """Texts as the network reads them.

    Attributes:
        features: Row numbers of all texts' features, one after the other, shape (occurrences,).
        weights: Weight of each occurrence (IDF, dropout), shape (occurrences,).
        owners: Which text each is of, rising, shape (occurrences,).
        offsets: Where each text starts in ``features``, shape (texts,).
        base: Weighted sum of the words' vectors from the base encoder, fixed, shape (texts, base).
        sketch: Weighted sum of the words' sketches, fixed, shape (texts, sketch).
    """

    features: Tensor
    weights: Tensor
    owners: Tensor
    offsets: Tensor
    base: Tensor
    sketch: Tensor


class Seen(NamedTuple):
    """One way through the network, with what the way back needs.

    Attributes:
        vectors: Trained and base parts, not normalised, shape (texts, size + base).
        lengths: Lengths of the vectors, the sketch included, shape (texts, 1).
        head: Label rows of unit length, shape (labels, size + base).
        scores: Cosines, shape (texts, labels).
    """

    vectors: Tensor
    lengths: Tensor
    head: Tensor
    scores: Tensor


class Slopes(NamedTuple):
    """How the loss changes with the parameters; rows of the embedding that are not named do not change it.

    Attributes:
        touched: Row numbers, rising, shape (rows,).
        rows: By those rows, shape (rows, size).
        head: By the label rows, shape (labels, size + base).
    """

    touched: Tensor
    rows: Tensor
    head: Tensor


class BagModel:
    """Score labels by the cosine between a text's pooled vector and each label's row.

    ``score = <[bag; base], head> / |[bag; base; sketch]|`` with head rows of unit length. The bag is linear in its
    features, so that scores split exactly over words; the sketch gives the bag something to be measured against.

    Attributes:
        embedding: The trained rows, shape (features, size).
        head: The label rows, of any length, shape (labels, size + base).
    """

    def __init__(self, features: int, size: int, base: Tensor, generator: torch.Generator) -> None:
        """Start from small random rows, and label rows that are random in the bag and given in the base.

        Args:
            features: Number of embedding rows.
            size: Length of an embedding row.
            base: Where the label rows start in the base, shape (labels, base).
            generator: The one source of randomness.
        """
        self.embedding = torch.randn(features, size, generator=generator) * 0.02
        bag = functional.normalize(torch.randn(len(base), size, generator=generator), dim=1)  # (labels, size)
        self.head = torch.cat([bag, base], dim=1)  # (labels, size + base)

    def pool(self, batch: Batch) -> Tensor:
        """Return the vectors of texts, not normalised, shape (texts, size + base + sketch)."""
        bag = functional.embedding_bag(
            batch.features, self.embedding, batch.offsets, mode="sum", per_sample_weights=batch.weights
        )  # (texts, size)
        return torch.cat([bag, batch.base, batch.sketch], dim=1)

    def look(self, batch: Batch) -> Seen:
        """Score texts."""
        pooled = self.pool(batch)  # (texts, size + base + sketch)
        lengths = torch.linalg.vector_norm(pooled, dim=1, keepdim=True).clamp(min=_TINY)  # (texts, 1)
        head = functional.normalize(self.head, dim=1)  # (labels, size + base)
        vectors = pooled[:, : head.shape[1]]  # (texts, size + base)
        return Seen(vectors, lengths, head, vectors @ head.T / lengths)

    def slopes(self, batch: Batch, seen: Seen, by_scores: Tensor) -> Slopes:
        """Go the way back: from how the loss changes with the scores, shape (texts, labels), to the parameters.

        By hand, for the sum over the texts that have a feature is a bag as well: of texts, one bag a feature. That is
        several times quicker than sparse tensors or what autograd makes of ``embedding_bag``.
        """
        size = self.embedding.shape[1]
        pushed = by_scores / seen.lengths  # (texts, labels)
        along = (by_scores * seen.scores).sum(dim=1, keepdim=True) / seen.lengths.square()  # (texts, 1)
        bag = pushed @ seen.head[:, :size] - along * seen.vectors[:, :size]  # (texts, size)
        head = pushed.T @ seen.vectors  # (labels, size + base)
        head -= (head * seen.head).sum(dim=1, keepdim=True) * seen.head
        head /= torch.linalg.vector_norm(self.head, dim=1, keepdim=True).clamp(min=_TINY)
        order, touched, offsets = _by_row(batch.features.numpy())
        rows = functional.embedding_bag(
            batch.owners[order], bag, offsets, mode="sum", per_sample_weights=batch.weights[order]
        )  # (rows, size)
        return Slopes(touched, rows, head)


class Adagrad:
    """Adagrad (Duchi et al. 2011): each number moves by its slope over the root of the sum of its squared slopes.

    Where examples are many, a row of the embedding has one sum, of the means of its squared slopes, and half the rate:
    a little more accurate, and half the memory to go through in a step, which is what a step waits for.

    Attributes:
        embedding: Sums of squares, shape (features, size), or (features, 1) by rows.
        head: The same of the head, shape (labels, size + base).
    """

    def __init__(self, model: BagModel, *, by_rows: bool = False) -> None:
        """Begin with sums of zero; one for each number of the embedding, or ``by_rows``."""
        self._model = model
        self._share = _BY_ROWS if by_rows else 1.0
        self.embedding = torch.zeros(len(model.embedding), 1 if by_rows else model.embedding.shape[1])
        self.head = torch.zeros_like(model.head)

    def step(self, slopes: Slopes, rate: float) -> None:
        """Move the parameters; of the embedding only the rows that the slopes name are read and written."""
        touched, rows, head = slopes
        squares = rows.square()
        if self.embedding.shape[1] == 1:
            squares = squares.mean(dim=1, keepdim=True)
        sums = squares.add_(self.embedding.index_select(0, touched))
        self.embedding.index_copy_(0, touched, sums)
        self._model.embedding.index_add_(0, touched, rows / sums.sqrt_().add_(_EPSILON), alpha=-rate * self._share)
        self.head.addcmul_(head, head)
        self._model.head.addcdiv_(head, self.head.sqrt().add_(_EPSILON), value=-rate)


def loss_of(scores: Tensor, wanted: Tensor, unwanted: Tensor, scale: float) -> tuple[float, Tensor]:
    """Return the sum of the losses of some texts, and how their mean changes with each score; all (texts, labels)."""
    log_p = functional.log_softmax(scores * scale, dim=1)
    p = log_p.exp()
    loss, pull = (wanted * log_p).sum(), wanted
    if unwanted.any():  # thumbs alone say something against a label
        not_p = 1 - _ALMOST * p
        loss, pull = loss + (unwanted * not_p.log()).sum(), wanted - unwanted * (_ALMOST * p / not_p)
    return -loss.item(), (p * pull.sum(dim=1, keepdim=True) - pull) * (scale / len(scores))


@dataclass(frozen=True, slots=True)
class Scales:
    """Factors on the weights of the features, on the vectors from the base encoder and on the sketches."""

    features: float
    base: float
    sketch: float


def select(corpus: Corpus, chosen: NDArray[np.int64], scales: Scales, keep: Keep = np.arange) -> Batch:
    """Gather some texts of a corpus into a batch, in the order given; only features that are kept are looked at."""
    begins = corpus.starts[chosen]
    sizes = corpus.starts[chosen + 1] - begins
    ends = sizes.cumsum()
    kept = keep(int(sizes.sum()))
    owners = np.repeat(np.arange(len(chosen)), sizes)[kept]
    rows = corpus.rows[kept + (begins - ends + sizes)[owners]]
    return Batch(
        torch.from_numpy(rows),
        torch.from_numpy(corpus.idf[rows] * np.float32(scales.features)),
        torch.from_numpy(owners),
        torch.from_numpy(owners.searchsorted(np.arange(len(chosen)))),
        torch.from_numpy(corpus.base[chosen] * np.float32(scales.base)),
        torch.from_numpy(corpus.sketch[chosen] * np.float32(scales.sketch)),
    )


def _by_row(features: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
    """Return an order in which equal features stand together, the features there are, and where each begins in it."""
    keys = np.sort(features << 32 | np.arange(len(features)))  # quicker than a stable order of the features
    order, rows = keys & 0xFFFFFFFF, keys >> 32
    first = np.flatnonzero(np.diff(rows, prepend=-1))
    return torch.from_numpy(order), torch.from_numpy(rows[first]), torch.from_numpy(first)
