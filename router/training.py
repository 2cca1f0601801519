"""Owns the training loop: from texts and their labels to a network, in one piece that can be read (torch)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from router.assembly import assemble, prototype, unit
from router.base_encoder import BaseEncoder, bundled_base
from router.checkpoint import State
from router.corpus import Corpus, build_corpus, extract, learn_vocabulary, read_fixed
from router.course import Course
from router.errors import RouterError
from router.held_out import NONE_OF_THESE
from router.model import BagModel, Batch, Scales, select
from router.model_file import ModelArrays
from router.rarity import Rarity
from router.spelling import Meant, as_written, spelling
from router.thumbs import Thumbs
from router.training_config import Progress, Report, TrainingConfig
from router.vocabulary import Vocabulary

_ALMOST: Final = 1 - 1e-6  # of a certainty, so that what is not certain has a logarithm


@dataclass(frozen=True, slots=True)
class Fitted:
    """A network with what it needs to read a text: the outcome of one run of the loop.

    Attributes:
        model: The network.
        vocabulary: The buckets its rows stand for.
        scales: Factors on its inputs.
        base: The base encoder.
        sketch_size: Length of a sketch.
        meant: What a word is read as.
    """

    model: BagModel
    vocabulary: Vocabulary
    scales: Scales
    base: BaseEncoder
    sketch_size: int
    meant: Meant

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Return the lengths of the trained, base and sketch parts of a vector."""
        return self.model.embedding.shape[1], self.base.size, self.sketch_size

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the unit vectors of texts, shape (texts, size + base + sketch)."""
        with torch.no_grad():
            return np.asarray(functional.normalize(self.model.pool(self.batch(texts)), dim=1).numpy())

    def cards(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return texts as cards are read where words count by ``Rarity``, shape (texts, size + base + sketch).

        The trained part as in ``vectors``, base and sketch weighed and each of length 1.
        """
        weigh = Rarity(self.vocabulary, self.base).in_card
        base, sketch = read_fixed(texts, self.vocabulary, self.sketch_size, self.base, weigh, self.meant)
        return np.concatenate([self.vectors(texts)[:, : self.sizes[0]], unit(base), unit(sketch)], axis=1)

    def batch(self, texts: Sequence[str]) -> Batch:
        """Return texts as the network reads them."""
        vocabulary = self.vocabulary
        occurrences = extract(texts, vocabulary.bits, word_order=vocabulary.word_order, meant=self.meant)
        corpus = build_corpus(texts, occurrences, vocabulary, self.sketch_size, self.base, self.meant)
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
        rows = self.model.embedding.detach().numpy() * np.float32(self.scales.features)
        head = functional.normalize(self.model.head.detach(), dim=1).numpy()
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

    Raises:
        ModelFileError: The checkpoint cannot be written.
        RouterError: The checkpoint is of another network.
    """
    thumbs, course = thumbs or Thumbs.none(), course or Course()
    wanted, unwanted = _soft_targets(targets, thumbs, labels, config.smoothing)
    texts, targets = [*texts, *thumbs.texts], np.concatenate([targets, thumbs.targets])
    base = bundled_base()
    vocabulary, corpus = _read(texts, config, base)
    scales = _scales(corpus, config)
    generator = torch.Generator().manual_seed(config.seed)
    directions = _directions(corpus.base, targets, labels) * min(config.base_share, 1.0)
    model = BagModel(len(vocabulary.buckets), _size(config, labels), directions, generator)
    optimizer = torch.optim.Adagrad(model.parameters(), lr=config.learning_rate, eps=1e-6)
    meant = spelling(vocabulary, base) if config.spelling else as_written
    fitted = Fitted(model, vocabulary, scales, base, config.sketch_size, meant)
    judge, position = _judge(fitted, course, config), _Position(model, optimizer, generator)
    for epoch in range(position.resume(course, stage) + 1, (course.epochs or config.epochs) + 1):
        if course.is_over(stage):
            break
        optimizer.param_groups[0]["lr"] = config.learning_rate * (1 - 0.95 * (epoch - 1) / config.epochs)
        order = torch.randperm(len(texts), generator=generator)
        total = 0.0
        for start in range(0, len(texts), config.batch_size):
            chosen = order[start : start + config.batch_size]
            batch = select(corpus, chosen.numpy(), scales)
            batch = _blur_base(_drop_features(batch, config.dropout, generator), config.base_noise, generator)
            log_p = functional.log_softmax(model(batch) * config.scale, dim=1)  # (batch, labels)
            log_not_p = torch.log1p(-_ALMOST * log_p.exp())
            loss = -(wanted[chosen] * log_p + unwanted[chosen] * log_not_p).sum(dim=1).mean()
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            total += loss.item() * len(chosen)
        report(Progress(stage, epoch, course.epochs or config.epochs, total / len(texts), *judge()))
        course.checkpoint.keep(stage, epoch, position.state)
    return fitted


@dataclass(frozen=True, slots=True)
class _Position:
    """Where a run of the loop stands: all that the epochs to come depend on."""

    model: BagModel
    optimizer: torch.optim.Adagrad
    generator: torch.Generator

    def resume(self, course: Course, stage: str) -> int:
        """Go where the checkpoint says, and return the epochs that are done."""
        done, state = course.checkpoint.restore(stage)
        if done:
            tensors = self._tensors()
            if {name: one.shape for name, one in state.items()} != {n: tuple(t.shape) for n, t in tensors.items()}:
                raise RouterError("the checkpoint is of another network; delete it, or train without resuming")
            with torch.no_grad():
                for name, tensor in tensors.items():
                    tensor.copy_(torch.tensor(state[name]))
            self.generator.set_state(tensors["generator"])
        return done

    def state(self) -> State:
        return {name: tensor.detach().numpy() for name, tensor in self._tensors().items()}

    def _tensors(self) -> dict[str, torch.Tensor]:
        tensors: dict[str, torch.Tensor] = {"generator": self.generator.get_state()}
        for name, parameter in self.model.named_parameters():
            of = self.optimizer.state[parameter]
            tensors |= {name: parameter, f"{name} sum": of["sum"], f"{name} step": of["step"]}
        return tensors


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
        with torch.no_grad():
            scores = fitted.model(batch)
        loss = functional.cross_entropy(scores * config.scale, truth)
        return round(loss.item(), 6), round((scores.argmax(dim=1) == truth).double().mean().item(), 6)

    return judge


def _drop_features(batch: Batch, share: float, generator: torch.Generator) -> Batch:
    """Hide a share of the features; those hidden cost nothing, so that strong dropout is also fast."""
    kept = torch.rand(len(batch.weights), generator=generator) >= share
    before = functional.pad(kept.cumsum(0), (1, 0))
    return replace(
        batch,
        features=batch.features[kept],
        weights=batch.weights[kept] / (1 - share),
        offsets=before[batch.offsets],
    )


def _blur_base(batch: Batch, share: float, generator: torch.Generator) -> Batch:
    """Add noise in a random direction to what the base encoder says, so long as ``share`` times that on average."""
    if not share:
        return batch
    base = batch.base  # (texts, base)
    length = base.norm(dim=1, keepdim=True) * (share / base.shape[1] ** 0.5)
    return replace(batch, base=base + length * torch.randn(base.shape, generator=generator))


def _read(texts: Sequence[str], config: TrainingConfig, base: BaseEncoder) -> tuple[Vocabulary, Corpus]:
    """Return what the texts teach of features, and the texts in terms of it."""
    ordered = config.word_order
    occurrences = extract(texts, config.bits, word_order=ordered)
    vocabulary = learn_vocabulary(occurrences, len(texts), config.bits, config.min_df, word_order=ordered)
    return vocabulary, build_corpus(texts, occurrences, vocabulary, config.sketch_size, base)


def _size(config: TrainingConfig, labels: int) -> int:
    return min(config.size, config.size_per_label * labels) if config.size_per_label else config.size


def _scales(corpus: Corpus, config: TrainingConfig) -> Scales:
    """Bring a text's features to length 1 on average, and what is fixed to its share of that."""
    square = np.concatenate([[0.0], np.cumsum(corpus.weights.astype(np.float64) ** 2)])
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
        # Adagrad builds sparse tensors from its own indices and warns until someone says whether to check them.
        with torch.sparse.check_sparse_tensor_invariants(enable=False):  # type: ignore[no-untyped-call]  # torch has no types here
            yield
    finally:
        torch.set_num_threads(before)
