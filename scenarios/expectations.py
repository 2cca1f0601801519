"""Expectations: hold what a scenario expects against the history of its run, and say what happened instead."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from orchestrator.documents import suggest
from orchestrator.errors import AgentError
from orchestrator.plan import at_pointer
from orchestrator.topics import compile_pattern
from scenarios.history import NEVER, History
from scenarios.then import Abstained, Asked, Completed, Count, Ended, Expectation, Latency, Order, ResultIs, Routed

NOT: Final = "not-"
Check = tuple[bool, str]  # whether the plain form holds, and what happened


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether an expectation was met.

    Attributes:
        expectation: the value from the scenario.
        met: whether it was.
        expected: in words.
        happened: in words.
    """

    expectation: Expectation
    met: bool
    expected: str
    happened: str

    @property
    def message(self) -> str:
        """One line for a report."""
        return f"expected {self.expected}; what happened: {self.happened}"


def judge(expectation: Expectation, history: History) -> Outcome:
    """Return whether the run met the expectation.

    The `not-` form is met exactly when the plain one is not. What speaks of a task that the run never had is not met
    in either form.
    """
    expected = _in_words(expectation)
    for name in _names(expectation):
        if name not in history.tasks:
            happened = f"there was no task {name!r}; {suggest(name, history.tasks)}"
            return Outcome(expectation, met=False, expected=expected, happened=happened)
    holds, happened = _check(expectation, history)
    return Outcome(expectation, holds != expectation.type.startswith(NOT), expected, happened)


def _check(expectation: Expectation, history: History) -> Check:
    match expectation:
        case Routed():
            return _check_routed(expectation, history)
        case Abstained():
            return _check_abstained(expectation, history)
        case Completed():
            return _check_completed(expectation, history)
        case Ended():
            return _check_ended(expectation, history)
        case Asked():
            return _check_asked(expectation, history)
        case Order():
            return _check_order(expectation, history)
        case ResultIs():
            return _check_result(expectation, history)
        case Latency():
            return _check_latency(expectation, history)
        case Count():
            return _check_count(expectation, history)


def _names(expectation: Expectation) -> Sequence[str]:
    if isinstance(expectation, Order):
        return expectation.tasks
    return [] if isinstance(expectation, Count) or not expectation.task else [expectation.task]


def _in_words(expectation: Expectation) -> str:
    stated = expectation.model_dump(exclude={"type"}, exclude_unset=True)
    return " ".join([expectation.type, *(f"{name}={_json(value)}" for name, value in stated.items())])


def _check_routed(expectation: Routed, history: History) -> Check:
    decision = history.tasks[expectation.task].decision
    return decision.get("chosen") == expectation.to, _decided(decision)


def _check_abstained(expectation: Abstained, history: History) -> Check:
    task = history.tasks[expectation.task]
    decision = task.left_to_people or task.decision
    reason = decision.get("abstained")
    return reason is not None and expectation.reason in (None, reason), _decided(decision)


def _decided(decision: Any) -> str:
    if not decision:
        return "nobody was asked who gets it"
    if decision["policy"] == "pinned":
        return f"it was pinned to {decision['chosen']}"
    if decision["policy"] == "answered":
        return f"a person said that it goes to {decision['chosen']}"
    sure = f"confidence {decision['confidence']}, threshold {decision['threshold']}"
    best = f"{decision['leader'] or 'nobody'} before {decision['runner_up'] or 'nobody'}"
    if decision["abstained"] is None:
        return f"it went to {decision['chosen']} ({best}, {sure})"
    fallback = f", so it went to {decision['chosen']}" if decision["chosen"] else ""
    return f"the router abstained ({decision['abstained']}: {best}, {sure}){fallback}"


def _check_completed(expectation: Completed, history: History) -> Check:
    task = history.tasks[expectation.task]
    holds = (
        task.status == "completed"
        and expectation.agent in ("", task.body["agent"])
        and expectation.attempts in (None, task.body["attempts"])
    )
    return holds, f"it {task.fate}" if task.ended != NEVER else "it is unfinished"


def _check_ended(expectation: Ended, history: History) -> Check:
    task = history.tasks[expectation.task]
    holds = (
        task.status == expectation.type.removeprefix(NOT).replace("-", "_")
        and expectation.error_contains in task.body.get("error", "")
        and expectation.attempts in (None, task.body.get("attempts", 0))
    )
    return holds, task.fate


def _check_asked(expectation: Asked, history: History) -> Check:
    asked = history.tasks[expectation.task].asked
    holds = any(
        expectation.question_contains in question and expectation.answer in (None, answer) for question, answer in asked
    )
    told = (f"{question!r}, answered {answer!r}" if answer else f"{question!r}" for question, answer in asked)
    return holds, f"it asked {'; '.join(told)}" if asked else "it asked nothing"


def _check_order(expectation: Order, history: History) -> Check:
    wanted, tasks = list(expectation.tasks), [history.tasks[name] for name in expectation.tasks]
    found = history.begun if expectation.of == "begins" else history.ended
    happened = f"{'began' if expectation.of == 'begins' else 'ended'}: {', '.join(found) or 'none'}"
    match expectation.mode:
        case "exact":
            return found == wanted, happened
        case "in_order":
            rest = iter(found)
            return all(name in rest for name in wanted), happened
        case "any_order":
            return sorted(found) == sorted(wanted), happened
        case "contains":
            return set(wanted) <= set(found), happened
        case "before":
            pairs = itertools.pairwise(tasks)
            return all(NEVER < one.ended < other.begun for one, other in pairs), _spans(wanted, history)
        case "parallel":
            last_begin = max(task.begun for task in tasks)
            all_ran = all(task.begun != NEVER and task.ended != NEVER for task in tasks)
            return all_ran and last_begin < min(task.ended for task in tasks), _spans(wanted, history)


def _spans(names: list[str], history: History) -> str:
    start = history.rows[0].at
    spans = []
    for name in names:
        task = history.tasks[name]
        begun = f"{history.rows[task.begun].at - start:g}" if task.begun != NEVER else "never"
        ended = f"{task.ended_at - start:g}" if task.ended != NEVER else "never"
        spans.append(f"{name} from {begun} s to {ended} s")
    return ", ".join(spans)


def _check_result(expectation: ResultIs, history: History) -> Check:
    task = history.tasks[expectation.task]
    if task.status != "completed":
        return False, f"it has no output: {task.fate}"
    try:
        value = at_pointer(task.body["output"], expectation.pointer)
    except AgentError as error:
        return False, str(error)
    return _fits(value, expectation), f"it is {_json(value)[:500]}"


def _fits(value: Any, expectation: ResultIs) -> bool:
    if expectation.matches is not None:
        text = value if isinstance(value, str) else _json(value)
        return re.search(expectation.matches, text) is not None
    if "equals" in expectation.model_fields_set:
        return _json(value) == _json(expectation.equals)
    return _contains(value, expectation.contains)


def _contains(value: Any, part: Any) -> bool:
    if isinstance(value, str):
        return isinstance(part, str) and part in value
    if isinstance(value, dict):
        return isinstance(part, dict) and all(
            key in value and (_json(value[key]) == _json(part[key]) or _contains(value[key], part[key])) for key in part
        )
    return isinstance(value, list | tuple) and any(
        _json(item) == _json(part) or (isinstance(item, dict) and _contains(item, part)) for item in value
    )


def _check_latency(expectation: Latency, history: History) -> Check:
    if expectation.task and history.tasks[expectation.task].ended == NEVER:
        return False, "it did not end"
    seconds = history.tasks[expectation.task].seconds if expectation.task else history.seconds
    at_least, at_most = expectation.at_least_s, expectation.at_most_s
    holds = (at_least is None or seconds >= at_least) and (at_most is None or seconds <= at_most)
    return holds, f"it took {seconds:g} s of virtual time"


def _check_count(expectation: Count, history: History) -> Check:
    matches = compile_pattern(expectation.topic)
    count = sum(matches(row.topic) for row in history.rows)
    return count == expectation.equals, f"there were {count}"


def _json(value: Any) -> str:
    """Return canonical JSON, in which 1 and 1.0 are the same number and true is none."""
    return orjson.dumps(_whole(value), option=orjson.OPT_SORT_KEYS).decode()


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, dict):
        return {key: _whole(inner) for key, inner in value.items()}
    return [_whole(inner) for inner in value] if isinstance(value, list | tuple) else value
