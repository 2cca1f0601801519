"""The fixture `cassette`: what agents of a test read is recorded beside it once, and played from then on."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from orchestrator.agent import agent
from orchestrator.context import TaskContext
from orchestrator.errors import PointsmanError
from orchestrator.plugins import discover
from orchestrator.redaction import Profile, RedactionError
from router import KeywordRouter
from scenarios import pytest_items, run_scenario
from scenarios.cassette import RecordMode, load_cassette
from scenarios.errors import StrayReadError
from scenarios.fixtures import CapturedJournal, OrchestratorFactory, VirtualTime
from scenarios.loader import load_scenarios
from scenarios.own_cassette import OwnCassette, place_of
from tests.scenarios.texts import CLERK

pytest_plugins = ["pytester"]

IBAN: Final = "DE89370400440532013000"
ONE, TWO, THREE = ({"account": IBAN, "n": n} for n in (1, 2, 3))


class Bench:
    """Runs an agent as a test with the fixture does; the world counts how often it was asked."""

    def __init__(self, folder: Path) -> None:
        self.path, self.folder, self.asked = folder / "cassettes" / "t.cassette.jsonl", folder, 0

    task = "t"

    def run(self, *requests: Any, mode: RecordMode = "once", build: bool = False, profile: bool = True) -> list[Any]:
        own = OwnCassette(self.path, mode, Profile() if profile else None, build=build)
        clock, journal = VirtualTime(), CapturedJournal()
        orchestrator = OrchestratorFactory(clock, journal, self.folder)
        orchestrator.outside_of, clock.through = own.of, own.run
        output = clock.run(self._ask(orchestrator, requests))
        own.finish()
        return output

    async def _ask(self, orchestrator: OrchestratorFactory, requests: Sequence[Any]) -> list[Any]:
        def bank() -> Any:
            self.asked += 1
            return {"answer": self.asked, "owner": "ada@bank.example"}

        @agent("clerk", summary="Asks the bank.", examples=["ask the bank"])
        async def clerk(_request: str, context: TaskContext) -> list[Any]:
            return [(await context.read("bank", bank, request=one))["answer"] for one in requests]

        async with orchestrator(clerk, router=KeywordRouter()) as run:
            output: list[Any] = (await (await run.submit("ask", id=self.task, agent="clerk")).result()).output
            return output

    @property
    def recorded(self) -> int:
        return len(load_cassette(self.path).recordings)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_once_records_what_is_not_there_and_plays_it_from_then_on(bench: Bench) -> None:
    """Without secrets; the world is asked no more, and the file stays as it is."""
    assert bench.run(ONE, TWO) == [1, 2]
    before = bench.path.read_bytes()
    assert (b"DE89" in before, b"ada@" in before, bench.recorded) == (False, False, 2)
    assert bench.run(ONE, TWO) == bench.run(ONE, TWO, mode="none") == [1, 2]
    assert (bench.asked, bench.path.read_bytes()) == (2, before)


def test_new_adds_and_all_records_anew(bench: Bench) -> None:
    """As of `pointsman test --record`; what was recorded without redaction loses its secrets when it is added to."""
    bench.run(ONE, TWO, profile=False)
    assert b"DE89" in bench.path.read_bytes()
    assert bench.run(ONE, TWO) == [1, 2]
    assert bench.run(ONE, TWO, THREE, mode="new") == [1, 2, 3]
    assert (b"DE89" in bench.path.read_bytes(), bench.recorded) == (False, 3)
    assert bench.run(ONE, TWO, THREE) == [1, 2, 3]
    assert bench.run(ONE, mode="all") == [4]
    assert bench.recorded == 1


def test_a_read_that_is_not_recorded_is_shown_beside_the_nearest(bench: Bench) -> None:
    """Only where they differ; secrets that may be the same ones are no difference, and are not shown."""
    bench.run(ONE, TWO)
    with pytest.raises(StrayReadError) as caught:
        bench.run(ONE, THREE | {"by": "me"})
    what, head, *lines = str(caught.value).splitlines()
    assert what.startswith(f"{bench.path}: not what was recorded; record it again")
    assert head == "call 2 of task 't' to 'bank' is not recorded; nearest to it:"
    assert [line.split() for line in lines] == [
        ["where", "recorded:", "call", "2", "of", "'t'", "asked"],
        ["/n", "2", "3"],
        ["/by", "absent", '"me"'],
    ]
    with pytest.raises(StrayReadError, match=r'not recorded, nor anything else of it: "odd"$'):
        bench.run(ONE, TWO, "odd")
    assert bench.asked == 2


def test_another_account_is_a_difference(bench: Bench) -> None:
    """It had one twice; now the second is another."""
    bench.run(ONE, TWO)
    with pytest.raises(StrayReadError, match=r"/account +\"\[iban:000000000001\]\" +\"\[iban:000000000002\]\"$"):
        bench.run(ONE, TWO | {"account": "GB29NWBK60161331926819"})


def test_an_id_that_is_a_secret_is_refused_before_anything_is_written(bench: Bench) -> None:
    """Ids are written as they are."""
    bench.task = IBAN
    with pytest.raises(RedactionError, match="'ids'"):
        bench.run(ONE)
    assert not bench.path.exists()


def test_a_recording_that_is_not_read_is_missed_at_the_end(bench: Bench) -> None:
    """The agent no longer does what was recorded."""
    bench.run(ONE, TWO)
    with pytest.raises(StrayReadError, match=r"recorded and not read: call 2 of task 't' to 'bank': \{.*\"n\":2\}$"):
        bench.run(ONE)


@pytest.mark.parametrize(("mode", "build"), [("once", True), ("none", True), ("none", False)])
def test_what_is_not_there_and_is_not_to_be_made_is_said(bench: Bench, mode: RecordMode, *, build: bool) -> None:
    """A build records nothing, whatever else is said; what was made by hand and committed it plays."""
    with pytest.raises(PointsmanError, match=r"there is no cassette, and .*run the test by hand, and commit the file"):
        bench.run(ONE, mode=mode, build=build)
    assert not bench.path.parent.exists()
    bench.run(ONE)
    assert bench.run(ONE, mode=mode, build=build) == [1]
    for other in ("new", "all"):
        with pytest.raises(PointsmanError, match="CI is set, and a build records nothing"):
            bench.run(ONE, mode=other, build=True)


def test_a_test_is_called_after_its_parameters_unless_they_are_secrets() -> None:
    """Names of files are written, too."""
    file, name = Path("tests/test_x.py"), f"test_x[{IBAN}]"
    assert place_of(file, "test_x", {}, Profile()) == Path("tests/cassettes/test_x/test_x.cassette.jsonl")
    assert place_of(file, "Class.test_x[a b/c]", {"p": 0}, Profile()).name == "Class.test_x[a_b_c].cassette.jsonl"
    assert place_of(file, name, {"iban": 2}, Profile()).name == "test_x[iban2].cassette.jsonl"
    assert place_of(file, name, {"iban": 2}, None).name == f"{name}.cassette.jsonl"


# -- in pytest ---------------------------------------------------------------------------------------------------------


TESTS: Final = """
from pathlib import Path
import pytest
from orchestrator import agent

def bank():
    with open("world.log", "a") as log:
        log.write("asked ")
    return {"owner": "ada@bank.example"}

@agent("clerk", summary="Asks the bank.", examples=["ask the bank"])
async def clerk(request, context):
    return [await context.read("bank", bank, request=one) for one in REQUESTS]

async def ask(orchestrator):
    async with orchestrator(clerk) as run:
        return (await (await run.submit("ask the bank", id="t", agent="clerk")).result()).output

def test_it(orchestrator, virtual_clock, cassette):
    assert virtual_clock.run(ask(orchestrator))

@pytest.mark.cassette(path="tapes/bank.jsonl", redact="none")
def test_elsewhere(orchestrator, virtual_clock, cassette):
    assert virtual_clock.run(ask(orchestrator))
"""
MARKERS: Final = """
import pytest

@pytest.mark.cassette("x")
def test_a(cassette): ...

@pytest.mark.cassette(record="always")
def test_b(cassette): ...

@pytest.mark.cassette(redact="no.yaml")
def test_c(cassette): ...
"""


@pytest.fixture(scope="module", autouse=True)
def loaded(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Import what a session imports: pytester forgets what was loaded in a run of its own, NumPy and PyYAML as well."""
    path = tmp_path_factory.mktemp("loaded") / "clerk.scenario.yaml"
    path.write_text(CLERK, encoding="utf-8")
    assert run_scenario(load_scenarios(path)[0], agents=[plugin.agent for plugin in discover().loaded]).rows
    assert pytest_items.__name__ in sys.modules


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Return a project of somebody who has installed us and no other plugin."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p scenarios.pytest_plugin --strict-markers")
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT"):
        monkeypatch.delenv(name, raising=False)
    return pytester


def test_the_fixture_goes_between_the_orchestrator_and_the_world(project: pytest.Pytester) -> None:
    """Recorded beside the test, or where its marker says; played from then on; a stray read is a failure that shows."""
    file = project.path / "test_clerk.py"
    file.write_text(TESTS.replace("REQUESTS", f"['about {IBAN}', 2]"), encoding="utf-8")
    project.runpytest_inprocess().assert_outcomes(passed=2)
    tape = project.path / "cassettes" / "test_clerk" / "test_it.cassette.jsonl"
    assert "DE89" not in tape.read_text()
    assert "DE89" in (project.path / "tapes" / "bank.jsonl").read_text()
    project.runpytest_inprocess().assert_outcomes(passed=2)
    assert (project.path / "world.log").read_text().count("asked") == 4
    file.write_text(TESTS.replace("REQUESTS", f"['about {IBAN}']"), encoding="utf-8")
    done = project.runpytest_inprocess()
    done.assert_outcomes(failed=2)
    done.stdout.fnmatch_lines(["*test_it.cassette.jsonl: not what was recorded*", "recorded and not read: call 2 of *"])
    done.stdout.no_fnmatch_line("*hookimpl*")
    project.runpytest_inprocess("--pointsman-record=all").assert_outcomes(passed=2)
    assert len(load_cassette(tape).recordings) == 1


def test_a_build_and_a_wrong_marker_are_told(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each in a line; the option is refused in a build before any test."""
    monkeypatch.setenv("CI", "true")
    (project.path / "test_clerk.py").write_text(TESTS.replace("REQUESTS", "[1]"), encoding="utf-8")
    (project.path / "test_markers.py").write_text(MARKERS, encoding="utf-8")
    done = project.runpytest_inprocess()
    done.assert_outcomes(errors=5)
    for line in (
        "*test_it.cassette.jsonl: there is no cassette, and CI is set, and a build records nothing*",
        "*takes path=, record=, redact= and nothing else",
        "*'always' is none of none, once, new, all",
        "*no.yaml*",
    ):
        done.stdout.fnmatch_lines([line])
    assert project.runpytest_inprocess("--pointsman-record=new").ret == pytest.ExitCode.USAGE_ERROR
