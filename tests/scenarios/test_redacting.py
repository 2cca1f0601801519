from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any, Final

import pytest

from orchestrator.agent import adopt
from orchestrator.context import TaskContext
from orchestrator.errors import AgentError, ResumeError
from orchestrator.journal import JournalReader
from orchestrator.messages import Task
from orchestrator.orchestrator import Orchestrator
from orchestrator.plan import Plan
from orchestrator.redaction import KEY_FILE, Profile, RedactionError, Redactor, take_key
from orchestrator.redaction.patterns import Pattern
from orchestrator.testing import FixedRouter
from scenarios.cassette import Cassette, load_cassette
from scenarios.loader import load_scenarios
from scenarios.promotion import promote_run
from scenarios.redacting import new_redactor, redacted_result, redactor_of
from scenarios.rehearsal import Variation, rehearse
from scenarios.replayed import Replayed, replay
from scenarios.report import to_junit, to_text
from scenarios.runner import run_scenario
from tests.scenarios.planted import CARDS, EMAILS, IBANS, PLANTED, agents, bank, hits, plan
from tests.scenarios.recorded_agents import Reader, Studio


def test_no_planted_secret_is_in_anything_that_is_written_and_the_replay_is_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """24 of them: 0 hits in journal, WAL, cassette and logs; the agents had the real ones; byte for byte the same."""
    assert len(set(PLANTED)) == 24
    studio = Studio(tmp_path)
    studio.settings = studio.settings.model_copy(update={"log_format": "json", "fallback_agent": "asks"})
    readers: list[sqlite3.Connection] = []

    def read(_row: object) -> None:  # who reads meanwhile keeps the WAL from being folded in at the end
        if not readers:
            readers.append(sqlite3.connect(tmp_path / "journal.db"))
            readers[0].execute("select count(*) from sqlite_master").fetchone()

    with bank() as url:
        redact = new_redactor("default", tmp_path, {})
        assert redact is not None
        recorded = studio.record(agents(), plan(url), redact=redact, jumps=True, on_row=read)
    one = recorded.results["one"]
    assert one.error == ""
    assert one.output["inner"]["card"] == CARDS[0]
    written = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert set(written) == {
        "journal.db", "journal.db-wal", "journal.db-shm", recorded.cassette.name, KEY_FILE,
    }  # fmt: skip
    written["logs"] = "".join(capsys.readouterr()).encode()
    assert b"task.routed" in written["logs"]
    assert {name: hits(data) for name, data in written.items()} == {name: [] for name in written}
    assert min(len(written[name]) for name in ("journal.db-wal", recorded.cassette.name, "logs")) > 500
    readers[0].close()
    replayed = replayed_of(studio, recorded.cassette, tmp_path)
    assert replayed.journal == studio.rows(recorded)
    assert (replayed.misses, replayed.unused) == ((), ())
    footer = load_cassette(recorded.cassette).footer
    assert footer is not None
    assert footer.redacted == recorded.redacted
    assert set(footer.redacted) >= {"card", "iban", "secret", "cookie", "email", "phone"}


def replayed_of(studio: Studio, cassette: Path, folder: Path) -> Replayed:
    tape = load_cassette(cassette)
    return replay(
        tape, agents=[adopt(one) for one in agents()], router=FixedRouter(), redact=redactor_of(tape, folder, {})
    )


async def echo(task: Task, context: TaskContext) -> Any:
    """Give back what it reads."""
    return await context.read("desk", lambda: f"said by {EMAILS[0]}", request=task.payload)


async def makes(_task: Task, _context: TaskContext) -> Any:
    """Make a secret that nobody gave it."""
    return {"from": EMAILS[2]}


def test_far_from_the_key_a_replay_goes_as_long_as_agents_make_no_secrets_themselves(tmp_path: Path) -> None:
    """What was recorded is redacted already; a secret of an agent's own has another name there, and that is said."""
    studio = Studio(tmp_path)
    for handle, goes in ((echo, True), (makes, False)):
        redact = new_redactor("default", tmp_path, {})
        recorded = studio.record([Reader("one", handle)], redact=redact)
        tape = load_cassette(recorded.cassette)
        far = redactor_of(tape, tmp_path / "elsewhere", {})
        assert replay_one(tape, handle, redactor_of(tape, tmp_path, {})) == studio.rows(recorded)
        if goes:
            assert replay_one(tape, handle, far) == studio.rows(recorded)
        else:
            with pytest.raises(RedactionError, match=r"'email': .* the key is not here"):
                replay_one(tape, handle, far)


def replay_one(tape: Cassette, handle: Any, redact: Redactor | None) -> bytes:
    return replay(tape, agents=[adopt(Reader("one", handle))], router=FixedRouter(), redact=redact).journal


async def both(task: Task, context: TaskContext) -> Any:
    """Give back what it reads, or fail with a secret of its own behind one of that."""
    said = await context.read("desk", lambda: f"said by {EMAILS[0]}", request=task.payload)
    if task.id == "fails":
        raise AgentError(f"{said}, or by {EMAILS[1]}")
    return said if task.id == "echoes" else {"from": EMAILS[2]}


def test_a_scenario_made_of_a_redacted_run_is_met_where_there_is_no_key(tmp_path: Path) -> None:
    """What agents said with secrets of their own is not expected of it: there these are numbered."""
    studio = Studio(tmp_path)
    tasks = tuple(Task(name, "ask", {"iban": IBANS[0]}, agent="one") for name in ("echoes", "fails", "makes"))
    recorded = studio.record([Reader("one", both)], Plan("p", tasks), redact=new_redactor("default", tmp_path, {}))
    with JournalReader(studio.settings.journal) as reader:
        rows = [row.envelope for row in reader.rows(run=recorded.run)]
    promoted = promote_run(load_cassette(recorded.cassette), rows, tmp_path / "uat" / "made.scenario.yaml")
    (scenario,) = load_scenarios(promoted.scenario)
    result = run_scenario(scenario, agents=[adopt(Reader("one", both))], router=FixedRouter)
    assert (result.verdict, to_text([result]).count("[email:")) == ("passed", 0)
    expected = [outcome.expected for outcome in result.outcomes]
    kinds = "routed completed result routed failed routed completed"
    assert [one.split()[0] for one in expected] == kinds.split()
    assert "said by [email:" in expected[2]
    assert expected[4].count("[email:") == 1
    assert hits(promoted.scenario.read_bytes() + promoted.cassette.read_bytes()) == []


def test_a_rehearsal_finds_what_was_recorded_without_its_secrets(tmp_path: Path) -> None:
    """The plan has the real ones; no key is asked for."""
    studio, task = Studio(tmp_path), Task("one", "ask", {"iban": IBANS[0], "to": IBANS[1]}, agent="one")
    plan_of_one = Plan("p", (task,))
    recorded = studio.record([Reader("one", echo)], plan_of_one, redact=new_redactor("default", tmp_path, {}))
    done = rehearse(
        plan_of_one, studio.settings, [adopt(Reader("one", echo))], Variation(),
        router=FixedRouter(), cassette=load_cassette(recorded.cassette),
    )  # fmt: skip
    status, _, output, _ = done.results["one"]
    assert (status, output.startswith("said by [email:")) == ("completed", True)


@pytest.mark.parametrize("where", ["answer", "row", "request"])
def test_a_rule_that_fails_ends_the_run_and_nothing_half_written_is_left(tmp_path: Path, where: str) -> None:
    """The error names the rule; each line of the cassette and each row is whole, and none holds what was looked at."""

    def fail(text: str) -> list[Any]:
        if f"fatal {where}" in text:
            raise KeyError(text)
        return []

    async def handle(_task: Task, context: TaskContext) -> Any:
        said = await context.read("desk", lambda: "fatal answer", request="fatal request")
        return f"fatal row {len(said)}"

    profile = Profile()
    profile.rules = (*profile.rules, Pattern("fragile", (), fail))
    studio, path = Studio(tmp_path), tmp_path / "c.jsonl"
    with pytest.raises(RedactionError, match="'fragile': it failed with KeyError") as caught:
        studio.record([Reader("one", handle)], redact=Redactor(profile, take_key(tmp_path, {})), into=path, run="r")
    assert "fatal" not in str(caught.value)
    assert load_cassette(path).cut_short is False
    assert f"fatal {where}".encode() not in path.read_bytes() + (tmp_path / "journal.db").read_bytes()
    with JournalReader(studio.settings.journal) as reader:
        assert [row for row in reader.rows(run="r") if f"fatal {where}".encode() in bytes(row.canonical)] == []


def test_a_secret_where_a_message_is_cut_is_none_to_see_and_cut_alike_in_the_replay(tmp_path: Path) -> None:
    """What an error says is redacted first and cut to its length after that."""

    async def handle(task: Task, _context: TaskContext) -> Any:
        raise AgentError("x" * 440 + f" {task.payload['iban']} {task.payload['iban']} y" * 2)

    studio, task = Studio(tmp_path), Task("one", "ask", {"iban": IBANS[0]}, agent="one")
    recorded = studio.record([Reader("one", handle)], Plan("p", (task,)), redact=new_redactor("default", tmp_path, {}))
    rows = studio.rows(recorded)
    assert IBANS[0][:12].encode() not in rows
    tape = load_cassette(recorded.cassette)
    assert replay_one(tape, handle, redactor_of(tape, tmp_path, {})) == rows


def test_what_is_left_of_a_run_without_its_secrets_cannot_be_resumed(tmp_path: Path) -> None:
    """Its agents would get pseudonyms in the place of what they need; where nothing is left, nothing is refused."""

    def fail(text: str) -> list[Any]:
        if "fatal" in text:
            raise KeyError
        return []

    async def breaks(_task: Task, _context: TaskContext) -> str:
        return "fatal"

    studio, profile = Studio(tmp_path), Profile()
    profile.rules = (Pattern("fragile", (), fail),)
    studio.record([Reader("one", echo)], run="whole", redact=new_redactor("default", tmp_path, {}))
    with pytest.raises(RedactionError):
        studio.record([Reader("one", breaks)], run="broken", redact=Redactor(profile, take_key(tmp_path, {})))

    async def resume(run: str) -> None:
        agents_now = [adopt(Reader("one", echo))]
        async with Orchestrator.resume(run, studio.settings, agents=agents_now, router=FixedRouter()) as resumed:
            await resumed.results()

    asyncio.run(resume("whole"))
    with pytest.raises(ResumeError, match="redacted"):
        asyncio.run(resume("broken"))


def test_an_id_that_is_a_secret_is_refused(tmp_path: Path) -> None:
    """Ids are written as they are; the error does not say it either."""
    with pytest.raises(RedactionError, match="'ids'") as caught:
        Studio(tmp_path).record(
            [Reader("one", echo)],
            Plan("p", (Task(CARDS[0], "ask", agent="one"),)),
            redact=new_redactor("default", tmp_path, {}),
        )
    assert CARDS[0] not in str(caught.value)


def test_reports_of_scenarios_hold_no_secret(tmp_path: Path) -> None:
    """Neither the text nor the JUnit XML nor the rows, whatever an agent answered and an expectation missed."""
    scenario = tmp_path / "one.scenario.yaml"
    scenario.write_text(SCENARIO)
    (result,) = [run_scenario(one, agents=[]) for one in load_scenarios(scenario)]
    clean = redacted_result(result, Redactor(Profile(), take_key(tmp_path, {})))
    assert hits(to_junit([result]).encode()) == [CARDS[0], EMAILS[0]]
    assert result.verdict == clean.verdict == "failed"
    for text in (to_junit([clean]), to_text([clean]), clean.journal.decode()):
        assert hits(text.encode()) == []
    assert "[card:" in to_junit([clean])


SCENARIO: Final = f"""
scenario: pays
given:
  scripted:
    - agent: payer
      summary: Pays.
      examples: [Pay the bill, Pay it]
      behaviour: {{returns: "paid {CARDS[0]} for {EMAILS[0]}"}}
when:
  - tasks:
      pay: {{request: Pay the bill, agent: payer}}
then:
  - {{type: result, task: pay, equals: nothing}}
"""
