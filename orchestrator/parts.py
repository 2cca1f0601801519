"""The parts of a run: bus, desk, effects, questions, supervisor, dispatcher and so on, and how they hang together."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.alarm import Alarm
from orchestrator.ancestry import OWN, Ancestry
from orchestrator.bus import Bus
from orchestrator.clock import Clock, Ids
from orchestrator.desk import Desk
from orchestrator.dispatcher import Dispatcher
from orchestrator.diverted import DivertedDispatcher
from orchestrator.effects import Effects
from orchestrator.enrolment import Enrolment
from orchestrator.errands import Errands
from orchestrator.graph import TaskGraph
from orchestrator.handling import Surroundings
from orchestrator.heartbeat import Heartbeat
from orchestrator.journal import Journal
from orchestrator.listener import Listener
from orchestrator.logs import DecisionLog
from orchestrator.outside import OutsideOf
from orchestrator.questions import Questions
from orchestrator.registry import AgentRegistry
from orchestrator.settings import Settings
from orchestrator.spending import Spending
from orchestrator.supervisor import Supervisor
from orchestrator.watchdog import Watchdog

if TYPE_CHECKING:
    import structlog

    from router import Router


@dataclass(frozen=True, slots=True)
class Ground:
    """What a run stands on.

    Attributes:
        run: its id.
        last_id: number of the last envelope that an earlier process made; 0 if there was none.
        last_row: sequence number of the last row that was read of it; 0 if there was none.
        settings, clock, registry, journal, graph, group: of the run.
        routers: the one that decides, then the one in its shadow, if any.
        logger: for one line per decision, if any.
        outside_of: who answers what a task reads from outside; None for the world.
        origin: what this run has from another one.
    """

    run: str
    last_id: int
    last_row: int
    settings: Settings
    clock: Clock
    registry: AgentRegistry
    journal: Journal
    graph: TaskGraph
    group: asyncio.TaskGroup
    routers: Sequence[Router]
    logger: structlog.typing.FilteringBoundLogger | None
    outside_of: OutsideOf | None = None
    origin: Ancestry = OWN


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a run, wired."""

    bus: Bus
    desk: Desk
    effects: Effects
    questions: Questions
    errands: Errands
    spending: Spending
    listener: Listener
    watchdog: Watchdog
    heartbeat: Heartbeat
    supervisor: Supervisor
    dispatcher: Dispatcher
    enrolment: Enrolment

    def start(self, group: asyncio.TaskGroup) -> None:
        """Start what hands out results, what listens and what watches; the group owns it."""
        group.create_task(self.desk.hand_out_results(), name="desk")
        self.listener.start(group)
        self.watchdog.start(group)
        self.heartbeat.start(group)

    def stop(self) -> None:
        """Stop whatever runs, and tell those who wait for it."""
        self.heartbeat.stop()
        self.watchdog.stop()
        self.listener.stop()
        self.errands.close()
        self.supervisor.stop()
        self.bus.close()
        self.desk.abandon()


def assemble(ground: Ground) -> Parts:
    """Make the parts of a run; none of them does anything yet."""
    settings, journal, graph = ground.settings, ground.journal, ground.graph
    bus = Bus(clock=ground.clock, ids=Ids(ground.run, after=ground.last_id), tap=journal)
    effects = Effects(
        run=ground.origin.run or ground.run,
        bus=bus,
        journal=journal,
        clock=ground.clock,
        outside_of=ground.outside_of,
    )
    questions, alarm = Questions(), Alarm()
    errands = Errands(ground.group)
    spending = Spending(bus=bus, journal=journal, errands=errands, guard=alarm.guard)
    listener = Listener(
        run=ground.run,
        questions=questions,
        journal=journal,
        clock=ground.clock,
        every_s=settings.answers_every_s,
        after=ground.last_row,
    )
    surroundings = Surroundings(
        bus=bus,
        graph=graph,
        journal=journal,
        clock=ground.clock,
        effects=effects,
        questions=questions,
        spending=spending,
        workspace=settings.workspace,
        seed=settings.seed,
        capacity=settings.capacity,
        alarm=alarm,
        outside_of=ground.outside_of,
        logger=ground.logger,
    )
    supervisor = Supervisor(surroundings, settings.policy, ground.group)
    desk = Desk(bus=bus, graph=graph, journal=journal, spending=spending, capacity=settings.capacity)
    dispatcher = _dispatcher(ground, surroundings, supervisor)
    enrolment = Enrolment(
        registry=ground.registry,
        routers=ground.routers,
        supervisor=supervisor,
        bus=bus,
        group=ground.group,
        grace_s=settings.drain_s,
    )
    surroundings.restarts.on_excess = functools.partial(_give_up, enrolment, ground.logger)
    watchers = _watchers(ground, surroundings, supervisor)
    return Parts(
        bus, desk, effects, questions, errands, spending, listener, *watchers, supervisor, dispatcher, enrolment
    )


def _dispatcher(ground: Ground, run: Surroundings, supervisor: Supervisor) -> Dispatcher:
    settings = ground.settings
    router, *shadow = ground.routers
    diversions = ground.origin.diversions
    make = functools.partial(DivertedDispatcher, diversions) if diversions else Dispatcher
    return make(
        run=ground.origin.run or ground.run,
        seed=settings.seed,
        bus=run.bus,
        graph=run.graph,
        registry=ground.registry,
        router=router,
        vetoes=supervisor.vetoes,
        spending=run.spending,
        fallback_agent=settings.fallback_agent,
        log=DecisionLog(ground.logger) if ground.logger else None,
        mailbox=8 * settings.capacity,
        explore=settings.explore,
        shadow=shadow[0] if shadow else None,
        questions=run.questions if settings.when_abstained == "ask" else None,
    )


def _give_up(enrolment: Enrolment, logger: structlog.typing.FilteringBoundLogger | None, agent: str, why: str) -> None:
    if logger is not None:
        logger.warning("agent given up", agent=agent, why=why)
    enrolment.give_up(agent, why)


def _watchers(ground: Ground, run: Surroundings, supervisor: Supervisor) -> tuple[Watchdog, Heartbeat]:
    settings, journal, logger = ground.settings, ground.journal, ground.logger
    watchdog = Watchdog(
        bus=run.bus,
        graph=ground.graph,
        supervisor=supervisor,
        questions=run.questions,
        journal=journal,
        clock=ground.clock,
        after_s=settings.stuck_after_s,
        logger=logger,
    )
    heartbeat = Heartbeat(
        bus=run.bus,
        journal=journal,
        supervisor=supervisor,
        clock=ground.clock,
        alarm=run.alarm,
        after_s=settings.blocked_after_s,
        logger=logger,
    )
    return watchdog, heartbeat
