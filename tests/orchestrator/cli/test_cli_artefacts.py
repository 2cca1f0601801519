"""Twenty-four secrets and everything that the commands leave: each file and each line that is printed, byte by byte."""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from orchestrator.redaction import KEY_FILE
from scenarios import deck, recording, runner
from scenarios.mask import Mask
from scenarios.recording import RecordingJournal
from scenarios.tape import Tape
from tests.scenarios.planted import CARDS, COOKIES, EMAILS, PLAN, PLANTED, agents, bank, hits, opened

Cli = Callable[..., tuple[int, str, str]]
Install = Callable[..., None]
Left = dict[str, bytes]

#: What no rule takes out: what holds it was looked at.
SEEN: Final = "Mondegreen"
_THEN: Final = [{"type": "completed", "task": "one"}, {"type": "result", "task": "one", "pointer": "/n", "equals": 200}]


@contextlib.contextmanager
def logged(path: Path) -> Iterator[None]:
    """Write what is logged to a file, as a service does."""
    handler = logging.FileHandler(path, encoding="utf-8")
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


class Office:
    """Runs commands in a folder, and collects what they leave and print."""

    def __init__(self, cli: Cli, folder: Path) -> None:
        self._cli, self._folder = cli, folder
        self.printed: dict[str, str] = {}
        self._kept: Left = {}

    def run(self, *arguments: str, may: tuple[int, ...] = (0,)) -> str:
        """Run a command that ends so; return what it prints."""
        code, out, err = self._cli(*arguments)
        assert code in may, (arguments, code, err or out)
        self.printed[f"output of {' '.join(arguments[:2])}"] = out + err
        return out

    def write(self, name: str, document: Any) -> None:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=1), encoding="utf-8")

    def keep(self, name: str) -> None:
        """Take a file as it is now: it will not stay."""
        self._kept[f"{name} as it was"] = (self._folder / name).read_bytes()

    def left(self) -> Left:
        """Return everything that is there but what was given to the commands."""
        given = ("planted.plan.yaml", "uat/fails.scenario.yaml", "uat/golden.scenario.yaml", f".pointsman/{KEY_FILE}")
        files = sorted(path for path in self._folder.rglob("*") if path.is_file())
        named = {path.relative_to(self._folder).as_posix(): path for path in files}
        found = {name: path.read_bytes() for name, path in named.items() if name not in given}
        return found | self._kept | {name: text.encode() for name, text in self.printed.items()}


@pytest.fixture
def office(cli: Cli, folder: Path, install: Install) -> Office:
    install(*agents())
    (folder / "day.plan.yaml").unlink()
    return Office(cli, folder)


def tasks(url: str) -> dict[str, Any]:
    """Return what is asked for, with secrets in requests and payloads; the router decides about the third."""
    request = f"ask asks about {CARDS[1]} for {EMAILS[3]}, Cookie: s={COOKIES[2]}, and {SEEN}"
    both = {"request": request, "agent": "asks", "payload": {**PLAN, "url": url}}
    return {"one": both, "two": {**both, "request": "ask again"}, "three": {"request": f"ask fails {EMAILS[0]}"}}


def record(office: Office, folder: Path, *, fork: bool = False) -> str:
    """Record a run, go on from a row if wanted, and return its id; somebody reads the journal meanwhile."""
    with bank() as url, logged(folder / "agents.log"), read_meanwhile(office, folder / ".pointsman" / "journal.db"):
        office.write("planted.plan.yaml", {"plan": "planted", "tasks": tasks(url)})
        run: str = json.loads(office.run("record", "planted.plan.yaml", "--json", may=(1,)))["run"]
        office.keep(".pointsman/journal.db-wal")
        if fork:
            office.run("fork", run, "--at", "10", may=(1,))
    return run


@contextlib.contextmanager
def read_meanwhile(office: Office, path: Path) -> Iterator[None]:
    """Let somebody read a journal, so that its WAL is not folded in at the end of the run."""
    readers: list[sqlite3.Connection] = []

    def read(self: RecordingJournal, *given: Any, **named: Any) -> None:
        opens(self, *given, **named)
        readers.append(sqlite3.connect(path))
        readers[-1].execute("select count(*) from sqlite_master").fetchone()

    opens: Callable[..., None] = RecordingJournal.__init__
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RecordingJournal, "__init__", read)
        yield
    for reader in readers:
        reader.close()


def make_of(office: Office, run: str) -> None:
    """Make of a recorded run and its fork whatever can be made of them."""
    office.run("diff", run, f"{run}-fork1", may=(0, 1))
    office.run("replay", run)
    office.run("whatif", run, "--threshold", "0.9", may=(0, 1))
    office.run("why", "three", "--run", run)
    office.run("report", run, "--out", "report.html")
    for kind in ("xes", "otlp", "jsonl"):
        office.run("export", kind, run, "--out", f"run.{kind}")
    office.run("promote", run, "--out", "made.scenario.yaml")
    office.run("test", "made.scenario.yaml", "--junit", "made.xml")


def play(office: Office, folder: Path) -> None:
    """Record the cassettes of scenarios and play them: one that fails, with all that it says, and a golden one."""
    about: dict[str, Any] = {"given": {"agents": ["asks", "fails"], "fallback": "fails"}}
    missed = [{"type": "result", "task": one, "equals": SEEN} for one in ("one", "two")]
    uses = {"fails": missed, "golden": [{"type": "matches-golden", "file": "golden/run.jsonl"}]}
    with bank() as url, logged(folder / "agents.log"):
        for name, more in uses.items():
            steps = {"when": [{"tasks": tasks(url)}], "cassette": {"path": f"{name}.cassette.jsonl"}}
            office.write(f"uat/{name}.scenario.yaml", {"scenario": name, **about, **steps, "then": [*_THEN, *more]})
        files = ("--junit", "junit.xml", "--html", "suite.html", "--journal", "journals")
        office.run("test", "uat", "--record", "all", *files, may=(1,))


def play_again(office: Office, folder: Path) -> None:
    """Play what was recorded: nothing is missing, and the runs are the same, byte by byte."""
    with logged(folder / "again.log"):
        office.run("golden", "update", "uat/golden.scenario.yaml")
        said = json.loads(office.run("test", "uat", "--json", "--journal", "again", may=(1,)))["scenarios"]
    assert [(one["verdict"], one["reads_astray"]) for one in said] == [("failed", []), ("passed", [])]
    for name in ("fails", "golden"):
        assert (folder / "again" / f"{name}.jsonl").read_bytes() == (folder / "journals" / f"{name}.jsonl").read_bytes()
    office.run("report", "journals/fails.jsonl", "--out", "scenario.html")


def found_in(left: Left) -> set[str]:
    """Return where a secret is."""
    return {name for name, data in left.items() if hits(data)}


def test_nothing_that_is_made_of_a_recorded_run_holds_a_secret(office: Office, folder: Path) -> None:
    """Journal with its WAL, cassettes, logs, page, exports, fork, the scenario made of it; all that is printed."""
    make_of(office, record(office, folder, fork=True))
    left = office.left()
    assert found_in(left) == set()
    names = {name.partition("/cassettes/")[0] for name in left}
    assert names >= {
        ".pointsman", ".pointsman/journal.db", ".pointsman/journal.db-wal as it was", "agents.log", "report.html",
        "run.xes", "run.otlp", "run.jsonl", "made.scenario.yaml", "made.cassette.jsonl", "made.xml",
        "output of why three",
    }  # fmt: skip
    seen = {name for name, data in left.items() if SEEN.encode() in opened(data)}
    assert seen >= {".pointsman/journal.db-wal as it was", "report.html", "run.jsonl", "made.scenario.yaml"}
    assert len([name for name in left if name.endswith(".cassette.jsonl")]) == 3
    assert b"[email:" in left["agents.log"]
    assert b"[card:" in opened(left["report.html"])


def test_nothing_that_scenarios_leave_holds_a_secret(office: Office, folder: Path) -> None:
    """Cassettes, golden run, journals, JUnit, page, logs, all that is printed; replays find what was recorded."""
    play(office, folder)
    play_again(office, folder)
    left = office.left()
    assert found_in(left) == set()
    assert set(left) == {
        "uat/fails.cassette.jsonl", "uat/golden.cassette.jsonl", "uat/golden/run.jsonl", "junit.xml", "scenario.html",
        "suite.html", "agents.log", "again.log", "journals/fails.jsonl", "journals/golden.jsonl", "again/fails.jsonl",
        "again/golden.jsonl", "output of golden update", "output of test uat", "output of report journals/fails.jsonl",
    }  # fmt: skip
    for name in ("junit.xml", "suite.html", "uat/golden.cassette.jsonl", "uat/golden/run.jsonl", "output of test uat"):
        assert b"[iban:0000" in left[name]


def in_the_open(_self: Any, value: Any) -> Any:
    """Return a value as it is: what a redactor does that is switched off."""
    return value


class OpenTape(Tape):
    """A tape that forgot about redaction."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **{name: one for name, one in named.items() if name not in ("redact", "shelve")})


def report(office: Office, folder: Path) -> None:
    """Record a run, and make pages and exports of it."""
    run = record(office, folder)
    office.run("report", run, "--out", "report.html")
    office.run("export", "jsonl", run, "--out", "run.jsonl")


_JOURNAL: Final = {".pointsman/journal.db", ".pointsman/journal.db-wal as it was", "report.html", "run.jsonl"}
#: By what is switched off: where that is, what stands there instead, what is run then, and where secrets are found.
_OFF: Final[dict[str, tuple[object, str, Any, Callable[[Office, Path], object], set[str]]]] = {
    "journal": (RecordingJournal, "redacted", in_the_open, report, _JOURNAL),
    "logs": (recording, "saying", lambda _redact: contextlib.nullcontext(), record, {"agents.log"}),
    "cassette": (recording, "Tape", OpenTape, record, {".pointsman/cassettes"}),
    "results": (
        runner,
        "left_behind",
        lambda result, _redact: result,
        play,
        {"junit.xml", "suite.html", "journals/fails.jsonl"},
    ),
    "scenario cassette": (Mask, "masked", in_the_open, play, {"uat/fails.cassette.jsonl", "uat/golden.cassette.jsonl"}),
}


@pytest.mark.parametrize("off", _OFF)
def test_the_search_finds_what_one_redactor_that_is_off_lets_through(
    office: Office, folder: Path, monkeypatch: pytest.MonkeyPatch, off: str
) -> None:
    """Otherwise an empty search would show nothing: each place is found where its own redaction does nothing."""
    target, name, instead, use, places = _OFF[off]
    monkeypatch.setattr(target, name, instead)
    if off == "scenario cassette":
        monkeypatch.setattr(deck, "Tape", OpenTape)
    with contextlib.suppress(AssertionError):  # a run that is half redacted need not go on
        use(office, folder)
    found = {place.partition("/2")[0] for place in found_in(office.left())}
    assert found >= places


def test_all_twenty_four_are_there_to_be_found(office: Office, folder: Path) -> None:
    """With `--redact none` the same search finds each of them in what one run leaves."""
    with bank() as url, logged(folder / "agents.log"):
        office.write("planted.plan.yaml", {"plan": "planted", "tasks": tasks(url)})
        office.run("record", "planted.plan.yaml", "--redact", "none", may=(1,))
    assert set(hits(b"".join(office.left().values()))) == set(PLANTED)
