"""Owns OTLP: a run made traces in OTLP/JSON, traces made rows of a run; the one table of names is here.

Standard names where there are some (OpenTelemetry's semantic conventions for generative AI, OpenInference for the kind
of a span), and `pointsman.*` for the rest: nothing is invented inside `gen_ai.*`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from orchestrator.decision import digest_text
from orchestrator.errors import DocumentError
from orchestrator.messages import Envelope
from orchestrator.topics import AGENT_REGISTERED, ENDINGS, IMPORTED_EVENT, IMPORTED_LOG, TASK_RETRIED, TASK_STARTED

#: What the names of spans' attributes mean that came last: the version of the conventions.
SCHEMA: Final = "https://opentelemetry.io/schemas/1.41.0"
MAX_BYTES: Final = 256 * 1024**2
_INTERNAL: Final = 1
_ERROR: Final = 2
#: Names in a decision on record, and the attributes of its span.
_DECISION: Final[Mapping[str, str]] = {
    "chosen": "pointsman.route.chosen",
    "policy": "pointsman.route.policy",
    "abstained": "pointsman.route.abstained",
    "fallback": "pointsman.route.fallback",
    "leader": "pointsman.route.leader",
    "runner_up": "pointsman.route.runner_up",
    "margin": "pointsman.route.margin",
    "confidence": "pointsman.route.confidence",
    "threshold": "pointsman.route.threshold",
    "fingerprint": "pointsman.route.fingerprint",
    "registry_digest": "pointsman.registry.digest",
    "input_digest": "pointsman.input.digest",
    "propensity": "pointsman.route.propensity",
}
_HINT: Final = "give OTLP/JSON: objects with resourceSpans, one or one a line"


@dataclass(slots=True)
class _Open:
    """An attempt that runs."""

    began: Envelope
    parent: str


@dataclass(slots=True)
class _Run:
    """A run as it is gone through."""

    name: str
    spans: list[dict[str, Any]] = field(default_factory=list)
    routes: dict[str, str] = field(default_factory=dict)
    running: dict[str, _Open] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    first: float | None = None
    last: float = 0.0

    @property
    def trace(self) -> str:
        """Id of its trace: that of its decisions."""
        return hashlib.sha256(self.name.encode()).hexdigest()[:32]

    @property
    def root(self) -> str:
        """Id of the span of the run itself."""
        return digest_text(self.name)


def traces_of(run: str, rows: Iterable[Envelope]) -> dict[str, Any]:
    """Return a run as an `ExportTraceServiceRequest`: the run, a span for each decision, one for each attempt.

    Args:
        run: its id.
        rows: in order.
    """
    taken = _Run(run)
    for row in rows:
        _take(taken, row)
    for task in tuple(taken.running):
        _end_attempt(taken, task, taken.last, None)
    about = _attributes({"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": run})
    times = _times(taken.first or 0.0, taken.last)
    root = _span(taken, taken.root, f"invoke_workflow {run}", about, times)
    scope = {"scope": {"name": "pointsman"}, "spans": [root, *taken.spans], "schemaUrl": SCHEMA}
    resource = {"attributes": _attributes({"service.name": "pointsman", "pointsman.run": run})}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]}


def rows_of_traces(path: Path) -> Iterator[Envelope]:
    """Yield the spans of a file as rows, in the order of the file: a task for each trace.

    Raises:
        DocumentError: if it is no OTLP/JSON, with the number of the line.
    """
    number = 0
    for where, request in _requests(path):
        for resource in _list(path, where, request, "resourceSpans"):
            number += 1
            about = {key: value for key, value in resource.items() if key != "scopeSpans"}
            yield Envelope(str(number), IMPORTED_LOG, "", "", 0.0, {"resource": about})
            for scope in _list(path, where, resource, "scopeSpans"):
                for span in _list(path, where, scope, "spans"):
                    number += 1
                    body = {"scope": scope.get("scope", {}), "span": span}
                    yield Envelope(str(number), IMPORTED_EVENT, str(span.get("traceId", "")), "", _began(span), body)


# -- out -----------------------------------------------------------------------------------------------------------


def _take(run: _Run, row: Envelope) -> None:
    run.first = row.at if run.first is None else run.first
    run.last = max(run.last, row.at)
    task, body = row.correlation_id, row.body
    if row.topic == AGENT_REGISTERED:
        run.versions[body["agent"]] = body["version"]
    if body.get("decision"):
        _add_route(run, row, body["decision"])
    if row.topic == TASK_STARTED:
        run.running[task] = _Open(row, run.routes.get(task, run.root))
    elif row.topic == TASK_RETRIED or row.topic in ENDINGS:
        _end_attempt(run, task, row.at, row)


def _add_route(run: _Run, row: Envelope, decision: Mapping[str, Any]) -> None:
    span = decision.get("span_id") or digest_text(f"{run.name}/{row.id}")
    run.routes[row.correlation_id] = span
    known = {name: decision[key] for key, name in _DECISION.items() if decision.get(key) is not None}
    about = {"openinference.span.kind": "DECISION", "pointsman.task.id": row.correlation_id, **known}
    route_s = (row.measured or {}).get("route_s", 0.0)
    made = _span(
        run, span, f"route {decision['policy']}", _attributes(about), _times(row.at - route_s, row.at), run.root
    )
    run.spans.append(made)


def _end_attempt(run: _Run, task: str, at: float, end: Envelope | None) -> None:
    attempt = run.running.pop(task, None)
    if attempt is None:
        return
    began = attempt.began
    agent, number = began.body["agent"], began.body["attempt"]
    about = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": agent,
        "gen_ai.agent.version": run.versions.get(agent, ""),
        "pointsman.task.id": task,
        "pointsman.attempt": number,
    }
    failed = end is not None and "error" in end.body and bool(end.body["error"])
    if failed and end is not None:
        about["error.type"] = end.body.get("cause", "failed")
    name, span = f"invoke_agent {agent}", digest_text(f"{run.name}/{task}/{began.id}")
    made = _span(run, span, name, _attributes(about), _times(began.at, at), attempt.parent)
    if failed and end is not None:
        made["status"] = {"code": _ERROR, "message": str(end.body["error"])}
    run.spans.append(made)


def _span(
    run: _Run, span: str, name: str, attributes: list[dict[str, Any]], times: Mapping[str, str], parent: str = ""
) -> dict[str, Any]:
    ids = {"traceId": run.trace, "spanId": span} | ({"parentSpanId": parent} if parent else {})
    return {**ids, "name": name, "kind": _INTERNAL, **times, "attributes": attributes}


def _times(start: float, end: float) -> dict[str, str]:
    return {"startTimeUnixNano": str(round(start * 1e9)), "endTimeUnixNano": str(round(end * 1e9))}


def _attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in values.items()]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}  # 64 bits: JSON has no room for them
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": str(value)}


# -- in ------------------------------------------------------------------------------------------------------------


def _requests(path: Path) -> Iterator[tuple[int, Any]]:
    """Yield the objects of a file, each with its line: one object, or one a line."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DocumentError(path, 0, 0, f"it has more than {MAX_BYTES} bytes", "split it")
        text = path.read_bytes()
    except OSError as error:
        raise DocumentError(path, 0, 0, f"it cannot be read: {error.strerror}", "check the path") from None
    whole = _parsed(text)
    if whole is not None:
        yield 1, whole
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                yield number, orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise DocumentError(path, number, 1, f"no JSON: {error}", _HINT) from None


def _parsed(text: bytes) -> Any:
    """Return the value of a text that is one of JSON; None where it may be one a line."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _list(path: Path, line: int, value: Any, key: str) -> list[dict[str, Any]]:
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise DocumentError(path, line, 1, f"no list of objects in {key!r}", _HINT)
    return found


def _began(span: Mapping[str, Any]) -> float:
    try:
        return int(span.get("startTimeUnixNano", 0)) / 1e9
    except (TypeError, ValueError):
        return 0.0
