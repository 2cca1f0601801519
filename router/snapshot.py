"""Owns the snapshot: all registered agents at one moment, and how a request is scored for each of them."""

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import sub
from typing import Final

import numpy as np
from numpy.typing import NDArray

from router.attribution import Attribution, Contribution
from router.calibration import Calibration
from router.decision import Roster, decide
from router.encoder import Encoded, Encoder
from router.explanation import lead, split_both, split_score
from router.instant import Instant, prepare
from router.instant_reasons import InstantReasons, prepare_reasons
from router.pooling import Parts, Plain, Vector
from router.prediction import Prediction
from router.rarity import NOTHING, Heard, Rarity
from router.shared_words import BY_ROWS, BY_WORDS, SharedWords
from router.strangers import Strangers
from router.word_cache import EMPTY
from router.word_scores import MANY, WordScores

_empty: Final = np.empty
_sqrt: Final = math.sqrt
_FLOAT: Final = np.dtype(np.float32)


@dataclass(frozen=True)  # no slots: the digest is kept in the instance
class Entry:
    """A registered agent: its version, its rows, shape (kinds, width), and whether training did not know it.

    An agent that training knew has one row. ``heard`` is what a stranger's card adds to the texts that words are
    weighed by.
    """

    name: str
    version: str
    rows: NDArray[np.float32]
    stranger: bool
    heard: Heard = NOTHING

    @cached_property
    def digest(self) -> bytes:
        """Return 32 bytes over name, version, rows, whether it is a stranger, and what was heard of it."""
        length = (self.heard.length,) if self.heard.length else ()
        heard = (self.heard.texts, sorted(self.heard.words.items()), *length)
        about = repr((self.name, self.version, self.stranger, heard)).encode()
        return hashlib.sha256(about + self.rows.tobytes()).digest()


@dataclass(frozen=True, slots=True)
class Crowd:
    """The strangers of a snapshot.

    Attributes:
        rows: Their rows, one agent after the other, shape (rows, width); where they are scored by word one for each.
        starts: Where the rows of each of them begin, shape (strangers,).
        measure: How they are scored.
        words: What each word gives to each of them; None while they are so few that a product is faster.
        parts: Which of the three parts are summed by word.
        rarity: How words are weighed; None where they are weighed as in training.
        shared: How like they are by their very words; None where words are weighed as in training.
    """

    rows: NDArray[np.float32]
    starts: NDArray[np.intp]
    measure: Strangers
    words: WordScores | None
    parts: tuple[int, ...]
    rarity: Rarity | None
    shared: SharedWords | None

    def scores(self, encoded: Encoded) -> NDArray[np.float32]:
        """Return their scores for a text with a word, shape (strangers,)."""
        tokens = encoded.reading.tokens
        weights, vector = self._weigh(tokens, encoded.reading.vectors, encoded.vector)
        if self.words is None:
            of_rows = self.rows.dot(vector * self.measure.factors(vector))
            scores: NDArray[np.float32] = np.maximum.reduceat(of_rows, self.starts)
        else:
            lengths = [inverse_length(vector[part]) for part in self.measure.parts]
            scores = self.words.score(tokens, weights.tolist(), [lengths[at] for at in self.parts])
            if self.measure.weights[0]:  # pairs of words are in this part too, and they are too many to keep
                trained = self.measure.parts[0]
                scores += self.rows[:, trained].dot(vector[trained] * np.float32(lengths[0]))
        if self.shared is not None:
            scores *= np.float32(BY_ROWS)
            scores += self.shared.score(tokens) * np.float32(BY_WORDS * sum(self.measure.weights))
        scores += np.float32(self.measure.bias)
        return scores

    def split(self, parts: Parts, entry: Entry) -> Sequence[Contribution]:
        """Split the score of one of them over at least one word; the constant is shared out evenly."""
        weights, vector = self._weigh(parts.tokens, parts.words, parts.vector)
        words = parts.words.copy()
        words[:, self.measure.sizes[0] :] *= weights[:, None]
        factors = self.measure.factors(vector)
        row = _middle(entry) if self.words is not None else entry.rows[entry.rows.dot(vector * factors).argmax()]
        of_words = split_score(parts._replace(words=words, vector=vector), row * factors, 1.0)
        gives, share = [weight for _, weight in of_words], self.measure.bias / len(of_words)
        if self.shared is not None:
            scale = BY_WORDS * sum(self.measure.weights)
            by_words = self.shared.split(parts.tokens, entry.heard)
            gives = [BY_ROWS * one + scale * other for one, other in zip(gives, by_words, strict=True)]
        return Attribution([word for word, _ in of_words], [weight + share for weight in gives])

    def _weigh(self, tokens: Sequence[str], words: Vector, vector: Vector) -> tuple[Vector, Vector]:
        """Return the weights of the words, shape (tokens,), and the vector with them, shape (width,)."""
        if self.rarity is None:
            return np.ones(len(words), dtype=np.float32), vector
        weights, weighed = self.rarity.of_request(tokens), vector.copy()
        fixed = self.measure.sizes[0]
        weighed[fixed:] = weights.dot(words[:, fixed:])
        return weights, weighed


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All registered agents at one moment.

    Attributes:
        roster: Their names and versions, and the fingerprint.
        rows: Rows of those that training knew, shape (known, columns), up to the last column that any of them uses.
        columns: Number of columns.
        crowd: The others; None if there are none.
        places: Where those known and then the others stand in the roster.
        entries: All of them, by name.
        calibration: From scores to confidence.
        instant: The usual case of ``decide``, prepared; None where there is none.
        reasons: The usual case of ``find_reasons``, prepared; None where there is none.
    """

    roster: Roster
    rows: NDArray[np.float32]
    columns: int
    crowd: Crowd | None
    places: NDArray[np.intp]
    entries: Mapping[str, Entry]
    calibration: Calibration
    instant: Instant | None
    reasons: InstantReasons | None

    def decide(self, read: Plain, vetoes: Mapping[str, str]) -> Prediction:
        """Decide on a text; see ``Router.predict``."""
        if not vetoes and self.instant is not None and (at_once := self.instant(read)):
            return at_once
        return decide(self.roster, self.scores(read), vetoes, self.calibration)

    def scores(self, read: Plain) -> NDArray[np.float32]:
        """Return the score of each agent for a text, shape (agents,)."""
        _, vector, line, _ = read
        scores: NDArray[np.float32] = self.rows.dot(vector[: self.columns])
        has_words = len(line) > EMPTY
        factor = _empty((), _FLOAT)  # to multiply by a float takes twice as long as by an array without dimensions
        square = float(vector.dot(vector))
        factor[()] = 1.0 / _sqrt(square) if has_words and square else 0.0
        scores *= factor
        if self.crowd is None:
            return scores
        every = np.zeros(len(self.places), dtype=np.float32)
        every[self.places[: len(scores)]] = scores
        if has_words:
            every[self.places[len(scores) :]] = self.crowd.scores(Encoded._make(read))
        return every

    def split(self, parts: Parts, entry: Entry) -> Sequence[Contribution]:
        """Split an agent's score over the words of a text."""
        if entry.stranger and self.crowd is not None and len(parts.words):
            return self.crowd.split(parts, entry)
        return split_score(parts, entry.rows[0], inverse_length(parts.vector))

    def shares(
        self, parts: Parts, ours: Entry, theirs: Entry | None
    ) -> tuple[Sequence[Contribution], Sequence[Contribution]]:
        """Split an agent's score and its lead over another one over the words of a text."""
        if theirs is None:
            words = self.split(parts, ours)
            return words, words
        tokens = parts.tokens
        if ours.stranger or theirs.stranger or not tokens or not len(parts.order.levels):
            words = self.split(parts, ours)
            return words, lead(words, self.split(parts, theirs))
        first, second, _, _ = split_both(parts, ours.rows[0], theirs.rows[0], inverse_length(parts.vector))
        return Attribution(tokens, first), Attribution(tokens, list(map(sub, first, second)))


def digest_entries(model: str, ordered: Iterable[Entry]) -> str:
    """Return 64 hexadecimal characters over a model, by its digest, and agents, sorted by name."""
    return hashlib.sha256(b"".join([model.encode(), *(entry.digest for entry in ordered)])).hexdigest()


def take_snapshot(
    model: str,
    entries: Mapping[str, Entry],
    encoder: Encoder,
    measure: Strangers,
    rarity: Rarity | None,
    calibrations: tuple[Calibration, Calibration],
) -> Snapshot:
    """Return the agents as they are now: the same agents give the same snapshot, in whatever order they came.

    Args:
        model: Digest of the model.
        entries: The agents by name.
        encoder: Gives the vectors of words.
        measure: How strangers are scored.
        rarity: How their words are weighed; None for as in training.
        calibrations: From scores to confidence, without strangers and among them.
    """
    ordered = [entries[name] for name in sorted(entries)]
    names, versions = tuple(entry.name for entry in ordered), tuple(entry.version for entry in ordered)
    strange = np.array([entry.stranger for entry in ordered], dtype=np.bool_)
    known = _stack([entry.rows for entry in ordered if not entry.stranger], encoder.width)
    others = [entry for entry in ordered if entry.stranger]
    used = np.flatnonzero(known.any(axis=0))
    columns = int(used[-1]) + 1 if len(used) else 0
    rows = np.ascontiguousarray(known[:, :columns])
    roster = Roster(names, versions, digest_entries(model, ordered)[:16])
    alone, among = calibrations
    instant = None if others else prepare(roster, rows, columns, alone)
    return Snapshot(
        roster,
        rows,
        columns,
        _gather(others, encoder, measure, rarity) if others else None,
        np.concatenate([np.flatnonzero(~strange), np.flatnonzero(strange)]),
        {entry.name: entry for entry in ordered},
        among if others else alone,
        instant,
        prepare_reasons(roster, [entry.rows[0] for entry in ordered], alone, encoder, instant) if instant else None,
    )


def _gather(others: Sequence[Entry], encoder: Encoder, measure: Strangers, rarity: Rarity | None) -> Crowd:
    parts = tuple(at for at in (1, 2) if measure.weights[at] and measure.sizes[at])
    shared = SharedWords([entry.heard for entry in others], rarity) if rarity else None
    if len(others) < MANY or not parts:
        starts = np.cumsum([0, *(len(entry.rows) for entry in others[:-1])])
        rows = _stack([entry.rows for entry in others], encoder.width)
        return Crowd(rows, starts, measure, None, parts, rarity, shared)
    rows = np.stack([_middle(entry) for entry in others])
    words = WordScores(rows, [measure.parts[at] for at in parts], encoder.words)
    return Crowd(rows, np.arange(len(rows)), measure, words, parts, rarity, shared)


def _middle(entry: Entry) -> Vector:
    """Return the one row by which an agent is scored where agents are too many for a row a kind, shape (width,)."""
    middle: Vector = entry.rows.mean(axis=0)
    return middle


def _stack(rows: list[NDArray[np.float32]], width: int) -> NDArray[np.float32]:
    return np.concatenate(rows) if rows else np.zeros((0, width), dtype=np.float32)


def inverse_length(vector: NDArray[np.float32]) -> float:
    """Return one over the length of a vector; 0 for a vector of zeros."""
    square = float(vector.dot(vector))
    return 1.0 / math.sqrt(square) if square else 0.0
