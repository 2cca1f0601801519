"""Owns the training loop: from texts and their labels to a network, in one piece that can be read (torch)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from router.assembly import assemble, prototype, unit
from router.base_encoder import bundled_base
from router.checkpoint import State
from router.corpus import Corpus, learn_vocabulary
from router.course import Course
from router.errors import RouterError
from router.held_out import NONE_OF_THESE
from router.model import Adagrad, BagModel, Batch, Scales, loss_of, select
from router.model_file import ModelArrays
from router.rarity import Rarity
from router.reader import Reader, read_as
from router.spelling import Meant, as_written, spelling
from router.thumbs import Thumbs
from router.training_config import Progress, Report, TrainingConfig
from router.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Fitted:
    """A network with what it needs to read a text: the outcome of one run of the loop.

    Attributes:
        model: The network.
        vocabulary: The buckets its rows stand for.
        scales: Factors on its inputs.
        reader: What takes a text apart.
        texts: What was learnt from.
        corpus: The same in terms of the vocabulary.
        meant: What a word of any other text is read as.
    """

    model: BagModel
    vocabulary: Vocabulary
    scales: Scales
    reader: Reader
    texts: Sequence[str]
    corpus: Corpus
    meant: Meant

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Return the lengths of the trained, base and sketch parts of a vector."""
        return self.model.embedding.shape[1], self.reader.base.size, self.reader.sketch_size

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the unit vectors of texts, shape (texts, size + base + sketch)."""
        return np.asarray(functional.normalize(self.model.pool(self.batch(texts)), dim=1).numpy())

    def cards(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return texts as cards are read where words count by ``Rarity``, shape (texts, size + base + sketch).

        The trained part as in ``vectors``, base and sketch weighed and each of length 1.
        """
        weigh = Rarity(self.vocabulary, self.reader.base).in_card
        base, sketch = self.reader.fixed(read_as(texts, self.meant), self.vocabulary, weigh)
        return np.concatenate([self.vectors(texts)[:, : self.sizes[0]], unit(base), unit(sketch)], axis=1)

    def batch(self, texts: Sequence[str]) -> Batch:
        """Return texts as the network reads them."""
        read = texts == self.texts
        corpus = self.corpus if read else self.reader.corpus(read_as(texts, self.meant), self.vocabulary)
        return select(corpus, np.arange(len(texts)), self.scales)

    def arrays(
        self, texts: Sequence[str], targets: NDArray[np.int64], blend: float, *, rare_words: bool = False
    ) -> ModelArrays:
        """Return what is served: rows with every factor folded in, label rows with ``blend`` of the mean sketch.

        Args:
            texts: What was learnt from.
            targets: Their labels, or ``NONE_OF_THESE``, shape (texts,).
            blend: Share of the label's mean sketch in its row.
            rare_words: Whether the words of strangers count by ``Rarity``.
        """
        rows = self.model.embedding.numpy() * np.float32(self.scales.features)
        head = functional.normalize(self.model.head, dim=1).numpy()
        vectors = self.vectors(texts)
        background = (self.cards(texts) if rare_words else vectors).mean(axis=0)
        return assemble(self.vocabulary, rows, head, vectors, targets, blend, background)


def fit_network(
    texts: Sequence[str],
    targets: NDArray[np.int64],
    labels: int,
    config: TrainingConfig,
    report: Report,
    stage: str,
    thumbs: Thumbs | None = None,
    course: Course | None = None,
    reader: Reader | None = None,
) -> Fitted:
    """Run the training loop once: Adagrad (Duchi et al. 2011) on smoothed cross-entropy, features dropped at random.

    A thumb on a label is a further row; its loss is the likelihood of what was said, ``r log p + (1 - r) log(1 - p)``.

    Args:
        texts: What to learn from.
        targets: The label of each text, or ``NONE_OF_THESE``, whose target is the uniform distribution.
        labels: Number of labels.
        config: How to train.
        report: Told after every epoch.
        stage: Named in every report.
        thumbs: What was said of decisions, learnt beside the texts.
        course: What the run is watched by, when it ends, where it is kept.
        reader: Of ``reader_for`` this configuration; one that has read texts of other runs saves their time.

    Raises:
        ModelFileError: The checkpoint cannot be written.
        RouterError: The checkpoint is of another network.
    """
    thumbs, course, reader = thumbs or Thumbs.none(), course or Course(), reader or reader_for(config)
    wanted, unwanted = _soft_targets(targets, thumbs, labels, config.smoothing)
    texts, targets = [*texts, *thumbs.texts], np.concatenate([targets, thumbs.targets])
    vocabulary, corpus = _read(texts, config, reader)
    scales = _scales(corpus, config)
    louder = replace(scales, features=scales.features / (1 - config.dropout))  # makes up for what is hidden
    generator = torch.Generator().manual_seed(config.seed)
    directions = _directions(corpus.base, targets, labels) * min(config.base_share, 1.0)
    model = BagModel(len(vocabulary.buckets), _size(config, labels), directions, generator)
    optimizer = Adagrad(model, by_rows=config.sum_by_row)
    fitted = Fitted(model, vocabulary, scales, reader, texts, corpus, _spelling(vocabulary, config))
    judge, position = _judge(fitted, course, config), _Position(model, optimizer, generator)
    for epoch in range(position.resume(course, stage) + 1, (course.epochs or config.epochs) + 1):
        if course.is_over(stage):
            break
        rate = config.learning_rate * (1 - 0.95 * (epoch - 1) / config.epochs)
        order = torch.randperm(len(texts), generator=generator)
        total = 0.0
        for start in range(0, len(texts), config.batch_size):
            chosen = order[start : start + config.batch_size]
            batch = select(corpus, chosen.numpy(), louder, partial(kept_places, config.dropout, generator))
            batch = _blur_base(batch, config.base_noise, generator)
            seen = model.look(batch)
            said = (wanted.index_select(0, chosen), unwanted.index_select(0, chosen))
            loss, by_scores = loss_of(seen.scores, *said, config.scale)
            optimizer.step(model.slopes(batch, seen, by_scores), rate)
            total += loss
        report(Progress(stage, epoch, course.epochs or config.epochs, total / len(texts), *judge()))
        course.checkpoint.keep(stage, epoch, position.state)
    return fitted


def reader_for(config: TrainingConfig) -> Reader:
    """Return what takes texts apart as a configuration asks for."""
    return Reader(config.bits, word_order=config.word_order, sketch_size=config.sketch_size, base=bundled_base())


@dataclass(frozen=True, slots=True)
class _Position:
    """Where a run of the loop stands: all that the epochs to come depend on."""

    model: BagModel
    optimizer: Adagrad
    generator: torch.Generator

    def resume(self, course: Course, stage: str) -> int:
        """Go where the checkpoint says, and return the epochs that are done."""
        done, state = course.checkpoint.restore(stage)
        if done:
            tensors = self._tensors()
            if {name: one.shape for name, one in state.items()} != {n: tuple(t.shape) for n, t in tensors.items()}:
                raise RouterError("the checkpoint is of another network; delete it, or train without resuming")
            for name, tensor in tensors.items():
                tensor.copy_(torch.tensor(state[name]))
            self.generator.set_state(tensors["generator"])
        return done

    def state(self) -> State:
        return {name: tensor.numpy() for name, tensor in self._tensors().items()}

    def _tensors(self) -> dict[str, torch.Tensor]:
        return {
            "generator": self.generator.get_state(),
            "embedding": self.model.embedding,
            "embedding sum": self.optimizer.embedding,
            "head": self.model.head,
            "head sum": self.optimizer.head,
        }


def _judge(
    fitted: Fitted, course: Course, config: TrainingConfig
) -> Callable[[], tuple[float, float] | tuple[None, None]]:
    """Return what says the loss and the accuracy of the network, as it is then, on the held-out texts."""
    known = np.flatnonzero(course.truth != NONE_OF_THESE)
    if not len(known):
        return lambda: (None, None)
    batch = fitted.batch([course.texts[place] for place in known.tolist()])
    truth = torch.from_numpy(course.truth[known])

    def judge() -> tuple[float, float]:
        scores = fitted.model.look(batch).scores
        loss = functional.cross_entropy(scores * config.scale, truth)
        return round(loss.item(), 6), round((scores.argmax(dim=1) == truth).double().mean().item(), 6)

    return judge


def kept_places(share: float, generator: torch.Generator, features: int) -> NDArray[np.int64]:
    """Hide a share of the features, each by itself, and return the places of the others.

    The way from one that is kept to the next is distributed geometrically; so what is hidden costs not even a random
    number, and strong dropout is fast.
    """
    if not share:
        return np.arange(features)
    expected = features * (1 - share)
    ways = torch.empty(int(expected + 10 * expected**0.5 + 10), dtype=torch.int64)  # ten deviations more than will do
    places = ways.geometric_(1 - share, generator=generator).cumsum(0).numpy() - 1
    return places[: places.searchsorted(features)]


def _blur_base(batch: Batch, share: float, generator: torch.Generator) -> Batch:
    """Add noise in a random direction to what the base encoder says, so long as ``share`` times that on average."""
    if not share:
        return batch
    base = batch.base  # (texts, base)
    length = base.norm(dim=1, keepdim=True) * (share / base.shape[1] ** 0.5)
    return replace(batch, base=base + length * torch.randn(base.shape, generator=generator))


def _read(texts: Sequence[str], config: TrainingConfig, reader: Reader) -> tuple[Vocabulary, Corpus]:
    """Return what the texts teach of features, and the texts in terms of it."""
    found, ordered = reader.occurrences(texts), config.word_order
    vocabulary = learn_vocabulary(found, len(texts), config.bits, config.min_df, word_order=ordered)
    return vocabulary, reader.corpus(texts, vocabulary)


def _spelling(vocabulary: Vocabulary, config: TrainingConfig) -> Meant:
    return spelling(vocabulary, bundled_base()) if config.spelling else as_written


def _size(config: TrainingConfig, labels: int) -> int:
    return min(config.size, config.size_per_label * labels) if config.size_per_label else config.size


def _scales(corpus: Corpus, config: TrainingConfig) -> Scales:
    """Bring a text's features to length 1 on average, and what is fixed to its share of that."""
    square = np.concatenate([[0.0], np.cumsum(corpus.idf[corpus.rows].astype(np.float64) ** 2)])
    features = float(np.sqrt(np.diff(square[corpus.starts]).mean()))
    base, sketch = (_root_mean_square(fixed) for fixed in (corpus.base, corpus.sketch))
    return Scales(1 / max(features, 1e-9), config.base_share / base, config.sketch_share / sketch)


def _root_mean_square(vectors: NDArray[np.float32]) -> float:
    return max(float(np.sqrt((vectors.astype(np.float64) ** 2).sum(axis=1).mean())), 1e-9)


def _directions(vectors: NDArray[np.float32], targets: NDArray[np.int64], labels: int) -> torch.Tensor:
    """Return where each label lies in the base encoder's space, from its texts alone, shape (labels, base)."""
    units = unit(vectors)
    background = units.mean(axis=0)
    return torch.from_numpy(np.stack([prototype(units[targets == label], background) for label in range(labels)]))


def _soft_targets(
    targets: NDArray[np.int64], thumbs: Thumbs, labels: int, smoothing: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what each row says for a label and what against it, both of shape (texts + thumbs, labels).

    Smoothing is for examples; with it on thumbs, what they add on banking77 is 0.5 points less.
    """
    wanted = np.full((len(targets) + len(thumbs), labels), smoothing / labels, dtype=np.float32)
    inside = np.flatnonzero(targets != NONE_OF_THESE)
    wanted[inside, targets[inside]] += 1 - smoothing
    wanted[np.flatnonzero(targets == NONE_OF_THESE)] = 1 / labels
    wanted[len(targets) :] = 0
    unwanted = np.zeros_like(wanted)
    rows = np.arange(len(targets), len(wanted))
    wanted[rows, thumbs.labels] = thumbs.right
    unwanted[rows, thumbs.labels] = 1 - thumbs.right
    return torch.from_numpy(wanted), torch.from_numpy(unwanted)


@contextmanager
def torch_settings(threads: int) -> Iterator[None]:
    """Train with this many threads, and leave torch as it was."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
