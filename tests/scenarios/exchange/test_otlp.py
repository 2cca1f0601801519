"""OTLP: a run made a trace under standard names, traces made rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.clock import run_virtual
from orchestrator.errors import DocumentError
from orchestrator.journal import MemoryJournal
from orchestrator.policy import Policy, Retry
from orchestrator.testing import ScriptedAgent
from router import KeywordRouter
from scenarios.exchange.otlp import rows_of_traces, traces_of
from tests.orchestrator.runs import make

TWICE = Policy(retry=Retry(max_attempts=2, backoff_s=1))


@pytest.fixture(scope="module")
def spans() -> list[dict[str, Any]]:
    """Return the spans of a run: one task whose first attempt fails, one that nobody gets."""
    journal = MemoryJournal("r")
    agents = [ScriptedAgent("poet", [OSError("no ink"), "roses"], examples=["write a poem"], takes_s=2, policy=TWICE)]

    async def go() -> None:
        async with make(agents, journal, router=KeywordRouter()) as o:
            await o.submit("write a poem", id="a")
            await o.submit("zzz qqq", id="b")
            await o.idle()

    run_virtual(go())
    request = json.loads(json.dumps(traces_of("r", (row.envelope for row in journal.rows))))
    (resource,) = request["resourceSpans"]
    (scope,) = resource["scopeSpans"]
    assert isinstance(scope["spans"], list)
    return scope["spans"]


def attributes(span: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of a span."""
    return {one["key"]: next(iter(one["value"].values())) for one in span["attributes"]}


def test_a_run_its_decisions_and_its_attempts_are_spans(spans: list[dict[str, Any]]) -> None:
    """All of one trace; attempts below the decision that led to them, decisions below the run."""
    names = [span["name"] for span in spans]
    assert names == ["invoke_workflow r", "route learned", "route learned", "invoke_agent poet", "invoke_agent poet"]
    assert len({span["traceId"] for span in spans}) == 1
    ids = {span["spanId"] for span in spans}
    assert len(ids) == len(spans)
    assert [span.get("parentSpanId") for span in spans[1:3]] == [spans[0]["spanId"]] * 2
    assert {span["parentSpanId"] for span in spans[3:]} == {spans[1]["spanId"]}
    assert all(len(span["traceId"]) == 32 and len(span["spanId"]) == 16 for span in spans)


def test_names_are_the_standard_ones_where_there_are_some(spans: list[dict[str, Any]]) -> None:
    """And ours elsewhere, none of them in `gen_ai.*`."""
    assert attributes(spans[0])["gen_ai.operation.name"] == "invoke_workflow"
    routed, abstained = attributes(spans[1]), attributes(spans[2])
    assert routed["openinference.span.kind"] == "DECISION"
    assert routed["pointsman.route.chosen"] == "poet"
    assert abstained["pointsman.route.abstained"] == "below-threshold"
    attempt = attributes(spans[3])
    assert (attempt["gen_ai.operation.name"], attempt["gen_ai.agent.name"]) == ("invoke_agent", "poet")
    known = {"gen_ai.operation.name", "gen_ai.workflow.name", "gen_ai.agent.name", "gen_ai.agent.version"}
    assert {name for span in spans for name in attributes(span) if name.startswith("gen_ai.")} == known


def test_an_attempt_that_failed_is_an_error_with_its_cause(spans: list[dict[str, Any]]) -> None:
    """The next one is not; each takes its time."""
    failed, done = spans[3:]
    assert failed["status"] == {"code": 2, "message": "OSError: no ink"}
    assert attributes(failed)["error.type"] == "raised"
    assert "status" not in done
    assert int(done["endTimeUnixNano"]) - int(done["startTimeUnixNano"]) == pytest.approx(2e9, rel=1e-6)
    assert attributes(done)["pointsman.attempt"] == "2"


def test_an_attempt_that_never_ended_ends_with_the_run() -> None:
    """It was cut short."""
    journal = MemoryJournal("r")

    async def go() -> None:
        async with make([ScriptedAgent("poet", takes_s=99)], journal, drain_s=1) as o:
            await o.submit("poet, please", id="a")

    run_virtual(go())
    scope = traces_of("r", (row.envelope for row in journal.rows))["resourceSpans"][0]["scopeSpans"][0]
    assert [span["name"] for span in scope["spans"]][-1] == "invoke_agent poet"


@pytest.mark.parametrize("lines", [False, True])
def test_traces_are_read_back_as_rows(spans: list[dict[str, Any]], tmp_path: Path, lines: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """A task for each trace, a row for each span as it is; one object in the file, or one a line."""
    request = {"resourceSpans": [{"resource": {"a": 1}, "scopeSpans": [{"scope": {"name": "x"}, "spans": spans}]}]}
    path = tmp_path / "traces.json"
    path.write_text("\n".join([json.dumps(request)] * 2 + [""]) if lines else json.dumps(request, indent=1))
    rows = list(rows_of_traces(path))
    assert [row.topic for row in rows[:2]] == ["imported.log", "imported.event"]
    assert len(rows) == (2 if lines else 1) * (len(spans) + 1)
    assert rows[1].body == {"scope": {"name": "x"}, "span": spans[0]}
    assert rows[1].correlation_id == spans[0]["traceId"]
    assert rows[1].at == int(spans[0]["startTimeUnixNano"]) / 1e9


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "traces.json:1:1: no JSON"),
        ("{}\n[]", "traces.json:1:1: no list of objects in 'resourceSpans'"),
        ('{"resourceSpans": [1]}', "no list of objects in 'resourceSpans'"),
        ('{"resourceSpans": [{"scopeSpans": [{"spans": {}}]}]}', "no list of objects in 'spans'"),
        ("[" * 100_000, "depth limit exceeded"),
    ],
)
def test_what_is_no_trace_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """With the line, and what was missed."""
    path = tmp_path / "traces.json"
    path.write_text(text)
    with pytest.raises(DocumentError) as caught:
        list(rows_of_traces(path))
    assert said in str(caught.value)


def test_a_span_without_a_time_is_at_the_epoch(tmp_path: Path) -> None:
    """Nothing is made up."""
    path = tmp_path / "traces.json"
    path.write_text('{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": "soon"}, {}]}]}]}')
    assert [row.at for row in rows_of_traces(path)] == [0.0, 0.0, 0.0]
    with pytest.raises(DocumentError, match="cannot be read"):
        list(rows_of_traces(tmp_path / "nowhere.json"))
