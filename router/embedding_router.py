"""Owns the trained router as it is served: NumPy only, agents added and removed while it runs."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from router.assembly import unit
from router.attribution import Contribution
from router.base_encoder import base_of
from router.beta_map import BetaMap
from router.budget import Mix, among_strangers, keep_budget, swaying
from router.calibration import Calibration
from router.encoder import Encoded, Encoder
from router.errors import RouterError
from router.manifest import Manifest
from router.model_file import ModelArrays, read_model
from router.prediction import Prediction
from router.profile import AgentProfile
from router.protocol import NO_VETOES, Study
from router.rarity import NOTHING, Hearsay, Rarity
from router.reasons import Reasons
from router.roster_file import read_roster, write_roster
from router.snapshot import Entry, Snapshot, take_snapshot
from router.spelling import as_written, spelling
from router.strangers import Strangers
from router.text_study import TextStudy
from router.vocabulary import Vocabulary


class EmbeddingRouter:
    """Scores agents by the cosine between a request's pooled vector and each agent's row.

    Readers take a snapshot and need no lock; ``add`` and ``remove`` make the next reader build a new one. Agents are
    kept by name, so that neither scores nor fingerprint depend on the order of registration.
    """

    def __init__(
        self,
        manifest: Manifest,
        arrays: ModelArrays,
        *,
        use_trained_labels: bool = True,
        error_budget: float | None = None,
        budget_mix: Mix = "auto",
    ) -> None:
        """Serve a model.

        Args:
            manifest: Of the model, sealed.
            arrays: Of the model.
            use_trained_labels: Whether its labels are candidates at once; else the router starts empty.
            error_budget: Share of the routed requests that may be wrong, see ``router.budget``; None keeps the
                threshold of the model, and the budget that it was trained with, if any.
            budget_mix: Whether the budget also holds where agents are asked for more or less often than in training.

        Raises:
            BudgetError: The model's held-out requests do not prove the budget.
            RouterError: The model was trained on another base encoder than the one that ships.
        """
        idf = arrays.idf.astype(np.float32)
        vocabulary = Vocabulary(manifest.bits, arrays.buckets, idf, manifest.unseen_idf, manifest.word_order)
        rows = arrays.rows(manifest.size)
        self._manifest = manifest
        cards = [(label.name, label.profile_digest) for label in manifest.labels]
        self._trained = dict(zip(cards, arrays.head[:, None], strict=True))
        self._background, self._head = arrays.background, arrays.head
        base = base_of(manifest.base)
        meant = spelling(vocabulary, base) if base and manifest.spelling else as_written
        self._encoder = Encoder(
            vocabulary,
            rows,
            manifest.sketch_size,
            manifest.sketch_weight,
            base,
            manifest.base_weight,
            meant,
        )
        self._rarity = Rarity(vocabulary, base, meant=meant) if manifest.rare_words else None
        sizes = (manifest.size, manifest.base_size, manifest.sketch_size)
        self._strangers = Strangers(sizes, manifest.stranger_weights, manifest.stranger_bias)
        beta = BetaMap(manifest.rise, manifest.fall, manifest.shift)
        self._calibration = Calibration(manifest.scale, manifest.floor, manifest.threshold, manifest.error_budget, beta)
        if error_budget is not None:
            agents = swaying(budget_mix, len(manifest.labels))
            self._calibration = keep_budget(self._calibration, arrays.held_out, error_budget, agents)
        self._among_strangers = among_strangers(self._calibration, arrays.rehearsed, len(manifest.labels))
        self._lock = threading.Lock()
        self._entries: dict[str, Entry] = {}
        self._hearsay = Hearsay()
        if use_trained_labels:
            labels = zip(manifest.labels, arrays.head[:, None], strict=True)
            self._entries = {
                label.name: Entry(label.name, label.version, rows, stranger=False) for label, rows in labels
            }
        self._snapshot: Snapshot | None = None

    @classmethod
    def load(
        cls,
        path: Path | str,
        *,
        use_trained_labels: bool = True,
        error_budget: float | None = None,
        budget_mix: Mix = "auto",
    ) -> Self:
        """Load a model file.

        Raises:
            BudgetError: The model's held-out requests do not prove the budget.
            ModelFileError: The file is missing, damaged, or does not agree with its manifest.
            RouterError: The model was trained on another base encoder than the one that ships.
        """
        manifest, arrays = read_model(Path(path))
        return cls(
            manifest, arrays, use_trained_labels=use_trained_labels, error_budget=error_budget, budget_mix=budget_mix
        )

    @property
    def manifest(self) -> Manifest:
        """Return what the model says of itself."""
        return self._manifest

    @property
    def names(self) -> tuple[str, ...]:
        """Return the registered agents, sorted."""
        return self._current().roster.names

    @property
    def fingerprint(self) -> str:
        """Return 16 hexadecimal characters over the model and every registered row."""
        return self._current().roster.fingerprint

    @property
    def calibration(self) -> Calibration:
        """Return how scores become a confidence; see ``Calibrated``."""
        return self._calibration

    @property
    def error_budget(self) -> float | None:
        """Return the budget that is kept with the agents that are registered now; None if none is proved."""
        return self._current().calibration.budget

    def predict(self, text: str, vetoes: Mapping[str, str] = NO_VETOES) -> Prediction:
        """Decide on one request; see ``Router.predict``."""
        # ``Snapshot.decide``, spelt out: a call less for what is asked most.
        snapshot = self._snapshot or self._rebuild()
        read = self._encoder.read(text)
        instant = snapshot.instant
        if instant is None or vetoes:
            return snapshot.decide(read, vetoes)
        return instant(read) or snapshot.decide(read, vetoes)

    def predict_many(self, texts: Sequence[str], vetoes: Mapping[str, str] = NO_VETOES) -> list[Prediction]:
        """Decide on requests as ``predict`` does, to the bit.

        All of them see the same agents, whoever is added or removed meanwhile.
        """
        read, decide = self._encoder.read, (self._snapshot or self._rebuild()).decide
        return [decide(read(text), vetoes) for text in texts]

    def explain(self, text: str, agent: str) -> Sequence[Contribution]:
        """Split an agent's score over the words of the text; see ``Router.explain``.

        The constant in the score of an agent that was added later is shared out evenly.

        Raises:
            RouterError: The agent is not registered.
        """
        snapshot, entry = self._current(), self._entry(agent)
        return snapshot.split(self._encoder.parts(self._encoder.recall(text)), entry)

    def reasons_at_once(self, text: str, vetoes: Mapping[str, str] = NO_VETOES) -> Reasons | None:
        """Return the reasons of a usual request in one go; None for ``find_reasons`` to find them step by step."""
        at_once = (self._snapshot or self._rebuild()).reasons
        return None if vetoes or at_once is None else at_once(text)

    def read_as(self, text: str) -> dict[str, str]:
        """Return the words of a text that are read as others; see ``Respells.read_as``."""
        return self._encoder.read_as(text)

    def study(self, text: str, vetoes: Mapping[str, str] = NO_VETOES) -> Study:
        """Decide on one request and keep what its reasons are made of; see ``Studies.study``."""
        snapshot = self._snapshot or self._rebuild()
        return TextStudy(self._encoder, snapshot, text, vetoes)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the unit vectors of texts, shape (texts, width); see ``Embeds.embed``."""
        if not texts:
            return np.zeros((0, self._encoder.width), dtype=np.float32)
        return unit(np.stack([self._encoder.encode(text).vector for text in texts]))

    def add(self, profile: AgentProfile) -> None:
        """Make an agent a candidate: by its trained row if the model was trained on this very card, else by its texts.

        Raises:
            RouterError: The card has neither summary nor examples.
        """
        self.add_all([profile])

    def add_all(self, profiles: Iterable[AgentProfile]) -> None:
        """Do what ``add`` does for many agents: all of them become candidates at once, or none.

        Raises:
            RouterError: A card has neither summary nor examples.
        """
        entries = {profile.name: self._new_entry(profile) for profile in profiles}
        with self._lock:
            for name, entry in entries.items():
                if name in self._entries:
                    self._hearsay.count(self._entries[name].heard, -1)
                self._hearsay.count(entry.heard, 1)
                self._entries[name] = entry
            self._snapshot = None

    def remove(self, name: str) -> None:
        """Take an agent away; see ``LearnsAgents.remove``.

        Raises:
            RouterError: The agent is not registered.
        """
        with self._lock:
            self._hearsay.count(self._entry(name).heard, -1)
            del self._entries[name]
            self._snapshot = None

    def save_roster(self, path: Path | str) -> None:
        """Write the registered agents with their rows, so that they need not be registered anew; see ``load_roster``.

        Raises:
            ModelFileError: The folder cannot be written to, or the file would be larger than is read again.
        """
        with self._lock:
            entries = dict(self._entries)
        write_roster(Path(path), self._manifest.digest, entries)

    def load_roster(self, path: Path | str) -> None:
        """Put the agents of a file in the place of those that are registered: all at once, or none.

        Scores and fingerprint are those of the router that wrote it, to the bit.

        Raises:
            ModelFileError: The file is missing, damaged, or was written under another model.
        """
        entries = read_roster(Path(path), self._manifest.digest, self._encoder.width)
        with self._lock:
            self._entries, self._snapshot = entries, None
            self._hearsay = Hearsay(entry.heard for entry in entries.values())

    def _new_entry(self, profile: AgentProfile) -> Entry:
        trained = self._trained.get((profile.name, profile.digest))
        if trained is not None:
            return Entry(profile.name, profile.version, trained, stranger=False)
        if not profile.texts:
            raise RouterError(f"agent {profile.name!r} has neither summary nor examples; give its card some")
        texts = [self._encoder.encode(text) for text in profile.texts]
        if profile.summary.strip() and profile.examples:
            texts.append(texts[-1])  # the summary says more than one example does, so it counts twice
        heard = self._rarity.measure([text.reading.tokens for text in texts]) if self._rarity else NOTHING
        rows = self._strangers.rows(self._read_cards(texts), self._background, self._head)
        return Entry(profile.name, profile.version, rows, stranger=True, heard=heard)

    def _read_cards(self, texts: Sequence[Encoded]) -> NDArray[np.float32]:
        """Return the texts of a card as strangers are told apart by them, shape (texts, width)."""
        trained, fixed = self._encoder.trained, self._strangers.parts[1:]
        vectors = unit(np.stack([text.vector for text in texts]))
        if self._rarity is None:
            return vectors
        for vector, text in zip(vectors, texts, strict=True):
            weights = np.array([self._rarity.in_card(token) for token in text.reading.tokens], dtype=np.float32)
            vector[trained:] = weights.dot(text.reading.vectors[:, trained:])
        for part in fixed:
            vectors[:, part] = unit(vectors[:, part])
        return vectors

    def _entry(self, name: str) -> Entry:
        try:
            return self._entries[name]
        except KeyError:
            raise RouterError(
                f"agent {name!r} is not registered; register it, or ask for one of those that are"
            ) from None

    def _current(self) -> Snapshot:
        return self._snapshot or self._rebuild()

    def _rebuild(self) -> Snapshot:
        with self._lock:
            self._snapshot = snapshot = self._snapshot or take_snapshot(
                self._manifest.digest,
                self._entries,
                self._encoder,
                self._strangers,
                self._rarity.among(self._hearsay.copy()) if self._rarity else None,
                (self._calibration, self._among_strangers),
            )
            return snapshot
