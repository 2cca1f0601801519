"""Owns the identity of a row: what makes it the same event in two runs, whatever its id and its place.

Ids count up in the order of publishing, so one row more shifts all ids after it. A row of a task is known by the task,
by the place in its life (its *slot*), and by what it is about where one slot comes several times (an attempt, an
effect, a question); what is left is the occurrence: the first of one run is the first of the other. A row of the run is
known by its topic and by the agent or plugin that it is about.

Slots are wider than topics. A command counts as one, whoever it goes to; so does a decision, whether it named an agent
or abstained, and so does an end, whether the task completed or failed. So an agent that was swapped is a change of one
row, not one row missing and another one extra.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import orjson

from orchestrator.topics import (
    AGENT_REGISTERED,
    AGENT_UNREGISTERED,
    EFFECT_DONE,
    EFFECT_INTENDED,
    EFFECT_RAISED,
    ENDINGS,
    PLUGIN_BROKEN,
    TASK_ABSTAINED,
    TASK_ANSWERED,
    TASK_ASKED,
    TASK_RETRIED,
    TASK_ROUTED,
    TASK_STARTED,
)
from scenarios.glance import Glance

DECIDED: Final = b"decided"
ENDED: Final = b"ended"
SENT: Final = b"sent"
_COMMAND: Final = b"agent."
_DECISION: Final = b'"decision":{'
_MAY_DECIDE: Final = frozenset(topic.encode() for topic in (TASK_ABSTAINED, TASK_ASKED))
_SLOTS: Final = {TASK_ROUTED.encode(): DECIDED, **dict.fromkeys((topic.encode() for topic in ENDINGS), ENDED)}
#: What a row is about, by its topic: the key in its body that says so.
_SUBJECTS: Final = {
    topic.encode(): key
    for topic, key in {
        TASK_STARTED: "attempt",
        TASK_RETRIED: "attempt",
        TASK_ASKED: "key",
        TASK_ANSWERED: "key",
        EFFECT_INTENDED: "key",
        EFFECT_DONE: "key",
        EFFECT_RAISED: "key",
        AGENT_REGISTERED: "agent",
        AGENT_UNREGISTERED: "agent",
        PLUGIN_BROKEN: "entry_point",
    }.items()
}


def slot_of(row: Glance) -> bytes:
    """Return the place of a row in the life of its task; of a row about the run, its topic."""
    topic = row.topic
    if not row.task:
        return topic
    if topic in _MAY_DECIDE and _DECISION in row.body:
        return DECIDED
    slot = _SLOTS.get(topic)
    return slot if slot is not None else SENT if topic.startswith(_COMMAND) else topic


def identify(row: Glance, rename: Callable[[bytes, bytes], bytes] | None = None) -> bytes:
    """Return what two rows have in common that are the same event; occurrences are told apart by their order.

    Args:
        row: which.
        rename: given its body and its task, returns the body with the name of the other run in it.

    Raises:
        ValueError: if the body is no JSON object.
    """
    slot = slot_of(row)
    key = _SUBJECTS.get(slot)
    if key is None:
        return row.task + b"\0" + slot
    return row.task + b"\0" + slot + b"\0" + _subject(row.body if rename is None else rename(row.body, row.task), key)


def _subject(body: bytes, key: str) -> bytes:
    value = orjson.loads(body)
    if not isinstance(value, dict):
        raise ValueError("its body is no object")  # noqa: TRY004 - of the text, not a call
    return orjson.dumps(value.get(key))
