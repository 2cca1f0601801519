"""The alteration: what the row at the point of a fork says otherwise, put where the fork gets it from: its cassette."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from orchestrator.documents import suggest
from orchestrator.journal import Row
from orchestrator.messages import Envelope
from orchestrator.topics import (
    AGENT_REGISTERED,
    EFFECT_DONE,
    TASK_ABSTAINED,
    TASK_ANSWERED,
    TASK_ASKED,
    TASK_COMPLETED,
    TASK_ROUTED,
    TASK_SUBMITTED,
)
from scenarios.cassette import Cassette, Diverted, Override, digest_of
from scenarios.errors import RecordingError
from scenarios.interview import PERSON, request_of
from scenarios.pointers import put, tokens

#: JSON pointers into the body of the row, and what stands there instead.
Changes = Sequence[tuple[str, Any]]
#: What can be said otherwise, and where in its row.
_SETTABLE: Final = {
    TASK_SUBMITTED: "task",
    TASK_COMPLETED: "output",
    EFFECT_DONE: "output",
    TASK_ANSWERED: "answer",
    TASK_ROUTED: "decision/chosen",
    TASK_ABSTAINED: "decision/chosen",
    TASK_ASKED: "decision/chosen",
}


class Alteration:
    """What is said otherwise at the last of some rows."""

    def __init__(self, shared: Sequence[Row], changes: Changes) -> None:
        """Prepare.

        Args:
            shared: rows up to the point, which is the last of them.
            changes: of that.

        Raises:
            RecordingError: if one of them fits nowhere.
        """
        self._shared, self._changes = shared, changes
        self._point = shared[-1].envelope
        for pointer, value in changes:
            place = _SETTABLE.get(self._point.topic, "")
            parts, under = tokens(pointer), place.split("/")
            if parts[: len(under)] != under:
                can = ", ".join(f"/{place} of {topic}" for topic, place in _SETTABLE.items())
                raise RecordingError(f"{pointer!r} of {self._point.topic!r} cannot be set; fork at one of these: {can}")
            put(self._point.body, pointer, value)  # refused here if it leads nowhere
            if self._diverts:
                self._refuse_diversion(value)

    def row(self) -> Envelope:
        """Return the row at the point as it has to come out."""
        envelope = self._point
        if self._diverts and self._changes:
            decision = envelope.body["decision"] | {"policy": "replaced", "fallback": None, "propensity": 1.0}
            envelope = envelope._replace(topic=TASK_ROUTED, body={"decision": decision})
        for pointer, value in self._changes:
            envelope = envelope._replace(body=put(envelope.body, pointer, value))
        return envelope

    def of(self, cassette: Cassette) -> Cassette:
        """Return the cassette that says so.

        Raises:
            RecordingError: if the task is not in it.
        """
        for pointer, value in self._changes:
            inner = "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in tokens(pointer)[1:])
            cassette = self._with(cassette, inner, value)
        return cassette

    # -- inside ------------------------------------------------------------------------------------------------------

    def _with(self, cassette: Cassette, pointer: str, value: Any) -> Cassette:
        point, header = self._point, cassette.header
        if point.topic == TASK_COMPLETED:
            override = Override(task=point.correlation_id, pointer=pointer, value=value)
            return _headed(cassette, overrides=(*header.overrides, override))
        if point.topic == TASK_SUBMITTED:
            return self._submitted(cassette, pointer, value)
        if point.topic == TASK_ANSWERED:
            return self._answered(cassette, value)
        if self._diverts:
            diverted = Diverted(task=point.correlation_id, nth=len(self._decisions()), agent=value)
            return _headed(cassette, diverted=(*header.diverted, diverted))
        return self._done(cassette, pointer, value)

    def _submitted(self, cassette: Cassette, pointer: str, value: Any) -> Cassette:
        name, tasks = self._point.correlation_id, cassette.header.tasks
        if not any(one["id"] == name for one in tasks):
            raise RecordingError(f"task {name!r} was added by an agent; fork where that one completes, or changes it")
        changed = tuple(put(one, pointer, value) if one["id"] == name else one for one in tasks)
        return _headed(cassette, tasks=changed)

    def _answered(self, cassette: Cassette, value: Any) -> Cassette:
        digests = {row.envelope.id: digest_of(PERSON, request_of(row.envelope)) for row in self._asked()}
        digest = digests[self._point.causation_id]
        before = [row for row in self._shared[:-1] if row.envelope.topic == TASK_ANSWERED]
        count = sum(digests.get(row.envelope.causation_id) == digest for row in before)
        alike = [one for one in cassette.recordings if (one.task, one.digest) == (self._point.correlation_id, digest)]
        if count >= len(alike):
            raise RecordingError("what was answered here is not in the cassette of the run; fork where it is asked")
        changed = alike[count].model_copy(update={"answer": {**alike[count].answer, "answer": value}})
        recordings = (changed if one is alike[count] else one for one in cassette.recordings)
        return cassette.model_copy(update={"recordings": tuple(recordings)})

    @property
    def _diverts(self) -> bool:
        return _SETTABLE.get(self._point.topic) == "decision/chosen"

    def _refuse_diversion(self, agent: Any) -> None:
        registered = {row.envelope.body["agent"] for row in self._shared if row.envelope.topic == AGENT_REGISTERED}
        if agent not in registered:
            hint = suggest(agent, registered) if isinstance(agent, str) else "give the name of one"
            raise RecordingError(f"no agent {agent!r} is registered at this point; {hint}")
        decisions = self._decisions()
        if not decisions or decisions[-1] is not self._shared[-1]:
            raise RecordingError("a person said who gets it; fork where that one did, and set /answer")

    def _decisions(self) -> list[Row]:
        """Return the decisions that the run took on the task, up to the point."""
        found: list[Row] = []
        asked: Any = None
        for row in self._shared:
            envelope = row.envelope
            decision = envelope.body.get("decision") if envelope.correlation_id == self._point.correlation_id else None
            if decision and decision["policy"] != "answered" and decision != asked:
                found.append(row)
                asked = decision if envelope.topic == TASK_ASKED else None
        return found

    def _asked(self) -> list[Row]:
        task = self._point.correlation_id
        return [row for row in self._shared if row.envelope.correlation_id == task and "question" in row.envelope.body]

    def _done(self, cassette: Cassette, pointer: str, value: Any) -> Cassette:
        point = self._point
        about = (point.correlation_id, f"effect:{point.body['effect']}", point.body["key"])
        recordings = tuple(
            one.model_copy(update={"answer": put(one.answer, pointer, value)})
            if (one.task, one.source, one.request) == about
            else one
            for one in cassette.recordings
        )
        return cassette.model_copy(update={"recordings": recordings})


def _headed(cassette: Cassette, **fields: Any) -> Cassette:
    return cassette.model_copy(update={"header": cassette.header.model_copy(update=fields)})
