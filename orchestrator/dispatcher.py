"""The dispatcher: asks the router for each task that is ready, records the decision, and applies it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from orchestrator.bus import Bus
from orchestrator.clock import stopwatch
from orchestrator.decision import RoutingDecision, digest_text
from orchestrator.desk import publish_inherited, result_of
from orchestrator.errors import BusClosedError
from orchestrator.graph import TaskGraph, Unlocked
from orchestrator.logs import DecisionLog
from orchestrator.messages import Envelope, Task
from orchestrator.registry import AgentRegistry
from orchestrator.topics import (
    ENDINGS,
    TASK_ABSTAINED,
    TASK_FAILED,
    TASK_ROUTED,
    TASK_SUBMITTED,
    TASK_UNLOCKED,
    command_for,
)

if TYPE_CHECKING:
    from router import Router


class Dispatcher:
    """Moves the graph on as tasks are submitted and end, and sends each ready task to an agent.

    It alone moves tasks through the graph, one envelope at a time. Its queue holds `mailbox` envelopes; that is more
    than the unfinished tasks of a run can cause, so nobody ever waits for it.
    """

    def __init__(
        self,
        *,
        run: str,
        seed: int,
        bus: Bus,
        graph: TaskGraph,
        registry: AgentRegistry,
        router: Router,
        vetoes: Callable[[], Mapping[str, str]],
        fallback_agent: str = "",
        log: DecisionLog | None = None,
        mailbox: int = 1024,
    ) -> None:
        self._run, self._seed = run, seed
        self._bus, self._graph, self._registry, self._router = bus, graph, registry, router
        self._vetoes, self._fallback, self._log = vetoes, fallback_agent, log
        self._subscription = bus.subscribe(TASK_SUBMITTED, *ENDINGS, maxsize=mailbox)
        self._trace_id = hashlib.sha256(run.encode()).hexdigest()[:32]

    async def dispatch(self) -> None:
        """Serve until the bus closes: the dispatcher's own loop."""
        receive_nowait = self._subscription.receive_nowait
        try:
            while True:
                causes = [await self._subscription.receive()]
                while (another := receive_nowait()) is not None:
                    causes.append(another)
                await self._move_on(causes)
                self._subscription.done(len(causes))
        except BusClosedError:  # perhaps while this waited for a full subscription of somebody else's
            return

    async def _move_on(self, causes: list[Envelope]) -> None:
        """Apply all that has happened by now to the graph, then send what is ready, the most urgent first."""
        ready: list[tuple[Task, Envelope]] = []
        for cause in causes:
            unlocked = self._unlock(cause)
            for result in unlocked.ended:
                await publish_inherited(self._bus, result, cause.id)
            ready += [(task, cause) for task in unlocked.ready]
        if len(ready) > 1:
            ready.sort(key=lambda entry: -self._graph.urgency(entry[0].id))
        for task, cause in ready:
            if task.id == cause.correlation_id:  # ready as soon as it was submitted
                await self._send(task, cause)
            else:
                body = {"by": cause.correlation_id}
                await self._send(task, await self._bus.publish(TASK_UNLOCKED, body, task.id, cause.id))

    def _unlock(self, cause: Envelope) -> Unlocked:
        if cause.topic == TASK_SUBMITTED:
            return self._graph.release(cause.correlation_id)
        result = result_of(cause)
        return (self._graph.complete if result.ok else self._graph.fail)(result.task_id, result)

    async def _send(self, task: Task, cause: Envelope) -> None:
        while True:
            begun = stopwatch()
            decision = self._decide(task)
            if isinstance(decision, str):
                body = {"agent": task.agent, "attempts": 0, "error": decision}
                await self._bus.publish(TASK_FAILED, body, task.id, cause.id)
                return
            record = decision.to_json()
            measured = {"route_s": stopwatch() - begun}
            if self._log is not None:
                self._log.write(record)
            chosen = decision.chosen
            if not isinstance(chosen, str):
                body = {"decision": record, "error": f"the router abstained: {chosen.reason}"}
                await self._bus.publish(TASK_ABSTAINED, body, task.id, cause.id, measured)
                return
            routed = await self._bus.publish(TASK_ROUTED, {"decision": record}, task.id, cause.id, measured)
            if chosen in self._registry:  # else it was unregistered while publishing waited: decide again
                await self._bus.publish(command_for(chosen), {"task": task.id}, task.id, routed.id)
                return

    def _decide(self, task: Task) -> RoutingDecision | str:
        """Return who gets the task, or why nobody can: it is pinned, or the router holds on, to an unknown agent."""
        span_id = hashlib.sha256(f"{self._run}/{task.id}".encode()).hexdigest()[:16]
        if task.agent:
            if task.agent not in self._registry:
                return f"no agent {task.agent!r} is registered"
            return RoutingDecision(
                task_id=task.id,
                chosen=task.agent,
                policy="pinned",
                prediction=None,
                registry_digest=self._registry.digest,
                seed=self._seed,
                trace_id=self._trace_id,
                span_id=span_id,
                input_digest=digest_text(task.request),
            )
        vetoes = self._vetoes()
        prediction = self._router.predict(task.request, vetoes)
        while isinstance(prediction.choice, str) and prediction.choice not in self._registry:
            if prediction.choice in vetoes:
                return f"the router insists on agent {prediction.choice!r}, which is not registered"
            vetoes = {**vetoes, prediction.choice: "not registered"}
            prediction = self._router.predict(task.request, vetoes)
        falls_back = prediction.abstained and self._fallback in self._registry
        return RoutingDecision(
            task_id=task.id,
            chosen=self._fallback if falls_back else prediction.choice,
            policy="fallback" if falls_back else "learned",
            prediction=prediction,
            vetoes=vetoes,
            attribution=self._router.explain(task.request, prediction.leader) if prediction.leader else (),
            registry_digest=self._registry.digest,
            seed=self._seed,
            trace_id=self._trace_id,
            span_id=span_id,
            input_digest=digest_text(task.request),
        )
