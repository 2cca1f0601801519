"""The six agents and the router of the full path: the bundled ones where they are there, else stand-ins that say so."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from orchestrator.agent import AgentCard
from orchestrator.context import TaskContext
from orchestrator.messages import Task
from orchestrator.plugins import discover
from router import AgentProfile, EmbeddingRouter, ModelFileError, bundled_router
from router.manifest import Manifest
from router.model_file import ModelArrays, seal
from router.packed_rows import pack

AGENTS: Final = 6
_SUBJECTS: Final = (
    ("sql-reviewer", "review", "the SQL migration", "for locks and missing indexes"),
    ("json-repairer", "repair", "the broken JSON", "that the model cut off in the middle"),
    ("script-librarian", "find", "a shell script", "that rotates the certificates"),
    ("log-watcher", "watch", "the service log", "for new error templates since the release"),
    ("notes-writer", "write", "release notes", "from the commits since the last tag"),
    ("signoff-keeper", "collect", "the sign-off", "of the acceptance test from its owners"),
)
_SYSTEMS: Final = ["billing", "cards", "loans", "ledger", "fraud", "mobile", "portal", "archive"]
_PLACES: Final = ["madrid", "london", "oslo", "vienna", "zurich"]
_DAYS: Final = ["monday", "tuesday", "wednesday", "thursday", "friday"]
_ENDINGS: Final = [f"for {system} {place} {day}" for day in _DAYS for place in _PLACES for system in _SYSTEMS]
_POLITE: Final = ("please {}", "{} now", "can you {} today", "I need somebody to {}", "{} before the release")


@dataclass(frozen=True, slots=True)
class NoOpAgent:
    """An agent that does nothing, so that what is measured is the way to it and back."""

    card: AgentCard

    async def handle(self, task: Task, context: TaskContext) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays, and whether they are the bundled ones."""

    agents: tuple[NoOpAgent, ...]
    router: EmbeddingRouter
    cards_from: str
    router_from: str

    def requests(self, count: int) -> list[str]:
        """Return that many requests, no two alike: examples on the cards, each with an ending, agents by turns.

        Requests on which the router abstains are left out: they would end before they reach an agent.

        Raises:
            RuntimeError: if too few are left.
        """
        router = self._registered()
        by_turns = itertools.zip_longest(*(agent.card.examples for agent in self.agents))
        examples = [text for turn in by_turns for text in turn if text]
        texts = (f"{text} {ending}" for ending in _ENDINGS for text in examples)
        found = list(itertools.islice((text for text in texts if not router.predict(text).abstained), count))
        if len(found) < count:
            raise RuntimeError(f"the router abstains on all but {len(found)} requests; {count} are needed")
        return found

    def _registered(self) -> EmbeddingRouter:
        router, _ = find_router()
        for profile in profiles(self.agents):
            router.add(profile)
        return router


def assemble_cast() -> Cast:
    """Take the bundled agents' cards and the bundled model, or what stands in for them."""
    cards = [plugin.agent.card for plugin in discover().loaded if plugin.distribution == "pointsman"]
    cards_from = "bundled"
    if len(cards) < AGENTS:
        cards, cards_from = _stand_in_cards(), "stand-in"
    router, router_from = find_router()
    return Cast(tuple(NoOpAgent(card) for card in cards[:AGENTS]), router, cards_from, router_from)


def profiles(agents: Sequence[NoOpAgent]) -> list[AgentProfile]:
    """Return what the router learns of the agents."""
    cards = [agent.card for agent in agents]
    return [AgentProfile(card.name, card.version, card.summary, card.examples) for card in cards]


def find_router() -> tuple[EmbeddingRouter, str]:
    """Return the bundled router without candidates; where there is no model yet, an untrained one of its size."""
    try:
        return bundled_router(), "bundled"
    except ModelFileError:
        return _untrained_router(), "untrained stand-in"


def _stand_in_cards() -> list[AgentCard]:
    return [
        AgentCard(
            name=name,
            summary=f"{verb.capitalize()}s {what} {which}.",
            examples=tuple(form.format(f"{verb} {what} {which}") for form in _POLITE),
        )
        for name, verb, what, which in _SUBJECTS
    ]


def _untrained_router(features: int = 50_000, size: int = 128, sketch: int = 512, bits: int = 20) -> EmbeddingRouter:
    """Return the router that is served, with random rows and a threshold at which it never abstains."""
    rng = np.random.default_rng(0)
    buckets = np.sort(rng.choice(1 << bits, features, replace=False)).astype(np.int32)
    rows = pack((0.05 * rng.standard_normal((features, size))).astype(np.float32))
    arrays = ModelArrays(
        buckets=buckets,
        idf=np.full(features, 5.0, dtype=np.float16),
        codes=rows.codes,
        scales=rows.scales,
        head=np.zeros((0, size + sketch), dtype=np.float32),
        background=np.zeros(size + sketch, dtype=np.float32),
    )
    manifest = Manifest(
        schema_version=1,
        bits=bits,
        word_order=True,
        features=features,
        size=size,
        sketch_size=sketch,
        sketch_weight=1.0,
        base="",
        base_size=0,
        base_weight=0.0,
        unseen_idf=8.0,
        stranger_weights=(0.0, 0.0, 1.0),
        rare_words=True,
        stranger_bias=0.0,
        labels=(),
        scale=20.0,
        floor=0.0,
        rise=1.0,
        fall=1.0,
        shift=0.0,
        threshold=0.0,
        error_budget=None,
        held_out=0,
        rehearsed=0,
        config={},
        metrics={},
        history=(),
        training_digest="",
    )
    return EmbeddingRouter(seal(manifest, arrays), arrays, use_trained_labels=False)
