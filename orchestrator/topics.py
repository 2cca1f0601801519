"""Topics: the table of all topics that the kernel uses, and patterns compiled to matchers.

A topic is dot-separated tokens. In a pattern `*` stands for exactly one token and a last `>` for one or more,
as in NATS (https://docs.nats.io/nats-concepts/subjects).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from orchestrator.errors import TopicError
from orchestrator.messages import Status

# Facts, past tense. Bodies are documented where they are published.
TASK_SUBMITTED: Final = "task.submitted"
TASK_UNLOCKED: Final = "task.unlocked"
TASK_ROUTED: Final = "task.routed"
TASK_RETURNED: Final = "task.returned"
TASK_ABSTAINED: Final = "task.abstained"
TASK_STARTED: Final = "task.started"
TASK_RETRIED: Final = "task.retried"
TASK_COMPLETED: Final = "task.completed"
TASK_FAILED: Final = "task.failed"
TASK_SKIPPED: Final = "task.skipped"
TASK_DEAD_LETTERED: Final = "task.dead_lettered"
TASK_JUDGED: Final = "task.judged"
TASK_ASKED: Final = "task.asked"
TASK_ANSWERED: Final = "task.answered"
TASK_REVIVED: Final = "task.revived"
TASK_DROPPED: Final = "task.dropped"
BUDGET_SET: Final = "budget.set"
BUDGET_SPENT: Final = "budget.spent"
FAULT_INJECTED: Final = "fault.injected"
EFFECT_INTENDED: Final = "effect.intended"
EFFECT_DONE: Final = "effect.done"
EFFECT_RAISED: Final = "effect.raised"
RUN_STARTED: Final = "run.started"
RUN_RESUMED: Final = "run.resumed"
RUN_STOPPED: Final = "run.stopped"
RUN_BLOCKED: Final = "run.blocked"
RUN_UNBLOCKED: Final = "run.unblocked"
RUN_STUCK: Final = "run.stuck"
AGENT_REGISTERED: Final = "registry.agent_registered"
AGENT_UNREGISTERED: Final = "registry.agent_unregistered"
PLUGIN_BROKEN: Final = "registry.plugin_broken"
JOURNAL_PRUNED: Final = "journal.pruned"
JOURNAL_RECOVERED: Final = "journal.recovered"
IMPORTED_LOG: Final = "imported.log"
IMPORTED_CASE: Final = "imported.case"
IMPORTED_EVENT: Final = "imported.event"
ROUTER_PROMOTED: Final = "router.promoted"
ROUTER_ROLLED_BACK: Final = "router.rolled_back"

#: Topics with which a task ends, and the status that each stands for.
ENDINGS: Final[dict[str, Status]] = {
    TASK_COMPLETED: "completed",
    TASK_FAILED: "failed",
    TASK_DEAD_LETTERED: "dead_lettered",
    TASK_SKIPPED: "skipped",
    TASK_ABSTAINED: "abstained",
}

MAX_LENGTH: Final = 255
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]+")


def command_for(agent: str) -> str:
    """Return the topic of commands to one agent: `agent.NAME`."""
    return f"agent.{agent}"


def check_topic(topic: str) -> str:
    """Return the topic unchanged.

    Raises:
        TopicError: if it is empty, too long, or has a token outside `[A-Za-z0-9_-]+`.
    """
    _check_length(topic)
    for token in topic.split("."):
        if not _TOKEN.fullmatch(token):
            raise TopicError(topic, f"token {token!r} is not allowed in a topic")
    return topic


def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """Compile a pattern once into a function that says whether a topic matches.

    Raises:
        TopicError: if the pattern is malformed, or has `>` anywhere but at its end.
    """
    _check_length(pattern)
    tokens = pattern.split(".")
    for index, token in enumerate(tokens):
        if token == ">" and index != len(tokens) - 1:
            raise TopicError(pattern, "'>' may stand only at the end")
        if token not in ("*", ">") and not _TOKEN.fullmatch(token):
            raise TopicError(pattern, f"token {token!r} is not allowed in a pattern")
    if "*" not in tokens and ">" not in tokens:
        return pattern.__eq__
    parts = [{"*": r"[^.]+", ">": r".+"}.get(token, re.escape(token)) for token in tokens]
    matcher = re.compile(r"\.".join(parts)).fullmatch
    return lambda topic: matcher(topic) is not None


def _check_length(text: str) -> None:
    if not 0 < len(text) <= MAX_LENGTH:
        raise TopicError(text[:40], f"its length must be 1 to {MAX_LENGTH} characters")
