"""The orchestrator: the facade that wires bus, graph, journal, router, dispatcher and supervisor together."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from orchestrator.agent import Agent
from orchestrator.ancestry import OWN, Ancestry
from orchestrator.budget import Budget
from orchestrator.clock import Clock, Ids, SystemClock, new_run_id
from orchestrator.departure import depart
from orchestrator.desk import Desk, Ticket
from orchestrator.enrolment import find_candidates
from orchestrator.errors import PointsmanError, unwrapped
from orchestrator.graph import TaskGraph
from orchestrator.inbox import Reply, record_reply
from orchestrator.journal import Journal
from orchestrator.judgement import Judgement, Said, record_judgement
from orchestrator.logs import make_logger
from orchestrator.messages import OnFailure, Result, Task, as_ids
from orchestrator.outside import OutsideOf
from orchestrator.parts import Ground, Parts, assemble
from orchestrator.plan import Plan
from orchestrator.policy import TaskPolicy
from orchestrator.registry import AgentRegistry
from orchestrator.resumption import Resumption, announce_new, open_journal, refuse_begun
from orchestrator.router_of_run import describe_router, load_router, load_shadow
from orchestrator.settings import Settings
from orchestrator.statistics import Statistics

if TYPE_CHECKING:
    import structlog

    from router import Router


class Orchestrator:
    """Takes tasks, sends each to the agent that the router picks, and records everything.

    Use it as `async with Orchestrator() as o:`. Leaving the block waits up to `settings.drain_s` seconds for
    unfinished tasks; leaving it by an exception stops at once. What was acknowledged is in the journal either way.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        agents: Iterable[object] | None = None,
        router: Router | None = None,
        journal: Journal | None = None,
        clock: Clock | None = None,
        run: str = "",
        budget: Budget | None = None,
        logger: structlog.typing.FilteringBoundLogger | None = None,
        outside_of: OutsideOf | None = None,
        origin: Ancestry = OWN,
    ) -> None:
        """Prepare a run; nothing starts before `async with`.

        Args:
            settings: defaults are a journal at `.pointsman/journal.db` and no more.
            agents: objects with a `card` and a `handle`; None takes all plugins.
            router: None takes the one named in the settings, the champion, or the bundled one.
            journal: None opens the one named in the settings.
            clock: a `VirtualClock` for runs on a `VirtualTimeLoop`.
            run: id of the run; made from date and time where it is empty.
            budget: what the run may use at most; limits that it does not name are those in the settings.
            logger: for one line per decision; None makes one as the settings say.
            outside_of: who answers what a task reads from outside, such as a cassette; None lets the world do so.
            origin: what this run has from the one that it goes on from.
        """
        self.settings = settings or Settings()
        self.clock: Clock = clock or SystemClock()
        self.run_id = run or new_run_id(self.clock)
        self.registry = AgentRegistry()
        self._given_agents, self._given_journal = agents, journal
        self._router = router or load_router(self.settings)
        self._shadow = load_shadow(self.settings)
        self._routers = (self._router,) if self._shadow is None else (self._router, self._shadow)
        self._logger = logger or make_logger(self.settings.log_format, now=self.clock.now)
        self._budget = self.settings.budget if budget is None else budget.over(self.settings.budget)
        self._resumption: Resumption | None = None
        self._outside_of, self._origin, self._open, self._in_haste = outside_of, origin, False, False

    @classmethod
    def resume(
        cls,
        run: str,
        settings: Settings | None = None,
        *,
        agents: Iterable[object] | None = None,
        router: Router | None = None,
        journal: Journal | None = None,
        clock: Clock | None = None,
        logger: structlog.typing.FilteringBoundLogger | None = None,
        accept: Collection[str] = (),
        budget: Budget | None = None,
    ) -> Self:
        """Prepare to go on with a run from its journal, after a stop or any crash; it does so on `async with`.

        What has ended is not done again, but for what ended because a budget was used up that has room now. A task
        whose attempt was cut short gets its next attempt; a task that went to an agent goes to the same one. `results`
        waits for all of them.

        The arguments are those of a new run; the journal must be the one of `run`, whose own seed stays. `accept` names
        agents that may be missing, or may have changed while their effects are on record. `budget` holds
        limits that replace those of the run; None in a field lifts one, what is not given stays.

        Raises:
            JournalError: on entering, if the journal has no such run or is damaged.
            ResumeError: on entering, if agents are missing or have changed so that the run cannot go on; says which.
        """
        made = cls(settings, agents=agents, router=router, journal=journal, clock=clock, run=run, logger=logger)
        made._resumption = Resumption(run, accept, budget)
        return made

    # -- life --------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        with unwrapped():
            async with AsyncExitStack() as opening:  # what was opened is closed again if the rest fails
                self._journal = self._given_journal or await open_journal(self.settings, self.run_id)
                opening.push_async_callback(self._journal.aclose)
                group = await opening.enter_async_context(asyncio.TaskGroup())
                self._parts = await self._assemble(group)
                opening.callback(self._parts.stop)
                await self._begin(group)
                self._closing = opening.pop_all()
        self._open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open = False
        self._desk.close()
        with unwrapped():
            async with self._closing:
                if error is None:
                    await depart(self._parts, self._graph, self.settings.drain_s, in_haste=self._in_haste)
                elif isinstance(error, asyncio.CancelledError):
                    raise error
                # Any other exception of the caller's own passes by the task group, which would wrap it.

    # -- tasks -------------------------------------------------------------------------------------------------------

    async def submit(
        self,
        request: str | Task,
        *,
        id: str = "",  # noqa: A002 - the name of the field
        payload: Mapping[str, Any] | None = None,
        after: Sequence[str] = (),
        agent: str = "",
        on_failure: OnFailure = "fail",
        estimate_s: float = 1.0,
        budget: Budget | None = None,
        policy: TaskPolicy | None = None,
    ) -> Ticket:
        """Submit one task; return once it is in the journal. The arguments are those of `Task`.

        Raises:
            GraphError: if its id is taken or it waits for a task that does not exist.
            PointsmanError: if the orchestrator is not running.
        """
        desk = self._running_desk()
        if not isinstance(request, Task):
            name = id or self._new_task_id()
            about = (payload or {}, as_ids(after), agent, on_failure, estimate_s)
            request = Task(name, request, *about, budget=budget, policy=policy)
        return (await desk.submit([request]))[0]

    async def submit_plan(self, plan: Plan) -> dict[str, Ticket]:
        """Submit all tasks of a plan, or none of them; return tickets by task id.

        Raises:
            GraphError: if ids are taken, dependencies are missing or form a cycle.
        """
        desk = self._running_desk()
        await self._parts.spending.narrow(plan.budget)
        return {ticket.id: ticket for ticket in await desk.submit(plan.tasks)}

    async def run(self, plan: Plan) -> dict[str, Result]:
        """Submit a plan and wait for all of its tasks; return results by task id."""
        tickets = await self.submit_plan(plan)
        return {name: await ticket.result() for name, ticket in tickets.items()}

    async def idle(self) -> None:
        """Wait until no task is unfinished, those that agents added included; StoppedError if the run stops first."""
        await self._running_desk().idle()

    def hasten(self) -> None:
        """Let leaving the block wait for attempts that have begun and no others: what is left can be resumed."""
        self._in_haste = True

    async def results(self) -> dict[str, Result]:
        """Wait until no task is unfinished; return the results of all tasks of the run by id, once they are safe."""
        await self.idle()
        await self._journal.sync()
        return self._graph.results()

    async def feedback(self, task: str, *, right: bool, should_be: str = "", note: str = "") -> Judgement:
        """Say whether a task of this run went to the right agent; return once that is in the journal. See `Said`.

        Raises:
            PointsmanError: if there is no such task or agent, nobody was asked, or the words contradict the decision.
        """
        self._running_desk()
        return await record_judgement(self.bus, self._journal, self.run_id, task, Said(right, should_be, note))

    async def answer(self, task: str, answer: str, *, key: str = "", by: str = "", output: Any = None) -> None:
        """Answer what a task of this run asks; return once that is in the journal. The arguments are those of `Reply`.

        Raises:
            AnswerError: if it asks nothing, this is none of the options, or somebody has answered already.
        """
        self._running_desk()
        await record_reply(self.bus, self._journal, self.run_id, task, Reply(answer, key, by, output))
        self._parts.listener.look()

    # -- agents ------------------------------------------------------------------------------------------------------

    async def register(self, candidate: object) -> Agent:
        """Add an agent; the router knows it at once, from its card.

        Raises:
            CardError: if it is not an agent.
            DuplicateAgentError: if its name is taken, or was and its tasks are not finished yet.
            PointsmanError: if the orchestrator is not running.
        """
        self._running_desk()
        return await self._parts.enrolment.enrol(candidate)

    async def unregister(self, name: str) -> int:
        """Send an agent nothing more, let it finish what it has for up to `settings.drain_s`, and remove it.

        Returns:
            How many of its tasks were left at the deadline; they are dead letters.

        A caller cancelled here has unregistered the agent all the same.

        Raises:
            UnknownAgentError: if there is none of this name.
            PointsmanError: if the orchestrator is not running.
        """
        self._running_desk()
        return await self._parts.enrolment.dismiss(name)

    def statistics(self) -> Statistics:
        """Return the counts as of now."""
        queued = {name: counts.queued + counts.in_hand for name, counts in self._supervisor.statistics().items()}
        parts = self.bus.statistics(), self._graph.statistics(), self._journal.statistics()
        return Statistics(*parts, queued, self._parts.spending.balances(), self._parts.watchdog.last)

    # -- wiring ------------------------------------------------------------------------------------------------------

    async def _assemble(self, group: asyncio.TaskGroup) -> Parts:
        self._graph = TaskGraph()
        self._task_ids = Ids("task")
        self._found = find_candidates(self._given_agents, strict=self.settings.strict_plugins)
        settings, last_id, last_row = self.settings, 0, 0
        if self._resumption is not None:
            settings = await self._resumption.read(self._journal, self._graph, settings, self._found[0])
            last_id, last_row = self._resumption.found.last_id, self._resumption.found.last_row
        elif self._journal.epoch > 1:  # somebody had it before: did they come to write anything?
            refuse_begun(self._journal, self.run_id)
        own = (settings, self.clock, self.registry, self._journal, self._graph, group, self._routers, self._logger)
        parts = assemble(Ground(self.run_id, last_id, last_row, *own, self._outside_of, self._origin))
        self.bus, self._desk, self._supervisor = parts.bus, parts.desk, parts.supervisor
        return parts

    async def _begin(self, group: asyncio.TaskGroup) -> None:
        agents, broken = self._found
        parts, resumption = self._parts, self._resumption
        router = describe_router(self._router, self.settings)
        if resumption is not None:
            resumption.check(agents)
            resumed = await resumption.announce(parts, router, self._journal.epoch)
        else:
            await announce_new(parts, self.settings.seed, router, self._budget)
        await parts.enrolment.report(broken, self._logger)
        await parts.enrolment.enrol_all(agents)
        parts.start(group)
        if resumption is not None:
            await resumption.take_up(parts, resumed, self.clock)
        group.create_task(parts.dispatcher.dispatch(), name="dispatcher")

    def _new_task_id(self) -> str:
        while (name := self._task_ids.next()) in self._graph:
            pass
        return name

    def _running_desk(self) -> Desk:
        if not self._open:
            raise PointsmanError("the orchestrator is not running; use it inside `async with Orchestrator() as o:`")
        return self._desk
