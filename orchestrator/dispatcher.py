"""The dispatcher: asks the router for each task that is ready, records the decision, and applies it."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from orchestrator.budget import Shortage
from orchestrator.bus import Bus
from orchestrator.clock import seeded_random, stopwatch
from orchestrator.decision import RoutingDecision, RoutingPolicy, digest_text
from orchestrator.desk import publish_inherited, result_of
from orchestrator.errors import BusClosedError
from orchestrator.graph import TaskGraph, Unlocked
from orchestrator.logs import DecisionLog
from orchestrator.messages import EMPTY, Envelope, Task
from orchestrator.progress import Progress, Recovered
from orchestrator.questions import NOBODY, Answer, Asked, Questions, asked_body, asked_of, who_is_to_do
from orchestrator.refusing import refuse_unbegun
from orchestrator.registry import AgentRegistry
from orchestrator.shadow import decide_in_shadow
from orchestrator.spending import Spending
from orchestrator.topics import (
    ENDINGS,
    TASK_ABSTAINED,
    TASK_ASKED,
    TASK_FAILED,
    TASK_RETURNED,
    TASK_ROUTED,
    TASK_SUBMITTED,
    TASK_UNLOCKED,
    command_for,
)

if TYPE_CHECKING:
    from router import Abstained, Contribution, Prediction, Router

_new: Final = tuple.__new__


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
        spending: Spending,
        fallback_agent: str = "",
        log: DecisionLog | None = None,
        mailbox: int = 1024,
        explore: float = 0.0,
        shadow: Router | None = None,
        questions: Questions | None = None,
    ) -> None:
        """Prepare; `questions` where people are asked about what the router abstains on."""
        self._run, self._seed = run, seed
        self._bus, self._graph, self._registry, self._router = bus, graph, registry, router
        self._vetoes, self._spending, self._fallback, self._log = vetoes, spending, fallback_agent, log
        self._explore, self._shadow, self._questions = explore, shadow, questions
        self._subscription = bus.subscribe(TASK_SUBMITTED, TASK_RETURNED, *ENDINGS, maxsize=mailbox)
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

    async def caught_up(self) -> None:
        """Wait until the graph knows of every end that was published so far."""
        await self._subscription.drained()

    async def take_up(self, found: Recovered, cause: Envelope, now: float) -> None:
        """Send on what a run had ready when it was cut short: to whom it was sent before, or else as the router says.

        Args:
            found: how far the run had come.
            cause: the envelope that says that it goes on.
            now: seconds since the epoch.
        """
        for result in tuple(found.owed.values()):
            await publish_inherited(self._bus, result, cause.id)
        for task in sorted(found.ready.values(), key=lambda task: -self._graph.urgency(task.id)):
            before = found.progress[task.id]
            if before.asked is not None and before.asked.decision is not None:
                await self._take_up_question(task, before.asked, before.answer)
            elif before.cause and before.agent in self._registry:
                await self._bus.publish(command_for(before.agent), _again(task, before, now), task.id, before.cause)
            else:
                await self._send(task, cause.id)

    async def _move_on(self, causes: list[Envelope]) -> None:
        """Apply all that has happened by now to the graph, then send what is ready, the most urgent first."""
        ready: list[tuple[Task, Envelope]] = []
        for cause in causes:
            unlocked = self._unlock(cause)
            for result in unlocked.ended:
                await publish_inherited(self._bus, result, cause.id)
            if unlocked.ready:
                ready += [(task, cause) for task in unlocked.ready]
        if len(ready) > 1:
            ready.sort(key=lambda entry: -self._graph.urgency(entry[0].id))
        for task, cause in ready:
            if task.id == cause.correlation_id:  # ready as soon as it was submitted
                await self._send(task, cause.id)
            else:
                body = {"by": cause.correlation_id}
                await self._send(task, (await self._bus.publish(TASK_UNLOCKED, body, task.id, cause.id)).id)

    def _unlock(self, cause: Envelope) -> Unlocked:
        if cause.correlation_id not in self._graph:
            return Unlocked()  # somebody published it by hand: it is on record, and about no task of this run
        if cause.topic == TASK_SUBMITTED:
            return self._graph.release(cause.correlation_id)
        if cause.topic == TASK_RETURNED:
            return Unlocked((self._graph.task(cause.correlation_id),))
        result = result_of(cause)
        return (self._graph.complete if result.ok else self._graph.fail)(result.task_id, result)

    async def _send(self, task: Task, cause: str) -> None:
        while True:
            short = self._spending.shortage(task.id, task.agent) if self._spending.active else None
            if short is not None:
                await refuse_unbegun(self._bus, task, short, cause)
                return
            begun = stopwatch()
            measured: dict[str, float] = {}
            decision = self._decide(task, measured)
            if isinstance(decision, str):
                body = {"agent": task.agent, "attempts": 0, "error": decision}
                await self._bus.publish(TASK_FAILED, body, task.id, cause)
                return
            decided = stopwatch()
            record = decision.to_json()
            ended = stopwatch()
            measured["record_s"], measured["route_s"] = ended - decided, ended - begun
            if self._log is not None:
                self._log.write(record)
            chosen = decision.chosen
            if not isinstance(chosen, str):
                short = self._missed(task, decision) if self._spending.vetoed else None
                if short is not None:
                    await refuse_unbegun(self._bus, task, short, cause, record, measured)
                    return
                if self._questions is not None and decision.prediction is not None:
                    await self._ask(task, decision.prediction, record, cause, measured)
                    return
                body = {"decision": record, "error": f"the router abstained: {chosen.reason}"}
                await self._bus.publish(TASK_ABSTAINED, body, task.id, cause, measured)
                return
            if await self._hand_over(task, chosen, record, cause, measured):
                return

    async def _hand_over(
        self, task: Task, agent: str, record: Mapping[str, Any], cause: str, measured: Mapping[str, float] | None = None
    ) -> bool:
        """Put a decision on record and send the task; False if the agent was unregistered while publishing waited."""
        routed = await self._bus.publish(TASK_ROUTED, {"decision": record}, task.id, cause, measured)
        if agent not in self._registry:
            return False
        await self._bus.publish(command_for(agent), {"task": task.id}, task.id, routed.id)
        return True

    async def _ask(
        self, task: Task, prediction: Prediction, record: Mapping[str, Any], cause: str, measured: Mapping[str, float]
    ) -> None:
        """Ask people who is to do what the router abstained on."""
        names = [candidate.name for candidate in prediction.candidates() if candidate.name in self._registry]
        body = {**asked_body(who_is_to_do(task.request, names), ""), "decision": record}
        asked = await self._bus.publish(TASK_ASKED, body, task.id, cause, measured)
        await self._take_up_question(task, asked_of(asked), None)

    async def _take_up_question(self, task: Task, asked: Asked, answer: Answer | None) -> None:
        if answer is not None:
            await self._follow(task, asked, answer)
        elif self._questions is not None:
            await self._questions.park(task.id, asked, functools.partial(self._follow, task, asked))
        else:  # nobody is asked any more
            await self._send(task, asked.id)

    async def _follow(self, task: Task, asked: Asked, answer: Answer) -> None:
        """Do what a person said about who is to do a task."""
        if answer.text == NOBODY:
            body = {
                "decision": asked.decision,
                "error": f"the router abstained, and {answer.by or 'a person'} did, too",
            }
            await self._bus.publish(TASK_ABSTAINED, body, task.id, answer.id)
            return
        if answer.text in self._spending.vetoed:
            await refuse_unbegun(self._bus, task, self._spending.vetoed[answer.text], answer.id)
            return
        if answer.text in self._registry:
            record = self._record(task, answer.text, "answered").to_json()
            if await self._hand_over(task, answer.text, record, answer.id):
                return
        await self._send(task, answer.id)

    def _decide(self, task: Task, measured: dict[str, float]) -> RoutingDecision | str:
        """Return who gets the task, or why nobody can; note in `measured` what took how many seconds."""
        if task.agent:
            if task.agent not in self._registry:
                return f"no agent {task.agent!r} is registered"
            return self._record(task, task.agent, "pinned")
        begun = stopwatch()
        vetoes = self._vetoes()
        prediction = self._router.predict(task.request, vetoes)
        while isinstance(prediction.choice, str) and prediction.choice not in self._registry:
            if prediction.choice in vetoes:
                return f"the router insists on agent {prediction.choice!r}, which is not registered"
            vetoes = {**vetoes, prediction.choice: "not registered"}
            prediction = self._router.predict(task.request, vetoes)
        if self._explore and (strangers := self._strangers(prediction)):
            vetoes = {**vetoes, **strangers}
            prediction = self._router.predict(task.request, vetoes)
        predicted = stopwatch()
        words = self._router.explain(task.request, prediction.leader) if prediction.leader else ()
        measured["predict_s"], measured["explain_s"] = predicted - begun, stopwatch() - predicted
        if prediction.abstained and self._fallback in self._registry and self._fallback not in self._spending.vetoed:
            decision = self._record(task, self._fallback, "fallback", prediction, vetoes, words)
        else:
            decision = self._record(task, prediction.choice, "learned", prediction, vetoes, words)
        if self._explore and not prediction.abstained:
            decision = self._maybe_another(decision, prediction)
        if self._shadow is not None:
            decision = decision._replace(shadow=decide_in_shadow(self._shadow, task.request, vetoes))
        return decision

    def _missed(self, task: Task, decision: RoutingDecision) -> Shortage | None:
        """Return the budget for want of which nobody gets a task: of whoever would have got it otherwise."""
        spent = self._spending.vetoed
        others = {name: why for name, why in decision.vetoes.items() if name not in spent}
        missed = self._router.predict(task.request, others).choice
        return spent.get(missed if isinstance(missed, str) else self._fallback)

    def _strangers(self, prediction: Prediction) -> dict[str, str]:
        """Return who could be tried but is not registered; a router may know agents that a run does not."""
        eligible = (candidate.name for candidate in prediction.candidates() if candidate.eligible)
        return {name: "not registered" for name in eligible if name not in self._registry}

    def _maybe_another(self, decision: RoutingDecision, prediction: Prediction) -> RoutingDecision:
        """Return the decision with its true propensity, perhaps for another agent; the run and its seed draw."""
        from router import explore

        draw = seeded_random(self._seed, self._run, "explore", decision.task_id).random()
        taken = explore(prediction, self._explore, draw)
        if taken is None:
            return decision
        policy: RoutingPolicy = "learned" if taken.agent == prediction.choice else "explored"
        return decision._replace(chosen=taken.agent, policy=policy, propensity=taken.propensity)

    def _record(
        self,
        task: Task,
        chosen: str | Abstained,
        policy: RoutingPolicy,
        prediction: Prediction | None = None,
        vetoes: Mapping[str, str] = EMPTY,
        attribution: Sequence[Contribution] = (),
    ) -> RoutingDecision:
        of_run = (self._registry.digest, 1.0, self._seed, self._trace_id)  # 1.0: whoever explores says otherwise
        digests = (digest_text(f"{self._run}/{task.id}"), digest_text(task.request))
        # What RoutingDecision(...) does, without a Python call that sorts eleven names.
        decided = (task.id, chosen, policy, prediction, vetoes, attribution, *of_run, *digests, None)
        return _new(RoutingDecision, decided)


def _again(task: Task, before: Progress, now: float) -> dict[str, Any]:
    """Return the command for a task that an earlier process had sent: how far it had come, and what it waits for."""
    body = {"task": task.id, "attempts": before.attempts, "wait_s": before.wait_s(now)}
    body |= {"elapsed_s": before.elapsed_s(now)} if before.attempts else {}
    return body | ({"asked": before.asked.id} if before.asked is not None and before.answer is None else {})
