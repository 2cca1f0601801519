"""The mask: cassettes of scenarios without their secrets, which everybody can play who has none of them and no key."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from orchestrator.agent import adopt
from orchestrator.context import TaskContext
from orchestrator.interleaving import Interleaving
from orchestrator.messages import Task
from orchestrator.redaction import Profile
from orchestrator.redaction.patterns import Pattern
from orchestrator.testing import FixedRouter
from scenarios.cassette import RecordMode, load_cassette
from scenarios.loader import load_scenarios
from scenarios.mask import Mask
from scenarios.runner import ScenarioResult, run_scenario
from tests.scenarios.recorded_agents import Handle, Reader

ONE, TWO, THREE, FOUR = (
    "DE89370400440532013000", "GB29NWBK60161331926819", "FR1420041010050500013M02606", "NL91ABNA0417164300",
)  # fmt: skip
SCENARIO: Final = f"""\
scenario: Accounts
given: {{agents: [clerk]}}
when:
  - tasks:
      a: {{request: move it from {ONE} to {TWO}, agent: clerk, payload: {{from: {ONE}, to: {TWO}}}}}
cassette: {{path: a.cassette.jsonl, record: once}}
then:
  - {{type: completed, task: a}}
"""


class Desk:
    """Plays a scenario of a clerk, whose every read is answered with what a test says."""

    def __init__(self, folder: Path) -> None:
        self.path, self.tape = folder / "a.scenario.yaml", folder / "a.cassette.jsonl"
        self.text = SCENARIO

    def play(self, handle: Handle, record: RecordMode | None = None, **more: Any) -> ScenarioResult:
        self.path.write_text(self.text, encoding="utf-8")
        (scenario,) = load_scenarios(self.path)
        return run_scenario(
            scenario, agents=[adopt(Reader("clerk", handle))], router=FixedRouter, record=record, **more
        )

    @property
    def written(self) -> str:
        return self.tape.read_text(encoding="utf-8")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def asking(requests: Sequence[Any], answer: Any = "yes") -> Handle:
    """Return a clerk who asks for one thing after the other and gives back the answers."""

    async def handle(_task: Task, context: TaskContext) -> Any:
        return [await context.read("bank", lambda: answer, request=request) for request in requests]

    return handle


async def moves(task: Task, context: TaskContext) -> Any:
    """Look at both accounts, and hand on what the first look says in every way that there is."""
    first = await context.read(
        "bank", lambda: {"owner": THREE, "mail": "ada@bank.example"}, request=task.payload["from"]
    )
    packed = base64.b64encode(f"to {first['owner']} of {task.payload['to']}".encode()).decode()
    second = await context.read("bank", lambda: [TWO, packed], request={"b64": packed, first["owner"]: first["mail"]})
    return {"first": first, "second": second}


def test_a_cassette_holds_no_secret_and_is_played_without_a_key(desk: Desk, tmp_path: Path) -> None:
    """What the scenario states, what comes, what is asked with it are numbered; the run is the same, byte by byte."""
    first = desk.play(moves)
    assert first.verdict == "passed"
    assert [secret for secret in (ONE, TWO, THREE, "ada@") if secret in desk.written] == []
    assert "[iban:000000000001]" in desk.written
    header = load_cassette(desk.tape).header
    assert (header.profile, header.key, bool(header.stated)) == ("default", "", True)
    again = desk.play(moves)
    assert (again.verdict, again.astray, again.journal) == ("passed", (), first.journal)
    assert [secret for secret in (ONE, TWO, THREE, "ada@") if secret.encode() in first.journal] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.cassette.jsonl", "a.scenario.yaml"]


def test_recording_again_gives_the_same_file(desk: Desk) -> None:
    """A change of a cassette under version control is a change of what was read."""
    desk.play(moves)
    before = [line.partition('"at"')[0] for line in desk.written.splitlines()]
    desk.play(moves, "all")
    assert [line.partition('"at"')[0] for line in desk.written.splitlines()] == before


@pytest.mark.parametrize("mine", ["Bearer of-another-machine-77", "Bearer x"])
def test_another_token_finds_what_was_recorded_with_one(desk: Desk, mine: str) -> None:
    """A build has no token, or another one; what is asked with it twice is the same one twice."""

    def with_token(token: str) -> Handle:
        return asking([{"n": n, "headers": {"Authorization": token}} for n in (1, 2)])

    desk.play(with_token("Bearer of-this-machine-1234"))
    assert "of-this-machine" not in desk.written
    assert desk.play(with_token(mine)).astray == ()


@pytest.mark.parametrize(
    ("recorded", "asked", "misses"),
    [
        pytest.param([ONE, TWO], [ONE, TWO], 0, id="the same"),
        pytest.param([ONE, TWO], [ONE, ONE], 2, id="one account twice"),
        pytest.param([ONE], [TWO], 2, id="another account that the scenario states"),
        pytest.param([ONE, THREE], [ONE, ONE], 2, id="a known one for one of the agent's own"),
        pytest.param([THREE, THREE], [THREE, ONE], 2, id="a known one where there was the agent's own again"),
        pytest.param([[THREE, THREE]], [[THREE, ONE]], 2, id="two where there was one, at once"),
        pytest.param([[ONE, THREE]], [[ONE, ONE]], 2, id="one where there were two, at once"),
        pytest.param([[THREE, FOUR]], [[THREE, THREE]], 2, id="one of the agent's own where there were two"),
        pytest.param([[THREE, THREE]], [[THREE, FOUR]], 2, id="two of the agent's own where there was one"),
        pytest.param([THREE, FOUR], [FOUR, THREE], 0, id="two of the agent's own, the other way round"),
        pytest.param([{"a": ONE}], [{"b": ONE}], 2, id="another request"),
        pytest.param([ONE, TWO], [TWO, ONE], 0, id="the other way round: each gets its own answer"),
    ],
)
def test_another_secret_than_that_of_the_recording_is_another_request(
    desk: Desk, recorded: list[Any], asked: list[Any], misses: int
) -> None:
    """One account for another is what a bank wants to hear of: a read that is not recorded, one that was not made."""
    desk.play(asking(recorded))
    result = desk.play(asking(asked))
    assert len(result.astray) == misses
    assert not [line for line in result.astray if ONE in line or TWO in line or THREE in line]


def test_a_scenario_that_states_other_secrets_plays_the_same_cassette(desk: Desk) -> None:
    """In the same places they are known at once; where a third comes before them, as soon as they are asked with."""
    desk.play(asking([ONE, TWO]))
    desk.text = SCENARIO.replace(ONE, THREE)
    assert desk.play(asking([THREE, TWO])).astray == ()
    assert len(desk.play(asking([TWO, TWO])).astray) == 2
    desk.text = SCENARIO.replace("move it", f"as {THREE} says move it")
    assert desk.play(asking([ONE, TWO])).astray == ()
    assert len(desk.play(asking([ONE, ONE])).astray) == 2


def test_what_is_added_is_redacted_as_well(desk: Desk) -> None:
    """Also what an older cassette holds, which was recorded with no redaction; alone, that is played as it is."""
    desk.text = SCENARIO.replace("cassette:", "redact: none\ncassette:")
    desk.play(asking([ONE, {"to": TWO}], answer=THREE))
    assert ONE in desk.written
    assert load_cassette(desk.tape).header.profile == ""
    desk.text = SCENARIO
    assert desk.play(asking([ONE, {"to": TWO}])).astray == ()
    more = desk.play(asking([ONE, {"to": TWO}, THREE], answer="ada@bank.example"), "new")
    assert more.verdict == "passed"
    assert [secret for secret in (ONE, TWO, THREE, "ada@") if secret in desk.written] == []
    assert len(load_cassette(desk.tape).recordings) == 3
    again = desk.play(asking([ONE, {"to": TWO}, THREE]))
    assert again.astray == ()
    assert desk.play(asking([ONE, {"to": TWO}, THREE, "more"]), "new").verdict == "passed"
    assert desk.play(asking([ONE, {"to": TWO}, THREE, "more"])).astray == ()


def test_what_was_written_today_is_no_secret_of_the_recording_any_more(desk: Desk) -> None:
    """Two may be the same one until one of them is on record under a name of its own."""
    desk.play(asking([THREE]))
    assert desk.play(asking([{"new": FOUR}, FOUR]), "new").verdict == "passed"
    assert len(load_cassette(desk.tape).recordings) == 3
    assert len(desk.play(asking([{"new": FOUR}, FOUR])).astray) == 1  # THREE is not asked for any more
    assert desk.play(asking([THREE, {"new": FOUR}, FOUR])).astray == ()


@pytest.mark.parametrize(
    ("condition", "verdict"),
    [
        (f"pointer: /second/0, equals: {ONE}", "failed"),
        ("pointer: /first/mail, equals: '[email:000000000001]'", "passed"),
        ("pointer: /first/mail, equals: '[email:000000000002]'", "failed"),
        (f"pointer: /second/0, equals: {TWO}", "passed"),
        ("pointer: /first/owner, equals: '[iban:000000000003]'", "passed"),
    ],
)
def test_what_is_expected_holds_of_what_is_left_behind(desk: Desk, condition: str, verdict: str) -> None:
    """Of what the scenario states, and of what comes from outside by its number; in the recording and in a replay."""
    # The payload is written the other way round, so that rows do not have the numbers that the cassette has.
    turned = SCENARIO.replace(f"{{from: {ONE}, to: {TWO}}}", f"{{z: {TWO}, from: {ONE}, to: {TWO}}}")
    desk.text = turned.replace("move it from", "move").replace(f"{ONE} to {TWO}, agent", "it, agent")
    desk.text += f"  - {{type: result, task: a, {condition}}}\n"
    assert [desk.play(moves).verdict for _ in range(2)] == [verdict] * 2
    desk.text = desk.text.replace("type: result", "type: not-result")
    other = {"passed": "failed", "failed": "passed"}[verdict]
    assert [desk.play(moves, mode).verdict for mode in ("all", "none")] == [other] * 2


def test_the_router_sees_no_number() -> None:
    """What it decides does not depend on what was numbered before."""
    assert Mask(Profile()).for_router("to ada@bank.example") == "to [email:000000000000]"


def test_whoever_is_late_finds_the_same_recordings(desk: Desk) -> None:
    """Pseudonyms do not depend on the order in which tasks ask: what they ask with decides."""
    desk.text = SCENARIO.replace("cassette:", "runs: {schedules: 20}\ncassette:")
    desk.text = desk.text.replace(
        "      a:", "      b: {request: ask, agent: clerk, payload: {from: x, to: y}}\n      a:"
    )

    async def handle(task: Task, context: TaskContext) -> Any:
        own = {"a": "x1@bank.example", "b": "x2@bank.example"}[task.id]
        return [await context.read("bank", lambda: own, request={"mail": own, "n": n}) for n in range(2)]

    assert desk.play(handle, interleaving=Interleaving()).verdict == "passed"
    result = desk.play(handle)
    assert result.series is not None
    assert (result.verdict, result.series.passed, result.astray) == ("passed", 21, ())


def test_a_profile_of_its_own(desk: Desk, tmp_path: Path) -> None:
    """A file beside the scenario; a broken one is refused where the scenario is read, with its own line."""
    (tmp_path / "bank.yaml").write_text("patterns: [{name: customer, pattern: 'KD-[0-9]{8}'}]\n", encoding="utf-8")
    desk.text = SCENARIO.replace("cassette:", "redact: bank.yaml\ncassette:")
    desk.play(asking(["KD-12345678"]))
    assert "KD-" not in desk.written
    assert load_cassette(desk.tape).header.profile == "bank"
    assert desk.play(asking(["KD-12345678"])).astray == ()


@pytest.mark.parametrize("where", ["answer", "request", "row"])
def test_a_rule_that_fails_leaves_nothing(desk: Desk, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No cassette, no row, no text: only an error that names the rule."""

    def fail(text: str) -> list[Any]:
        if f"fatal {where}" in text:
            raise KeyError(text)
        return []

    def fragile(self: Profile, *given: Any) -> None:
        made(self, *given)
        self.rules = (*self.rules, Pattern("fragile", (), fail))

    made: Callable[..., None] = Profile.__init__
    monkeypatch.setattr(Profile, "__init__", fragile)

    async def handle(_task: Task, context: TaskContext) -> Any:
        await context.read("bank", lambda: "fatal answer", request="fatal request")
        return "fatal row"

    result = desk.play(handle)
    assert (result.verdict, result.rows, result.journal, result.outcomes) == ("error", (), b"", ())
    assert "'fragile': it failed with KeyError" in result.error
    assert desk.tape.exists() == (where == "row")
    assert where != "row" or "fatal row" not in desk.written


def test_an_id_that_is_a_secret_is_refused_before_anything_is_written(desk: Desk) -> None:
    """Ids are written as they are."""
    desk.text = SCENARIO.replace("      a:", f"      {ONE}:").replace("task: a", f"task: {ONE}")
    result = desk.play(asking(["x"]))
    assert (result.verdict, desk.tape.exists()) == ("error", False)
    assert ONE not in result.error


def test_without_a_cassette_it_is_the_settings_that_say(tmp_path: Path) -> None:
    """Or the scenario; `none` is a word as well."""
    (tmp_path / "a.scenario.yaml").write_text(
        SCENARIO.replace("cassette: {path: a.cassette.jsonl, record: once}\n", "")
    )
    (plain,) = load_scenarios(tmp_path / "a.scenario.yaml")
    tape = replace(plain, cassette=tmp_path / "x")
    assert [plain.profile(), plain.profile("mine.yaml"), tape.profile(), tape.profile("none")] == [
        "none", "mine.yaml", "default", "none",
    ]  # fmt: skip
    assert replace(tape, redact="none").profile("default") == "none"
