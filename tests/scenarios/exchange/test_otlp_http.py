"""Traces are sent to a collector, some at a time; what it does not take is said."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from orchestrator.http import HttpPolicy
from orchestrator.http_errors import HttpError
from orchestrator.policy import Retry
from scenarios.exchange.otlp import traces_of
from scenarios.exchange.otlp_http import CollectorError, Sent, headers_of, send_traces
from tests.scenarios.recorded import record

QUICK = HttpPolicy(retry=Retry(max_attempts=3, backoff_s=0.001))


class Collector(ThreadingHTTPServer):
    """Takes what it is sent, and answers as a test says: statuses and bodies, one after the other, then 200."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[str, dict[str, str], Any]] = []
        self.says: list[tuple[int, bytes]] = []

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.got.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        status, text = self.server.says.pop(0) if self.server.says else (200, b"{}")
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        if status == 302:
            self.send_header("location", "http://127.0.0.2:9/v1/traces")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def collecting() -> Iterator[Collector]:
    """Give a collector that listens."""
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def collector() -> Iterator[Collector]:
    """Return a collector that listens."""
    with collecting() as server:
        yield server


def traces() -> dict[str, Any]:
    """Return those of a run."""
    return traces_of("as-recorded", (row.envelope for row in record()))


def spans_of(request: Any) -> list[Any]:
    """Return the spans of one request, which has one resource and one scope."""
    (resource,) = request["resourceSpans"]
    (scope,) = resource["scopeSpans"]
    found: list[Any] = scope["spans"]
    return found


def send(collector: Collector, **more: Any) -> Sent:
    """Send the run."""
    return asyncio.run(send_traces(traces(), more.pop("url", collector.url), policy=QUICK, **more))


def test_all_spans_arrive_some_at_a_time(collector: Collector) -> None:
    """In their order, each request with resource and scope, as JSON, with the headers that were given."""
    whole = spans_of(traces())
    sent = send(collector, headers={"api-key": "s"}, batch=7)
    assert sent == Sent(len(whole), -(-len(whole) // 7), 0)
    assert [span for _, _, body in collector.got for span in spans_of(body)] == whole
    paths, headers, bodies = zip(*collector.got, strict=True)
    assert set(paths) == {"/v1/traces"}
    assert {(one["content-type"], one["api-key"]) for one in headers} == {("application/json", "s")}
    assert {json.dumps(body["resourceSpans"][0]["resource"]) for body in bodies} == {
        json.dumps(traces()["resourceSpans"][0]["resource"])
    }


def test_the_path_is_added_once(collector: Collector) -> None:
    """A gateway may have one before it."""
    for place, path in (("/", "/v1/traces"), ("/otel", "/otel/v1/traces"), ("/otel/v1/traces", "/otel/v1/traces")):
        send(collector, url=collector.url + place)
        assert collector.got[-1][0] == path


def test_a_collector_that_is_busy_is_asked_again(collector: Collector) -> None:
    """The same spans, with the same ids."""
    collector.says = [(503, b""), (429, b"")]
    assert send(collector).retries == 2
    first, *others = (spans_of(body) for _, _, body in collector.got)
    assert others == [first, first]


@pytest.mark.parametrize(
    ("status", "text", "said"),
    [
        (401, b'{"code": 16, "message": "no such key"}', "status 401: no such key; 0 spans had been taken"),
        (400, b"<html>what\n is this</html>", "status 400: <html>what is this</html>; 0 spans"),
        (
            200,
            b'{"partialSuccess": {"rejectedSpans": "3", "errorMessage": "too old"}}',
            "3 spans of a request were rej",
        ),
        (200, b'{"partialSuccess": {"rejectedSpans": 1}}', "it does not say why"),
    ],
)
def test_what_is_not_taken_is_an_error_with_what_was_said(
    collector: Collector, status: int, text: bytes, said: str
) -> None:
    """And how far it had come; nothing of a header."""
    collector.says = [(status, text)]
    with pytest.raises(CollectorError) as error:
        send(collector, headers={"api-key": "s3cret"})
    assert said in str(error.value)
    assert "s3cret" not in str(error.value)
    assert len(collector.got) == 1


@pytest.mark.parametrize("text", [b"", b"[1]", b"\x0a\x00", b'{"partialSuccess": {}}', b'{"partialSuccess": 3}'])
def test_a_success_is_one_whatever_stands_beside_it(collector: Collector, text: bytes) -> None:
    """Collectors answer with nothing, or in protobuf, too."""
    collector.says = [(200, text)]
    assert send(collector).requests == 1


def test_no_other_host_is_asked(collector: Collector) -> None:
    """The one that is named may be private; where it leads to may not."""
    collector.says = [(302, b"")]
    with pytest.raises(HttpError):
        send(collector)


@pytest.mark.parametrize(
    "url", ["collector:4318", "ftp://a.example", "https://", "http://[::1", "http://a.example/?x=1"]
)
def test_what_is_no_url_of_a_collector_is_refused(url: str) -> None:
    """Before anything is sent."""
    with pytest.raises(CollectorError, match="is no URL of a collector"):
        asyncio.run(send_traces(traces(), url))


def test_headers_come_from_the_environment() -> None:
    """As the specification has them; a bad one is refused without showing it."""
    assert headers_of({}) == {}
    assert headers_of({"OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b, team=ops=1 ,"}) == {
        "api-key": "a b",
        "team": "ops=1",
    }
    with pytest.raises(CollectorError, match=r"entry 2 is no `name=value`") as error:
        headers_of({"OTEL_EXPORTER_OTLP_HEADERS": "a=1,s3cret"})
    assert "s3cret" not in str(error.value)
