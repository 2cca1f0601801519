"""Owns OTLP/HTTP: a run's traces sent to a collector as JSON, some spans at a time.

The names are those of the protocol's specification, version 1.9: `/v1/traces`, partial successes, and the environment
variable OTEL_EXPORTER_OTLP_HEADERS, from which a token comes that is to be seen in no list of processes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from orchestrator.errors import PointsmanError

if TYPE_CHECKING:
    from orchestrator.http import HttpAnswer, HttpPolicy

#: Spans in one request.
BATCH: Final = 512
HEADERS: Final = "OTEL_EXPORTER_OTLP_HEADERS"
_PATH: Final = "/v1/traces"
_MOST_SAID: Final = 200


class CollectorError(PointsmanError):
    """Raised when a collector does not take spans, or not all of them; says what it said."""


class Sent(NamedTuple):
    """What was sent: spans, in how many requests, and how often one of them was sent again."""

    spans: int
    requests: int
    retries: int


async def send_traces(
    traces: Mapping[str, Any],
    endpoint: str,
    headers: Mapping[str, str] | None = None,
    *,
    policy: HttpPolicy | None = None,
    batch: int = BATCH,
) -> Sent:
    """Send traces to a collector. A span that arrives twice is the same one: its id follows from the run.

    Args:
        traces: as `traces_of` returns them.
        endpoint: URL of the collector; `/v1/traces` is added where it does not end so. Its host may be a private one,
            as it is named here; where it leads to otherwise may not.
        headers: beside those that say what is sent.
        policy: of the client.
        batch: spans in one request, at most.

    Raises:
        CollectorError: if it does not take them all.
        HttpError: if it cannot be reached, after the last attempt.
        ExtraMissingError: if the extra `http` is not installed.
    """
    from orchestrator.http import HttpClient

    url, host = _place(endpoint)
    spans = requests = 0
    async with HttpClient(allow=[host], policy=policy) as client:
        for part, count in _batches(traces, batch):
            answer = await client.post(url, json=part, headers=headers or {}, idempotent=True)
            requests += 1
            _check(answer, spans)
            spans += count
        return Sent(spans, requests, client.statistics().retries)


def headers_of(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that the environment names: `key=value` pairs with commas between, values percent-encoded.

    Raises:
        CollectorError: if it is no list of those; what it holds is not shown.
    """
    found = {}
    for number, pair in enumerate(filter(None, map(str.strip, environ.get(HEADERS, "").split(","))), start=1):
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise CollectorError(f"{HEADERS}: its entry {number} is no `name=value`; write api-key=SECRET,team=ops")
        found[name.strip()] = unquote(value.strip())
    return found


# -- inside ------------------------------------------------------------------------------------------------------------


def _place(endpoint: str) -> tuple[str, str]:
    try:
        parts = urlsplit(endpoint)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise CollectorError(f"{endpoint!r} is no URL of a collector; write https://collector.example:4318")
    path = parts.path.rstrip("/")
    return parts._replace(path=path if path.endswith(_PATH) else path + _PATH).geturl(), host


def _batches(traces: Mapping[str, Any], size: int) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield requests of so many spans at most, each with its resource and scope."""
    for resource in traces["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            spans = scope["spans"]
            for begin in range(0, len(spans), size):
                some = spans[begin : begin + size]
                yield {"resourceSpans": [{**resource, "scopeSpans": [{**scope, "spans": some}]}]}, len(some)


def _check(answer: HttpAnswer, before: int) -> None:
    """Raise if the collector did not take a request, or not all of its spans."""
    taken = f"{before} spans had been taken"
    said = _object(answer.text)
    if not answer.is_success:
        message = said.get("message") or answer.text
        raise CollectorError(f"{answer.target}: status {answer.status}: {_short(message)}; {taken}")
    partial = said.get("partialSuccess")
    if not isinstance(partial, dict):
        return
    rejected = partial.get("rejectedSpans", 0)
    if str(rejected) != "0":
        message = _short(partial.get("errorMessage", "")) or "it does not say why"
        raise CollectorError(
            f"{answer.target}: {_short(rejected)} spans of a request were rejected: {message}; {taken}"
        )


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _short(text: object) -> str:
    return " ".join(str(text).split())[:_MOST_SAID]
