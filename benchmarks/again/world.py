"""The world of the comparison: agents for the intents of two data sets, their real requests as tasks, and a run."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from benchmarks.router.data import DATA
from orchestrator import AgentCard, Orchestrator, Settings, Task
from orchestrator.context import TaskContext
from orchestrator.journal import JournalReader, Row
from orchestrator.messages import OnFailure
from orchestrator.plan import Plan
from router import AgentProfile, Example, Router, read_examples
from router.dataset import read_texts
from router.trained_model import train
from router.training_config import FEW_EXAMPLES
from scenarios.threshold import OtherThreshold

RUN: Final = "again"
_SETS: Final = ("banking77", "clinc150")
_ON_FAILURE: Final[tuple[OnFailure, ...]] = ("fail", "skip", "continue")


class Clerk:
    """An agent for one intent; what it returns says who did the task."""

    def __init__(self, name: str, examples: Sequence[str]) -> None:
        self.card = AgentCard(name=name, summary=f"Does {name}.", examples=tuple(examples))

    async def handle(self, task: Task, context: TaskContext) -> Any:  # noqa: ARG002 - the contract of an agent
        """Return at once."""
        return {"by": self.card.name}


@dataclass(frozen=True, slots=True)
class World:
    """Who there is, and what is asked.

    Attributes:
        clerks: one for each intent.
        tasks: one for each request, and as many again as a quarter of them, which wait for others.
        nobodys: requests that no intent serves, for training.
    """

    clerks: tuple[Clerk, ...]
    tasks: tuple[Task, ...]
    nobodys: tuple[str, ...] = ()

    @property
    def profiles(self) -> list[AgentProfile]:
        """What a router learns of the clerks."""
        cards = [clerk.card for clerk in self.clerks]
        return [AgentProfile(card.name, card.version, card.summary, card.examples) for card in cards]


def real_world(seed: int = 0) -> World:
    """Return BANKING77 and CLINC150: an agent an intent, by ten examples; the dev sets and what is out of scope."""
    clerks: list[Clerk] = []
    requests: list[str] = []
    for name in _SETS:
        shown: dict[str, list[str]] = defaultdict(list)
        for example in read_examples(DATA / name / "train_10.jsonl"):
            shown[agent_name(name, example.label)].append(example.text)
        clerks += [Clerk(agent, examples) for agent, examples in shown.items()]
        requests += [example.text for example in read_examples(DATA / name / "dev.jsonl")]
    requests += read_texts(DATA / "clinc150" / "oos_dev.jsonl")
    nobodys = read_texts(DATA / "clinc150" / "oos_train.jsonl")
    random.Random(seed).shuffle(requests)
    return World(tuple(clerks), tasks_of(requests, seed), nobodys)


def agent_name(data: str, label: str) -> str:
    """Return the agent of an intent: the sets have names in common."""
    return f"{data}-{label}".lower().replace("_", "-").replace("?", "")


def tasks_of(requests: Sequence[str], seed: int = 0) -> tuple[Task, ...]:
    """Return a task for each request, and after every fourth another one that waits for an earlier task."""
    draw = random.Random(seed)
    tasks: list[Task] = []
    for number, request in enumerate(requests):
        tasks.append(Task(f"t{number}", request))
        if number % 4 == 3:
            before = draw.choice(tasks[-50:]).id
            again, on_failure = draw.choice(requests), draw.choice(_ON_FAILURE)
            tasks.append(Task(f"t{number}-after", again, after=(before,), on_failure=on_failure))
    return tuple(tasks)


def train_on(world: World, seed: int, file: Path) -> None:
    """Train a router on the examples of the cards, and on requests for nobody, and write it."""
    examples = [Example(text, clerk.card.name) for clerk in world.clerks for text in clerk.card.examples]
    model = train(examples, replace(FEW_EXAMPLES, seed=seed), profiles=world.profiles, out_of_scope=world.nobodys)
    model.save(file)


def live(world: World, journal: Path, make_router: Callable[[], Router], threshold: float | None = None) -> None:
    """Run all tasks for real: a fresh router, at this threshold if one is given."""
    router = make_router()
    chosen = router if threshold is None else OtherThreshold(router, threshold)
    settings = Settings(journal=journal, log_format="off", drain_s=60, blocked_after_s=0, stuck_after_s=0)

    async def run() -> None:
        async with Orchestrator(settings, agents=world.clerks, router=chosen, run=RUN) as o:
            await o.submit_plan(Plan("again", world.tasks))
            await o.results()

    asyncio.run(run())


def read_rows(journal: Path) -> list[Row]:
    """Return the rows of the run."""
    with JournalReader(journal) as reader:
        return list(reader.rows(run=RUN))


def by_task(rows: Sequence[Row]) -> Mapping[str, list[tuple[str, Any]]]:
    """Return topic and body of the rows of each task and, by no name, of the run; ids and times are a run's own."""
    found: dict[str, list[tuple[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row.envelope.correlation_id].append((row.envelope.topic, row.envelope.body))
    return found
