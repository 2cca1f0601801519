"""Runs for the tests of the report: one in which everything happens, and one whose every text is hostile."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from orchestrator.journal import GENESIS, Row, chain, encode
from orchestrator.messages import Envelope
from scenarios.html.story import Story, tell

#: Texts that break pages which do not take them for text.
HOSTILE: Final = (
    "</script><script>boom('script')</script>",
    "<img src=x onerror=boom('img')>",
    "\"'><svg onload=boom('svg')>",
    "a\u202eb\u2066c\u200bd",
    "nul\x00 bell\x07 escape\x1b[31m",
    "<!--<script>",
    "javascript:boom('link')",
    "{{constructor.constructor('boom()')()}} ${boom()}",
    "\u2028\u2029\ufeff",
    "clerk\u3164",
)

Fact = tuple[str, str, dict[str, Any]]


def decision(task: str, chosen: str | None, sure: float, other: float = 0.0, **more: Any) -> dict[str, Any]:
    """Return the record of a decision among three agents."""
    names = ["clerk", "printer", "auditor"]
    leader = chosen or "clerk"
    return {
        "abstained": None if chosen else "below-threshold",
        "attribution": [["pay", 0.25], ["the", -0.01], ["", 0.002]],
        "budget": None,
        "candidates": {
            "names": names,
            "scores": [0.5, 0.3, -0.1],
            "versions": ["1"] * 3,
            "why_not": {"auditor": "busy"},
        },
        "choice": chosen,
        "chosen": chosen,
        "confidence": sure,
        "fallback": None,
        "fingerprint": "f" * 16,
        "leader": leader,
        "margin": 0.2,
        "policy": "learned",
        "propensity": 1.0,
        "registry_digest": "d" * 16,
        "runner_up": next(name for name in names if name != leader),
        "runner_up_confidence": other,
        "task": task,
        "threshold": 0.5,
        "vetoes": {"auditor": "busy"},
        **more,
    }


def submitted(task: str, request: str, **more: Any) -> Fact:
    """Return the row with which a task begins."""
    return "task.submitted", task, {"task": {"id": task, "request": request, **more}}


def _everything() -> Iterable[Fact]:
    yield "run.started", "", {"seed": 7, "router": "f" * 16, "schema": 1, "budget": {"tokens": 1000}}
    for name in ("clerk", "printer"):
        yield "registry.agent_registered", "", {"agent": name, "version": "1", "code": "c" * 16, "digest": "d" * 16}
    yield submitted("pay", "pay the invoice")
    yield submitted("print", "print the letter", after=["pay"])
    yield submitted("odd", "who knows")
    yield submitted("late", "comes too late", after=["print"])
    yield "task.routed", "pay", {"decision": decision("pay", "clerk", 0.9)}
    yield "agent.clerk", "pay", {"task": "pay"}
    yield "task.started", "pay", {"agent": "clerk", "attempt": 1}
    yield "fault.injected", "pay", {"fault": 0, "kind": "error", "agent": "clerk", "attempt": 1, "call": 1}
    yield (
        "task.retried",
        "pay",
        {"agent": "clerk", "attempt": 1, "error": "no answer", "delay_s": 1, "spent": {"tokens": 5}},
    )
    yield "task.started", "pay", {"agent": "clerk", "attempt": 2}
    yield "budget.spent", "pay", {"agent": "clerk", "attempt": 2, "tokens": 20, "cost": "0.5"}
    yield "task.completed", "pay", {"agent": "clerk", "attempts": 2, "output": {"paid": 12}}
    yield "task.unlocked", "print", {"by": "pay"}
    yield "task.routed", "print", {"decision": decision("print", "printer", 0.6, 0.3)}
    yield "task.started", "print", {"agent": "printer", "attempt": 1}
    yield "task.dead_lettered", "print", {"agent": "printer", "attempts": 1, "error": "out of paper"}
    yield "task.abstained", "odd", {"decision": decision("odd", None, 0.3, 0.2)}
    yield "task.failed", "late", {"error": "'print', which it waited for, ended as dead_lettered"}
    yield "run.stuck", "", {"tasks": []}
    about = {"run": "made", "request": "print the letter", "agent": "printer", "policy": "learned", "propensity": 1.0}
    yield "task.judged", "print", {**about, "task": "print", "right": False, "should_be": "clerk", "note": ""}
    yield "run.stopped", "", {"unfinished": []}


def _hostile(texts: Sequence[str]) -> Iterable[Fact]:
    yield "run.started", "", {"seed": 7, "router": texts[0], "budget": {texts[0]: texts[1]}}
    for text in texts:
        yield "registry.agent_registered", "", {"agent": text, "version": text, "code": text, "policy": {text: text}}
        yield submitted(text, text, after=[texts[1]])
        more: dict[str, Any] = {
            "leader": text,
            "runner_up": texts[0],
            "attribution": [[text, 0.5]],
            "fingerprint": text,
            "fallback": text,
        }
        columns = {"names": [text], "scores": [0.5], "versions": [text], "why_not": {text: text}}
        record = decision(text, text, 0.9, candidates=columns, **more)
        yield "task.routed", text, {"decision": record}
        yield "task.started", text, {"agent": text, "attempt": 1}
        yield "fault.injected", text, {"kind": text, "agent": text}
        yield "task.dead_lettered", text, {"agent": text, "attempts": 1, "error": text}
        yield "plugin.said", text, {text: text}
        yield "task.submitted", "", {"task": {"id": text}}  # by hand, about no task
        yield "run.stuck", "", {text: text}
        yield "task.judged", text, {"agent": text, "right": False, "should_be": texts[1]}


def rows_of(facts: Iterable[Fact], run: str = "made") -> list[Row]:
    """Return facts as rows, one a second, each caused by the last one about its task."""
    made, last, head = [], dict[str, str](), GENESIS
    for number, (topic, task, body) in enumerate(facts, start=1):
        measured = {"handle_s": 0.25} if "attempts" in body else None
        envelope = Envelope(
            str(number), topic, task, last.get(task, "") if task else "", 1.7e9 + number, body, measured
        )
        last[task] = str(number)
        canonical = encode(run, envelope)
        head = chain(head, canonical)
        made.append(Row(number, run, envelope, canonical, head))
    return made


def everything(run: str = "made") -> list[Row]:
    """Return the rows of the run in which everything happens."""
    return rows_of(_everything(), run)


def hostile_rows(texts: Sequence[str] = HOSTILE) -> list[Row]:
    """Return the rows of a run whose every text is one of these."""
    return rows_of(_hostile(texts), texts[0])


def hostile(texts: Sequence[str] = HOSTILE) -> Story:
    """Return the story whose every text is hostile, or one of these."""
    return tell(texts[0], hostile_rows(texts), texts[1])
