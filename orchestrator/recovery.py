"""Recovery: how far a run had come, found by going through its rows again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from orchestrator.desk import result_of
from orchestrator.effects import receipt_of
from orchestrator.errors import JournalError
from orchestrator.graph import TaskGraph, Unlocked
from orchestrator.journal import Row
from orchestrator.messages import EMPTY, Envelope, Result, Task
from orchestrator.progress import Enrolled, Failures, Progress, Recovered
from orchestrator.questions import answer_of, asked_of
from orchestrator.topics import (
    AGENT_REGISTERED,
    AGENT_UNREGISTERED,
    EFFECT_DONE,
    EFFECT_INTENDED,
    EFFECT_RAISED,
    ENDINGS,
    IMPORTED_LOG,
    RUN_RESUMED,
    RUN_STARTED,
    RUN_STOPPED,
    TASK_ANSWERED,
    TASK_ASKED,
    TASK_DEAD_LETTERED,
    TASK_RETRIED,
    TASK_RETURNED,
    TASK_ROUTED,
    TASK_STARTED,
    TASK_SUBMITTED,
)


def recover(run: str, rows: Iterable[Row], graph: TaskGraph, revived: Mapping[str, str] = EMPTY) -> Recovered:
    """Go through the rows of a run: bring the graph to where it was, and return the rest of what was known.

    Args:
        run: its id.
        rows: all of them, in order.
        graph: an empty one.
        revived: ends of tasks that were taken back since: id of the envelope that said so, by id of the end's.

    Raises:
        JournalError: if it has no rows, or they contradict each other.
    """
    replay = _Replay(run, graph, revived)
    for row in rows:
        replay.take(row)
    if not replay.found.rows:
        raise JournalError(f"the journal has no run {run!r}; `pointsman journal runs` lists those that it has")
    return replay.end()


class _Replay:
    """Applies rows to a graph as the dispatcher did, one by one."""

    def __init__(self, run: str, graph: TaskGraph, revived: Mapping[str, str]) -> None:
        self.run = run
        self.found = Recovered()
        self._graph, self._revived = graph, revived
        self._batch: list[Task] = []
        self._children: dict[str, list[Task]] = {}
        self._appliers: dict[str, Callable[[Envelope], None]] = {
            RUN_STARTED: self._run_started,
            RUN_STOPPED: self._run_stopped,
            RUN_RESUMED: self._run_resumed,
            AGENT_REGISTERED: self._agent_registered,
            AGENT_UNREGISTERED: self._agent_unregistered,
            TASK_ROUTED: self._task_routed,
            TASK_RETURNED: self._task_returned,
            TASK_STARTED: self._task_started,
            TASK_RETRIED: self._task_retried,
            TASK_ASKED: self._task_asked,
            TASK_ANSWERED: self._task_answered,
            EFFECT_INTENDED: self._effect,
            EFFECT_RAISED: self._effect,
            EFFECT_DONE: self._effect,
            IMPORTED_LOG: self._imported,
            **dict.fromkeys(ENDINGS, self._task_ended),
        }

    def take(self, row: Row) -> None:
        """Apply a row."""
        envelope = row.envelope
        self.found.rows += 1
        self.found.last_row = row.sequence
        if envelope.id.isdecimal():  # else somebody added it who is not the run
            self.found.last_id = max(self.found.last_id, int(envelope.id))
        try:
            if envelope.topic == TASK_SUBMITTED:
                self._task_submitted(envelope)
                return
            self._flush()  # tasks submitted together stand together, and may wait for each other in any order
            apply = self._appliers.get(envelope.topic)
            if apply is not None and (not envelope.correlation_id or envelope.correlation_id in self._graph):
                apply(envelope)
        except (KeyError, TypeError, ValueError) as error:
            raise JournalError(
                f"row {row.sequence} ({envelope.topic}) is not what a run writes: {error!r}; run `pointsman doctor`"
            ) from error

    def end(self) -> Recovered:
        """Return what was found, once all rows are applied."""
        self._flush()
        found = self.found
        found.withdrawn = tuple(task.id for tasks in self._children.values() for task in tasks)
        for task_id in self._graph.unfinished():
            found.progress.setdefault(task_id, Progress(self._graph.task(task_id).agent))
        return found

    def _flush(self) -> None:
        if self._batch:
            batch, self._batch = self._batch, []
            self._apply(self._graph.add(batch))

    def _apply(self, unlocked: Unlocked) -> None:
        for task in unlocked.ready:
            self.found.ready[task.id] = task
        for result in unlocked.ended:
            self.found.owed[result.task_id] = result
            self._forget(result.task_id)

    def _forget(self, task_id: str) -> None:
        self.found.ready.pop(task_id, None)
        self.found.progress.pop(task_id, None)
        self.found.receipts.pop(task_id, None)
        self.found.answers.pop(task_id, None)

    def _task_submitted(self, envelope: Envelope) -> None:
        task = Task.from_json(envelope.body["task"])
        if not task.parent:
            self._batch.append(task)
        elif task.parent in self._graph:
            self._children.setdefault(task.parent, []).append(task)

    def _task_ended(self, envelope: Envelope) -> None:
        result = result_of(envelope)
        self._note_health(envelope, result)
        if envelope.id in self._revived:
            self.found.progress[result.task_id] = Progress(result.agent, self._revived[envelope.id])
            return
        if self._revived and self._ended_because_of_others(result):
            return  # of one whose end was taken back: nothing else ends it
        children = self._children.pop(result.task_id, None)
        if children is not None and self._graph.result(result.task_id) is None:
            for child in self._graph.add_children(result.task_id, children):
                self._apply(self._graph.release(child.id))
        self._apply((self._graph.complete if result.ok else self._graph.fail)(result.task_id, result))
        self.found.owed.pop(result.task_id, None)
        self._forget(result.task_id)

    def _ended_because_of_others(self, result: Result) -> bool:
        inherits = result.status in ("failed", "skipped") and not result.agent and not result.attempts
        return inherits and self._graph.result(result.task_id) is None

    def _note_health(self, envelope: Envelope, result: Result) -> None:
        if not result.attempts:
            return
        if envelope.topic == TASK_DEAD_LETTERED:
            self._note_failure(result.agent, envelope.at)
        else:
            self.found.failures.pop(result.agent, None)

    def _note_failure(self, agent: str, at: float) -> None:
        before = self.found.failures.get(agent)
        self.found.failures[agent] = Failures(before.in_a_row + 1 if before else 1, at)

    def _progress(self, envelope: Envelope) -> Progress:
        if self._graph.result(envelope.correlation_id) is not None:
            return Progress()  # an attempt that went on after its task had ended
        return self.found.progress.setdefault(envelope.correlation_id, Progress())

    def _task_routed(self, envelope: Envelope) -> None:
        progress = self._progress(envelope)
        progress.agent, progress.cause = envelope.body["decision"]["chosen"], envelope.id
        progress.asked = progress.answer = None

    def _task_returned(self, envelope: Envelope) -> None:
        progress = self._progress(envelope)
        progress.agent = progress.cause = ""  # whoever gets it is chosen anew

    def _task_started(self, envelope: Envelope) -> None:
        progress = self._progress(envelope)
        progress.attempts, progress.due_at = envelope.body["attempt"], 0.0
        if progress.attempts == 1:
            progress.first_at = envelope.at
        progress.asked = progress.answer = None

    def _task_retried(self, envelope: Envelope) -> None:
        progress, body = self._progress(envelope), envelope.body
        progress.delay_s = body["delay_s"]
        progress.due_at = envelope.at + progress.delay_s
        self._note_failure(body["agent"], envelope.at)

    def _task_asked(self, envelope: Envelope) -> None:
        progress, asked = self._progress(envelope), asked_of(envelope)
        progress.asked, progress.answer = asked, None
        progress.attempts = max(asked.attempt - 1, 0)  # it waits for a person: that is no attempt

    def _task_answered(self, envelope: Envelope) -> None:
        progress, answer = self._progress(envelope), answer_of(envelope)
        asked = progress.asked
        if asked is not None and asked.id == answer.cause and progress.answer is None:  # the first answer counts
            progress.answer = answer
            progress.first_at += max(answer.at - asked.at, 0.0)
            answers = self.found.answers.setdefault(envelope.correlation_id, {})
            answers[asked.question.key] = asked.question, answer

    def _effect(self, envelope: Envelope) -> None:
        if self._graph.result(envelope.correlation_id) is None:
            name, receipt = receipt_of(envelope)
            self.found.receipts.setdefault(envelope.correlation_id, {})[name] = receipt

    def _imported(self, envelope: Envelope) -> None:
        raise JournalError(f"run {self.run!r} was imported ({envelope.topic}): nobody can go on with it")

    def _run_started(self, envelope: Envelope) -> None:
        self.found.seed, self.found.router = envelope.body["seed"], envelope.body["router"]

    def _run_stopped(self, envelope: Envelope) -> None:
        for task_id in envelope.body.get("interrupted", ()):  # a stop is no attempt
            progress = self.found.progress.get(task_id)
            if progress is not None and progress.asked is None:
                progress.attempts -= 1

    def _run_resumed(self, envelope: Envelope) -> None:
        self._children.clear()  # their parents' attempts were cut short, and add them again
        self.found.router = envelope.body["router"]

    def _agent_registered(self, envelope: Envelope) -> None:
        body = envelope.body
        self.found.agents[body["agent"]] = Enrolled(body["version"], body.get("code", ""))

    def _agent_unregistered(self, envelope: Envelope) -> None:
        self.found.agents.pop(envelope.body["agent"], None)
