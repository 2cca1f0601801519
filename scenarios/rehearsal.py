"""Owns the rehearsal: one run of a plan in virtual time, offline, watched, with what could be otherwise stated.

`scenarios.determinism` has several in processes of their own, and compares what they did.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from orchestrator.agent import Agent
from orchestrator.budget import Budget
from orchestrator.clock import VirtualClock, run_virtual, seeded_random
from orchestrator.code_digest import code_of
from orchestrator.context import TaskContext
from orchestrator.journal import Row
from orchestrator.messages import Result, Task
from orchestrator.offline import offline
from orchestrator.orchestrator import Orchestrator
from orchestrator.own_line import OwnLine, kind_of, package_of
from orchestrator.plan import Plan, load_plan
from orchestrator.plugins import discover
from orchestrator.policy import Policy
from orchestrator.redaction import DEFAULT, Profile, read_profile
from orchestrator.settings import Settings, load_settings
from router import Router
from scenarios.cassette import Cassette, load_cassette
from scenarios.interview import Interview, refuse
from scenarios.leaks import Leak
from scenarios.mask import Mask
from scenarios.people import answering
from scenarios.recording import RehearsalJournal
from scenarios.tape import Tape
from scenarios.watch import AGENT, Watch

Order = Literal["as found", "reversed", "shuffled"]
RUN: Final = "determinism"


@dataclass(frozen=True, slots=True)
class Variation:
    """What is otherwise in one run.

    Attributes:
        hash_seed: PYTHONHASHSEED of its process.
        order: in which the agents are registered.
        workers: attempts of each agent at the same time; None leaves it to the policies.
    """

    hash_seed: int = 0
    order: Order = "as found"
    workers: int | None = None

    def __str__(self) -> str:
        """Say it in words."""
        workers = "" if self.workers is None else f", {self.workers} worker{'s' if self.workers != 1 else ''}"
        return f"hash seed {self.hash_seed}, agents {self.order}{workers}"


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What one run did.

    Attributes:
        rows: its journal.
        results: by task id: status, agent, output, error.
        leaks: what its handlers read past their contexts.
        ran: file and first line of each function of an agent's own that ran, and the agent.
    """

    rows: tuple[Row, ...]
    results: dict[str, list[Any]]
    leaks: tuple[Leak, ...]
    ran: tuple[tuple[str, int, str], ...]


def rehearse(
    plan: Plan,
    settings: Settings,
    agents: Sequence[Agent],
    variation: Variation,
    *,
    router: Router | None = None,
    cassette: Cassette | None = None,
) -> Rehearsal:
    """Run a plan once, in this process, which has the variation's hash seed already.

    Args:
        plan: what to run.
        settings: of the run.
        agents: those that there are.
        variation: what is otherwise.
        router: None takes the one that the settings name.
        cassette: answers what is read by `context.read`; without one the world does, as far as it is no network.

    Raises:
        PointsmanError: if it cannot run, or a task asks people and the cassette does not hold what they say.
    """
    journal, watch = RehearsalJournal(RUN), Watch(settings.workspace)
    tape = None if cassette is None else _tape_of(cassette)
    seed = settings.seed if plan.seed is None else plan.seed
    made = Orchestrator(
        settings.model_copy(update={"log_format": "off", "seed": seed}),
        agents=[_Watched(agent, settings.policy, variation.workers) for agent in _ordered(agents, variation.order)],
        router=router,
        journal=journal,
        clock=VirtualClock(),
        run=RUN,
        budget=None if cassette is None or cassette.header.budget is None else _budget(cassette),
        outside_of=None if tape is None else tape.of,
    )
    with offline(), watch.listening():
        results = run_virtual(_perform(made, plan, tape))
    shown = {name: [one.status, one.agent, one.output, one.error] for name, one in sorted(results.items())}
    return Rehearsal(tuple(journal.rows), shown, watch.leaks, tuple(_own(watch, agents)))


def _tape_of(cassette: Cassette) -> Tape:
    """Return a tape; of a cassette without its secrets one that finds what the agents ask for with theirs."""
    named = cassette.header.profile
    if not named:
        return Tape(cassette, "none")
    profile = read_profile(named) if named == DEFAULT or Path(named).is_file() else None
    mask = Mask(profile or Profile(), kept=cassette)
    return Tape(cassette, "none", redact=mask.redact, shelve=mask.shelve)


async def _perform(made: Orchestrator, plan: Plan, tape: Tape | None) -> dict[str, Result]:
    async with AsyncExitStack() as stack:
        if tape is not None:
            await stack.enter_async_context(tape)
        await stack.enter_async_context(made)
        answer = refuse if tape is None else Interview(tape, refuse, tape.redact).answer
        await stack.enter_async_context(answering(answer, made))
        await made.submit_plan(plan)
        return await made.results()


def _budget(cassette: Cassette) -> Budget:
    return Budget.model_validate(cassette.header.budget)


def _ordered(agents: Iterable[Agent], order: Order) -> list[Agent]:
    found = list(agents)
    if order == "shuffled":
        seeded_random(0, "registration").shuffle(found)
    return found[::-1] if order == "reversed" else found


class _Watched:
    """An agent whose handler is known to be at work; it runs in this process, where it can be watched."""

    def __init__(self, agent: Agent, usual: Policy, workers: int | None) -> None:
        own = agent.card.policy or Policy()
        changed: dict[str, Any] = {} if workers is None else {"concurrency": workers}
        if usual.overridden_by(own).isolation != "none":
            changed |= {"isolation": "none", "memory_mb": None, "cpu_s": None, "restart": None}
        policy = own.model_copy(update=changed) if changed else agent.card.policy
        self.card, self._agent = agent.card.model_copy(update={"policy": policy}), agent

    async def handle(self, task: Task, context: TaskContext) -> Any:
        """Handle it."""
        known = AGENT.set(self.card.name)
        try:
            return await self._agent.handle(task, context)
        finally:
            AGENT.reset(known)


def _own(watch: Watch, agents: Iterable[Agent]) -> Iterable[tuple[str, int, str]]:
    """Yield the functions that ran and are an agent's own, or of its package."""
    packages = {}
    for agent in agents:
        code = code_of(agent)
        packages[agent.card.name] = None if code is None else package_of(code.co_filename)
    for code, name in watch.ran.items():
        if kind_of(code) == "own" or package_of(code.co_filename) == packages.get(name):
            yield code.co_filename, code.co_firstlineno, name


# --- in a process of its own ------------------------------------------------------------------------------------------


def main(request: str) -> None:
    """Rehearse as a request says, and write what came of it into its folder: `rows.jsonl` and `found.json`."""
    asked = json.loads(request)
    folder = Path(asked["folder"])
    settings = load_settings(asked["settings"] and Path(asked["settings"]), os.environ)
    settings = settings.model_copy(update={"workspace": Path(asked["workspace"]), **_given(asked, "router")})
    cassette = load_cassette(Path(asked["cassette"])) if asked["cassette"] else None
    agents = [plugin.agent for plugin in discover(strict=settings.strict_plugins).loaded]
    variation = Variation(**asked["variation"])
    done = rehearse(load_plan(Path(asked["plan"])), settings, agents, variation, cassette=cassette)
    (folder / "rows.jsonl").write_bytes(b"".join(row.canonical + b"\n" for row in done.rows))
    found = {"results": done.results, "leaks": [asdict(leak) for leak in done.leaks], "ran": done.ran}
    (folder / "found.json").write_text(json.dumps(found), encoding="utf-8")


def _given(asked: dict[str, Any], name: str) -> dict[str, Any]:
    return {name: Path(asked[name])} if asked[name] else {}


def read_found(folder: Path) -> tuple[dict[str, list[Any]], tuple[Leak, ...], tuple[tuple[str, int, str], ...]]:
    """Return the results, the leaks and the functions that ran, as `main` wrote them."""
    found = json.loads((folder / "found.json").read_bytes())
    leaks = (Leak(**{**leak, "line": OwnLine(**leak["line"])}) for leak in found["leaks"])
    return found["results"], tuple(leaks), tuple((file, line, agent) for file, line, agent in found["ran"])


if __name__ == "__main__":
    main(sys.argv[1])
