"""The parsers under test: what each is fed, and valid inputs that malformed ones are made of."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from orchestrator import caps
from orchestrator.agent import agent
from orchestrator.documents import read_document, validate
from orchestrator.errors import PointsmanError
from orchestrator.fault import Fault
from orchestrator.http.requests import read_url
from orchestrator.journal import decode, encode
from orchestrator.messages import Envelope
from orchestrator.plan import load_plan
from orchestrator.settings import Settings, load_settings
from orchestrator.topics import compile_pattern
from router.errors import RouterError
from router.manifest import ManifestError, parse
from router.model_file import read_model
from router.roster_file import read_roster, write_roster
from router.snapshot import Entry
from scenarios.cassette import Header, Recording, digest_of, encode_line, load_cassette
from scenarios.exchange.gherkin import read_feature, skeleton
from scenarios.exchange.otlp import rows_of_traces
from scenarios.exchange.xes import rows_of_log
from scenarios.loader import load_scenarios

ROOT: Final = Path(__file__).resolve().parents[2]
#: What a parser may raise.
OURS: Final = (PointsmanError, RouterError, ManifestError)


def _as_it_is(raw: bytes) -> Any:
    return raw


@dataclass(frozen=True, slots=True)
class Parser:
    """A parser.

    Attributes:
        name: what it is called in the table.
        parse: what it does with an input.
        valid: inputs as bytes.
        prepare: how bytes become what it takes; not measured.
        largest: the most that a valid input has, and the same with faults at its very end: who reads in order has to
            read all that is right before; none where an input cannot be large.
    """

    name: str
    parse: Callable[[Any], object]
    valid: tuple[bytes, ...]
    prepare: Callable[[bytes], Any] = _as_it_is
    largest: tuple[bytes, ...] = ()


@contextmanager
def all_parsers() -> Iterator[tuple[Parser, ...]]:
    """Give the parsers; those of files read them in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="pointsman-fuzz-") as name:
        yield tuple(_make(Path(name)))


def _make(folder: Path) -> Iterator[Parser]:
    library, broken = ROOT / "scenarios/library", ROOT / "tests/broken"
    plans = _bytes_of(library.glob("*.plan.yaml"), broken.glob("*.plan.yaml"))
    yield Parser("plan", _in_file(folder / "x.plan.yaml", load_plan), plans, largest=_largest_plans())
    scenarios = _bytes_of(library.glob("*.scenario.yaml"), broken.glob("*.scenario.yaml"))
    yield Parser(
        "scenario", _in_file(folder / "x.scenario.yaml", load_scenarios), scenarios, largest=_largest_scenarios()
    )
    settings = b"journal: j.db\nseed: 7\npolicy:\n  retry: {max_attempts: 2}\n"
    yield Parser("settings", _parse_settings, (settings,))
    yield Parser("environment", _parse_environment, (b"POINTSMAN_SEED=7", b"POINTSMAN_POLICY__TIMEOUT_S=5"))
    card = {"name": "a-b", "summary": "does it", "examples": ["do it"], "version": "1"}
    yield Parser("card", _parse_card, (json.dumps(card).encode(),), _as_fields)
    envelope = Envelope("1", "task.submitted", "t", "", 1.5, {"task": {"id": "t", "request": "do"}})
    yield Parser("journal row", decode, (bytes(encode("r", envelope)),))
    model = ROOT / "router/bundled/router.npz"
    manifest, _ = read_model(model)
    text = np.load(model, allow_pickle=False)["manifest"].tobytes()
    yield Parser("manifest", parse, (text,))
    yield Parser("model", _in_file(folder / "m.npz", read_model), (model.read_bytes(),))
    roster = folder / "valid-roster.npz"
    entry = Entry("a", "1", np.ones((2, 8), dtype=np.float32), stranger=True)
    write_roster(roster, manifest.digest, {"a": entry})
    yield Parser(
        "roster", _in_file(folder / "r.npz", lambda path: read_roster(path, manifest.digest, 8)), (roster.read_bytes(),)
    )
    yield Parser("topic", lambda raw: compile_pattern(raw.decode("utf-8", "surrogateescape")), (b"task.*", b"a.b.>"))
    yield Parser(
        "url", lambda raw: read_url(raw.decode("utf-8", "surrogateescape")), (b"https://a.example:8443/x?y=1",)
    )
    yield Parser("cassette", _in_file(folder / "x.cassette.jsonl", load_cassette), (_cassette(),))
    yield from _of_others(folder)


def _cassette() -> bytes:
    fault = Fault("builtins", "ValueError", ("ValueError",), "no", {"n": [1]})
    recordings = (
        Recording(
            task="t", call=1, source="llm", digest=digest_of("llm", {"p": "x"}), request={"p": "x"}, at=0.5, answer=[1]
        ),
        Recording(task="t", call=2, source="llm", digest=digest_of("llm", None), at=1.5, fault=fault),
    )
    header = Header(run="r", epoch=1.5, tasks=({"id": "t", "request": "do"},), settings={"seed": 7})
    return encode_line(header) + b"".join(map(encode_line, recordings))


def _of_others(folder: Path) -> Iterator[Parser]:
    """Yield the parsers of other people's records."""
    log = (
        b'<log a="1"><trace><string key="k" value="v"/><event><date key="t" value="2026-01-05"/></event></trace></log>'
    )
    yield Parser("xes", _in_file(folder / "x.xes", lambda path: list(rows_of_log(path))), (log,))
    feature = b"@t\nFeature: f\nScenario Outline: <a>\nGiven x\nWhen <a>\nThen y\nExamples:\n|a|\n|1|\n"
    yield Parser("feature", _in_file(folder / "x.feature", _as_skeletons), (feature,))
    span = {"traceId": "00", "spanId": "11", "startTimeUnixNano": "1", "attributes": []}
    traces = {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": [span]}]}]}
    yield Parser(
        "traces", _in_file(folder / "x.json", lambda path: list(rows_of_traces(path))), (json.dumps(traces).encode(),)
    )


def _as_skeletons(path: Path) -> object:
    return [skeleton(story, path) for story in read_feature(path)]


def _largest_plans() -> tuple[bytes, ...]:
    """Twelve thousand tasks in a row, nearly as many bytes and values as a plan may have."""
    row = (
        f"  t{number}:\n    request: check the migration of table {number}\n    after: [{before}]\n"
        for number, before in enumerate(["", *(f"t{number}" for number in range(12_198))])
    )
    plan = f"plan: x\ntasks:\n{''.join(row)}"
    key, cycle = f"{plan}    aftr: []\n", plan.replace("after: []", "after: [t12198]")
    types, quote = re.sub(r"request: .*table", "request:", plan), f"{plan}    agent: 'a\n"
    return tuple(text.encode() for text in (plan, key, cycle, types, quote))


def _largest_scenarios() -> tuple[bytes, ...]:
    """Nearly five thousand rows, as many values as a scenario may have; and a title that one of them lacks."""
    begin = "scenario: x <a>\ngiven: {agents: all}\nwhen: [{submit: {id: t, request: r}}]\n"
    begin += "then: [{type: completed, task: t}]\n"
    rows = "examples:\n" + "".join(f"  - {{a: {number}}}\n" for number in range(4_980))
    return tuple(
        text.encode() for text in (begin + rows, f"{begin}{rows}  - {{b: 1}}\n", f"{begin}{rows}  - {{a: 'b}}\n")
    )


def _bytes_of(*groups: Iterator[Path]) -> tuple[bytes, ...]:
    return tuple(path.read_bytes() for group in groups for path in sorted(group))


def _in_file(path: Path, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    def parse_file(raw: bytes) -> object:
        path.write_bytes(raw)
        return read(path)

    return parse_file


def _parse_settings(raw: bytes) -> object:
    return validate(read_document(raw, "pointsman.yaml", model=Settings, caps=caps.SETTINGS), Settings)


def _parse_environment(raw: bytes) -> object:
    name, _, value = raw.decode("utf-8", "surrogateescape").partition("=")
    return load_settings(None, {name or "POINTSMAN_": value})


def _as_fields(raw: bytes) -> dict[str, Any]:
    """Return what a card is made of: in a program these are values already."""
    try:
        fields: Any = json.loads(raw)
    except (ValueError, RecursionError):
        fields = {"name": raw.decode("utf-8", "surrogateescape"), "summary": "s", "examples": ["e"]}
    if not isinstance(fields, dict) or not {"name", "summary", "examples"} <= fields.keys():
        fields = {"name": "a", "summary": fields, "examples": [fields]}
    return {**fields, "examples": fields["examples"] if isinstance(fields["examples"], list) else [fields["examples"]]}


def _parse_card(fields: dict[str, Any]) -> object:
    return agent(fields["name"], summary=fields["summary"], examples=fields["examples"])
