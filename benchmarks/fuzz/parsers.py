"""The parsers under test: what each is fed, and valid inputs that malformed ones are made of."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from orchestrator.agent import agent
from orchestrator.documents import read_document, validate
from orchestrator.errors import PointsmanError
from orchestrator.http.requests import read_url
from orchestrator.journal import decode, encode
from orchestrator.messages import Envelope
from orchestrator.plan import PlanEntry
from orchestrator.settings import Settings, load_settings
from orchestrator.topics import compile_pattern
from router.errors import RouterError
from router.manifest import ManifestError, parse
from router.model_file import read_model
from router.roster_file import read_roster, write_roster
from router.snapshot import Entry
from scenarios.loader import load_scenarios

ROOT: Final = Path(__file__).resolve().parents[2]
#: What a parser may raise.
OURS: Final = (PointsmanError, RouterError, ManifestError)


@dataclass(frozen=True, slots=True)
class Parser:
    """A parser: what it does with bytes, and valid ones."""

    name: str
    parse: Callable[[bytes], object]
    valid: tuple[bytes, ...]


@contextmanager
def all_parsers() -> Iterator[tuple[Parser, ...]]:
    """Give the parsers; those of files read them in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="pointsman-fuzz-") as name:
        yield tuple(_make(Path(name)))


def _make(folder: Path) -> Iterator[Parser]:
    library, broken = ROOT / "scenarios/library", ROOT / "tests/broken"
    plans = _bytes_of(library.glob("*.plan.yaml"), broken.glob("*.plan.yaml"))
    yield Parser("plan", _parse_plan, plans)
    scenarios = _bytes_of(library.glob("*.scenario.yaml"), broken.glob("*.scenario.yaml"))
    yield Parser("scenario", _in_file(folder / "x.scenario.yaml", load_scenarios), scenarios)
    yield Parser("settings", _parse_settings, (b"journal: j.db\nseed: 7\npolicy:\n  retry: {max_attempts: 2}\n",))
    yield Parser("environment", _parse_environment, (b"POINTSMAN_SEED=7", b"POINTSMAN_POLICY__TIMEOUT_S=5"))
    card = {"name": "a-b", "summary": "does it", "examples": ["do it"], "version": "1"}
    yield Parser("card", _parse_card, (json.dumps(card).encode(),))
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


def _bytes_of(*groups: Iterator[Path]) -> tuple[bytes, ...]:
    return tuple(path.read_bytes() for group in groups for path in sorted(group))


def _in_file(path: Path, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    def parse_file(raw: bytes) -> object:
        path.write_bytes(raw)
        return read(path)

    return parse_file


def _parse_plan(raw: bytes) -> object:
    document = read_document(raw, "x.plan.yaml")
    return validate(document, PlanEntry).to_plan(document)


def _parse_settings(raw: bytes) -> object:
    return validate(read_document(raw, "pointsman.yaml"), Settings)


def _parse_environment(raw: bytes) -> object:
    name, _, value = raw.decode("utf-8", "surrogateescape").partition("=")
    return load_settings(None, {name or "POINTSMAN_": value})


def _parse_card(raw: bytes) -> object:
    try:
        fields: Any = json.loads(raw)
    except (ValueError, RecursionError):
        fields = {"name": raw.decode("utf-8", "surrogateescape"), "summary": "s", "examples": ["e"]}
    if not isinstance(fields, dict) or not {"name", "summary", "examples"} <= fields.keys():
        fields = {"name": "a", "summary": fields, "examples": [fields]}
    examples = fields["examples"] if isinstance(fields["examples"], list) else [fields["examples"]]
    return agent(fields["name"], summary=fields["summary"], examples=examples)
