"""The orchestrator: the facade that wires bus, graph, journal, router, dispatcher and supervisor together."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from orchestrator.agent import Agent
from orchestrator.bus import Bus
from orchestrator.clock import Clock, Ids, SystemClock, new_run_id
from orchestrator.desk import Desk, Ticket
from orchestrator.dispatcher import Dispatcher
from orchestrator.errors import BusClosedError, PointsmanError, unwrapped
from orchestrator.graph import TaskGraph
from orchestrator.handling import Surroundings
from orchestrator.journal import Journal, SqliteJournal
from orchestrator.judgement import Judgement, Said, record_judgement
from orchestrator.logs import DecisionLog, make_logger
from orchestrator.messages import OnFailure, Result, Task, as_ids
from orchestrator.plan import Plan
from orchestrator.plugins import BrokenPlugin, discover
from orchestrator.registry import AgentRegistry
from orchestrator.router_of_run import load_router, load_shadow, teach, unteach
from orchestrator.settings import Settings
from orchestrator.statistics import Statistics
from orchestrator.supervisor import Supervisor
from orchestrator.topics import AGENT_REGISTERED, AGENT_UNREGISTERED, PLUGIN_BROKEN, RUN_STARTED, RUN_STOPPED

if TYPE_CHECKING:
    import structlog

    from router import Router

_LAST_WORD_S: Final = 1.0


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
        logger: structlog.typing.FilteringBoundLogger | None = None,
    ) -> None:
        """Prepare a run; nothing starts before `async with`.

        Args:
            settings: defaults are a journal at `.pointsman/journal.db` and no more.
            agents: objects with a `card` and a `handle`; None takes all plugins.
            router: None takes the one named in the settings, the champion, or the bundled one.
            journal: None opens the one named in the settings.
            clock: a `VirtualClock` for runs on a `VirtualTimeLoop`.
            run: id of the run; made from date and time where it is empty.
            logger: for one line per decision; None makes one as the settings say.
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
        self._open = False

    # -- life --------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        with unwrapped():
            async with AsyncExitStack() as opening:  # what was opened is closed again if the rest fails
                self._journal = self._given_journal or SqliteJournal(
                    self.settings.journal, self.run_id, durability=self.settings.durability
                )
                opening.push_async_callback(self._journal.aclose)
                self._group = await opening.enter_async_context(asyncio.TaskGroup())
                self._wire()
                opening.callback(self._stop_everything)
                await self._begin()
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
                    await self._drain()
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
    ) -> Ticket:
        """Submit one task; return once it is in the journal. The arguments are those of `Task`.

        Raises:
            GraphError: if its id is taken or it waits for a task that does not exist.
            PointsmanError: if the orchestrator is not running.
        """
        desk = self._running_desk()
        if not isinstance(request, Task):
            name = id or self._new_task_id()
            request = Task(name, request, payload or {}, as_ids(after), agent, on_failure, estimate_s)
        return (await desk.submit([request]))[0]

    async def submit_plan(self, plan: Plan) -> dict[str, Ticket]:
        """Submit all tasks of a plan, or none of them; return tickets by task id.

        Raises:
            GraphError: if ids are taken, dependencies are missing or form a cycle.
        """
        return {ticket.id: ticket for ticket in await self._running_desk().submit(plan.tasks)}

    async def run(self, plan: Plan) -> dict[str, Result]:
        """Submit a plan and wait for all of its tasks; return results by task id."""
        tickets = await self.submit_plan(plan)
        return {name: await ticket.result() for name, ticket in tickets.items()}

    async def idle(self) -> None:
        """Wait until no task is unfinished, those that agents added included."""
        await self._running_desk().idle()

    async def feedback(self, task: str, *, right: bool, should_be: str = "", note: str = "") -> Judgement:
        """Say whether a task of this run went to the right agent; return once it is in the journal.

        Args:
            task: its id.
            right: whether the agent that got it was the right one.
            should_be: who should have got it, where that is known.
            note: for those who read it.

        Raises:
            PointsmanError: if there is no such task or agent, nobody was asked, or the words contradict the decision.
        """
        self._running_desk()
        return await record_judgement(self.bus, self._journal, self.run_id, task, Said(right, should_be, note))

    # -- agents ------------------------------------------------------------------------------------------------------

    async def register(self, candidate: object) -> Agent:
        """Add an agent; the router knows it at once, from its card.

        Raises:
            CardError: if it is not an agent.
            DuplicateAgentError: if its name is taken, or was and its tasks are not finished yet.
            PointsmanError: if the orchestrator is not running.
        """
        self._running_desk()
        return await self._register(candidate)

    async def _register(self, candidate: object) -> Agent:
        agent = self.registry.add(candidate)
        card = agent.card
        with ExitStack() as undo:
            undo.callback(self.registry.remove, card.name)
            self._supervisor.refuse(agent)
            for router in self._routers:
                teach(router, card)
            undo.pop_all()  # the supervisor and the router took it
        self._supervisor.start(agent)
        await self.bus.publish(AGENT_REGISTERED, {"agent": card.name, "version": card.version, "digest": card.digest})
        return agent

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
        self.registry.remove(name)
        for router in self._routers:
            unteach(router, name)
        return await asyncio.shield(self._group.create_task(self._retire(name), name=f"retire {name}"))

    async def _retire(self, name: str) -> int:
        try:
            left = await self._supervisor.retire(name, self.settings.drain_s)
            await self.bus.publish(AGENT_UNREGISTERED, {"agent": name, "left": left})
        except BusClosedError:  # the run stopped first: its last row names what is unfinished
            return 0
        return left

    def statistics(self) -> Statistics:
        """Return the counts as of now."""
        queued = {name: counts.queued + counts.in_hand for name, counts in self._supervisor.statistics().items()}
        return Statistics(self.bus.statistics(), self._graph.statistics(), self._journal.statistics(), queued)

    # -- wiring ------------------------------------------------------------------------------------------------------

    def _wire(self) -> None:
        settings, journal, graph = self.settings, self._journal, TaskGraph()
        self._graph = graph
        self._task_ids = Ids("task")
        self.bus = Bus(clock=self.clock, ids=Ids(self.run_id), tap=journal)
        self._desk = Desk(bus=self.bus, graph=graph, journal=journal, capacity=settings.capacity)
        surroundings = Surroundings(
            bus=self.bus,
            graph=graph,
            journal=journal,
            clock=self.clock,
            workspace=settings.workspace,
            seed=settings.seed,
            capacity=settings.capacity,
        )
        self._supervisor = Supervisor(surroundings, settings.policy, self._group)
        self._dispatcher = Dispatcher(
            run=self.run_id,
            seed=settings.seed,
            bus=self.bus,
            graph=graph,
            registry=self.registry,
            router=self._router,
            vetoes=self._supervisor.vetoes,
            fallback_agent=settings.fallback_agent,
            log=DecisionLog(self._logger) if self._logger else None,
            mailbox=8 * settings.capacity,
            explore=settings.explore,
            shadow=self._shadow,
        )

    async def _begin(self) -> None:
        agents = self._given_agents
        broken: tuple[BrokenPlugin, ...] = ()
        if agents is None:
            report = discover(strict=self.settings.strict_plugins)
            agents, broken = [plugin.agent for plugin in report.loaded], report.broken
        about = {"seed": self.settings.seed, "router": self._router.fingerprint, "schema": 1}
        await self.bus.publish(RUN_STARTED, about)
        for plugin in broken:
            await self.bus.publish(PLUGIN_BROKEN, dataclasses.asdict(plugin))
            if self._logger:
                self._logger.warning(PLUGIN_BROKEN, **dataclasses.asdict(plugin))
        for agent in agents:
            await self._register(agent)
        self._group.create_task(self._dispatcher.dispatch(), name="dispatcher")
        self._group.create_task(self._desk.hand_out_results(), name="desk")

    async def _drain(self) -> None:
        try:
            async with asyncio.timeout(self.settings.drain_s):
                await self._desk.idle()
        except TimeoutError:
            pass
        try:
            async with asyncio.timeout(_LAST_WORD_S):
                await self.bus.publish(RUN_STOPPED, {"unfinished": list(self._graph.unfinished())})
        except TimeoutError:
            pass  # it is recorded; a subscriber that no longer reads cannot hold up the end

    def _stop_everything(self) -> None:
        self._supervisor.stop()
        self.bus.close()
        self._desk.abandon()

    def _new_task_id(self) -> str:
        while (name := self._task_ids.next()) in self._graph:
            pass
        return name

    def _running_desk(self) -> Desk:
        if not self._open:
            raise PointsmanError("the orchestrator is not running; use it inside `async with Orchestrator() as o:`")
        return self._desk
