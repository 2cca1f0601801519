"""`pointsman journal`, `decisions` and `why`: what the journal of a run tells."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import router
from orchestrator.cli.prune_view import show_pruned
from orchestrator.journal import Pruned, Standing
from router import KeywordRouter
from router.calibration import Calibration

Cli = Callable[..., tuple[int, str, str]]
JOURNAL = ".pointsman/journal.db"


# -- journal ---------------------------------------------------------------------------------------------------------


def test_verify_says_that_a_journal_is_sound(ran: Cli) -> None:
    """Rows and head, for people and as JSON."""
    code, out, _ = ran("journal", "verify")
    assert code == 0
    assert out.startswith("sound: ")
    code, out, _ = ran("journal", "verify", JOURNAL, "--json")
    body = json.loads(out)
    assert (code, body["ok"], len(body["head"])) == (0, True, 64)


def test_verify_names_the_row_that_was_changed(ran: Cli) -> None:
    """Exit code 1 and the row."""
    with closing(sqlite3.connect(JOURNAL)) as connection, connection:
        connection.execute("UPDATE rows SET row = CAST(replace(row, ':', ';') AS BLOB) WHERE sequence = 6")
    connection.close()
    code, _, err = ran("journal", "verify")
    assert code == 1
    assert "row 6" in err
    code, out, _ = ran("journal", "verify", "--json")
    assert (code, json.loads(out)["row"]) == (1, 6)


def test_verify_takes_a_head_that_was_noted(ran: Cli) -> None:
    """What was cut off since is noticed; a text that is no head is refused."""
    head = json.loads(ran("journal", "verify", "--json")[1])["head"]
    assert ran("journal", "verify", "--head", head)[0] == 0
    code, _, err = ran("journal", "verify", "--head", "01" * 32)
    assert code == 1
    assert "no row has the head given" in err
    assert "is no head" in ran("journal", "verify", "--head", "xyz")[2]


def test_a_damaged_journal_is_explained_and_what_is_sound_copied(ran: Cli, folder: Path) -> None:
    """Verify and doctor say what is wrong and what to do; recover does it, and says where it stopped."""
    code, out, _ = ran("journal", "recover", "all.db")
    assert code == 0
    assert "sound rows" in out
    page = 16_384
    with Path(JOURNAL).open("r+b") as file:
        file.truncate(Path(JOURNAL).stat().st_size - page)
    code, _, err = ran("journal", "verify")
    assert code == 1
    assert "cut off: 16384 bytes are missing at its end" in err
    assert "pointsman journal recover OUT" in err
    body = json.loads(ran("journal", "verify", "--json")[1])
    assert (body["ok"], body["kind"]) == (False, "cut off")
    assert "cut off" in json.dumps(json.loads(ran("doctor", "--json")[1])["checks"])
    with closing(sqlite3.connect("all.db")) as connection, connection:
        connection.execute("UPDATE rows SET hash = x'00' WHERE sequence = 6")
    connection.close()
    code, out, err = ran("journal", "recover", "some.db", "all.db")
    assert (code, out) == (1, "copied 5 sound rows of all.db to some.db\n")
    assert "row 6: does not follow" in err
    assert json.loads(ran("journal", "verify", "some.db", "--json")[1])["rows"] == 6
    assert ran("journal", "recover", "some.db", "all.db")[0] != 0
    code, out, _ = ran("journal", "recover", "again.db", "some.db", "--json")
    assert (code, json.loads(out)["problem"]) == (0, "")


def test_prune_says_what_would_go_and_then_lets_it_go(ran: Cli) -> None:
    """A dry run changes nothing; afterwards the chain verifies, and there is nothing more to prune."""
    (run,) = [one["run"] for one in json.loads(ran("journal", "runs", "--json")[1])]
    code, out, _ = ran("journal", "prune", "--keep", "0", "--dry-run")
    assert code == 0
    assert run in out
    assert "would remove 1 runs" in out
    assert ran("journal", "prune", "--keep", "1") == (0, "nothing to prune\n", "")
    assert ran("journal", "prune", "--older-than", "52w") == (0, "nothing to prune\n", "")
    code, out, _ = ran("journal", "prune", "--run", run, "--json")
    body = json.loads(out)
    assert (code, [one["run"] for one in body["gone"]], body["kept"]) == (0, [run], [])
    code, out, _ = ran("journal", "verify")
    assert code == 0
    assert f"{body['rows']} more pruned" in out
    assert ran("journal", "prune", "--keep", "0")[1] == "nothing to prune\n"


def test_prune_keeps_a_run_that_is_unfinished_and_says_why(ran: Cli) -> None:
    """Named, it is an error; met on the way, it is told."""
    with closing(sqlite3.connect(JOURNAL)) as connection, connection:
        connection.execute("UPDATE rows SET topic = 'x' WHERE topic = 'run.stopped'")
    connection.close()
    (run,) = [one["run"] for one in json.loads(ran("journal", "runs", "--json")[1])]
    code, out, _ = ran("journal", "prune", "--run", run)
    assert code == 1
    assert "stays: has not stopped" in out
    assert ran("journal", "prune", "--keep", "0")[0] == 0


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ((), "say which runs are to go"),
        (("--older-than", "soon"), "write a number and one of"),
        (("--run", "nobody"), "no run 'nobody'"),
        (("--keep", "-1"), "--keep"),
    ],
)
def test_prune_refuses_what_it_does_not_understand(ran: Cli, options: tuple[str, ...], problem: str) -> None:
    """Nothing is removed by mistake."""
    code, _, err = ran("journal", "prune", *options)
    assert code != 0
    assert problem in " ".join(err.split())
    assert json.loads(ran("journal", "verify", "--json")[1])["pruned"] == 0


def test_prune_says_why_the_file_keeps_its_size(capsys: pytest.CaptureFixture[str]) -> None:
    """A run that is being written is not held up."""
    gone = Standing("r", 0.0, 7, "")
    show_pruned(Path("j.db"), Pruned((gone,), (), 7, 2_000_000, 2_000_000, "run 'r2' is being written"), dry=False)
    said = capsys.readouterr()
    assert "removed 1 runs of 7 rows from j.db, 2.0 MB before, 2.0 MB now" in said.out
    assert "keeps its size for now: run 'r2' is being written" in said.err


def test_export_writes_the_canonical_bytes(ran: Cli, folder: Path) -> None:
    """To a file and to stdout: the same lines, sorted keys, one row each."""
    code, out, err = ran("journal", "export", "--out", "run.jsonl")
    assert (code, out) == (0, "")
    assert "wrote run.jsonl" in err
    written = (folder / "run.jsonl").read_text()
    assert written == ran("journal", "export")[1]
    rows = [json.loads(line) for line in written.splitlines()]
    assert rows[0]["topic"] == "run.started"
    assert [path.name for path in folder.glob(".*.jsonl*")] == []
    run = rows[0]["run"]
    assert ran("journal", "export", "--run", run)[1] == written


def test_export_to_a_folder_that_is_not_there_leaves_nothing_behind(ran: Cli) -> None:
    """Exit code 1 and one line."""
    code, _, err = ran("journal", "export", "--out", "nowhere/run.jsonl")
    assert code == 1
    assert "nowhere/run.jsonl: cannot be written" in err


def test_export_that_fails_midway_leaves_nothing_behind(ran: Cli, folder: Path) -> None:
    """A reader never sees half a file."""
    with closing(sqlite3.connect(JOURNAL)) as connection, connection:
        connection.execute("UPDATE rows SET row = CAST('not json' AS BLOB) WHERE sequence = 9")
    connection.close()
    code, _, err = ran("journal", "export", "--out", "run.jsonl")
    assert code == 1
    assert "journal verify" in err
    assert [path.name for path in folder.iterdir() if "jsonl" in path.name] == []


def test_runs_lists_the_runs(ran: Cli) -> None:
    """One line a run, the oldest first."""
    ran("run", "day.plan.yaml")
    runs = json.loads(ran("journal", "runs", "--json")[1])
    assert len(runs) == 2
    assert runs[0]["last_at"] <= runs[1]["first_at"]
    assert runs[0]["run"] in ran("journal", "runs")[1]


def test_an_unknown_run_is_an_error_with_the_known_ones(ran: Cli) -> None:
    """Exit code 1 for whoever asks for it."""
    for command in (["decisions"], ["why", "balance"], ["journal", "export"]):
        code, _, err = ran(*command, "--run", "never")
        assert code == 1
        assert "no run 'never'" in err


def test_without_a_journal_every_reader_says_so(cli: Cli) -> None:
    """Exit code 1 and what to do."""
    for command in (["decisions"], ["why", "x"], ["journal", "verify"], ["journal", "export"], ["journal", "runs"]):
        code, out, err = cli(*command)
        assert (code, out) == (1, "")
        assert "there is no journal" in err


def test_a_file_that_is_no_journal_is_refused(cli: Cli) -> None:
    """Exit code 1, no traceback."""
    code, _, err = cli("journal", "runs", "day.plan.yaml")
    assert code == 1
    assert "not a journal" in err


# -- decisions -------------------------------------------------------------------------------------------------------


def test_decisions_are_listed(ran: Cli) -> None:
    """Who got what, how sure, ahead of whom."""
    code, out, _ = ran("decisions")
    assert code == 0
    assert "ledger-keeper" in out
    assert "nobody: below-threshold" in out
    assert "(pinned)" in out


def test_decisions_as_json_are_full_records(ran: Cli) -> None:
    """JSON Lines; each record holds all candidates."""
    records = [json.loads(line) for line in ran("decisions", "--json")[1].splitlines()]
    assert [record["task"] for record in records] == ["balance", "strange", "rhyme", "rhyme/1"]
    assert {one["name"] for one in records[0]["candidates"]} == {"ledger-keeper", "poet", "grump"}
    assert records[0]["route_s"] > 0


@pytest.mark.parametrize(
    ("filters", "tasks"),
    [
        (["--agent", "poet"], ["rhyme"]),
        (["--abstained"], ["strange"]),
        (["--margin-below", "0.1"], ["strange"]),
        (["--limit", "1"], ["rhyme/1"]),
        (["--since", "2h", "--agent", "poet"], ["rhyme"]),
        (["--since", "2020-01-01", "--agent", "poet"], ["rhyme"]),
        (["--since", "2020-01-01T00:00:00+02:00", "--agent", "poet"], ["rhyme"]),
        (["--since", "2999-01-01"], []),
    ],
)
def test_filters_narrow_the_list(ran: Cli, filters: list[str], tasks: list[str]) -> None:
    """Each filter alone and together."""
    code, out, _ = ran("decisions", "--json", *filters)
    assert code == 0
    assert [json.loads(line)["task"] for line in out.splitlines()] == tasks


def test_no_decision_found_is_said_on_stderr(ran: Cli) -> None:
    """Stdout holds data only."""
    code, out, err = ran("decisions", "--agent", "nobody")
    assert (code, out) == (0, "")
    assert "no decision" in err


def test_a_time_that_is_none_is_a_usage_error(ran: Cli) -> None:
    """Exit code 2 and what to write."""
    code, _, err = ran("decisions", "--since", "yesterday")
    assert code == 2
    assert "2026-01-31" in err


# -- why -------------------------------------------------------------------------------------------------------------


def test_why_shows_words_runner_up_and_fingerprints(ran: Cli) -> None:
    """Everything that decided, from the journal alone."""
    code, out, _ = ran("why", "balance")
    assert code == 0
    for expected in (
        "balance → ledger-keeper",
        "“balance the ledger of the day”",
        "ledger",
        "█",
        "runner-up",
        "threshold",
        "vetoes",
        "router fingerprint",
        "digest of all cards",
    ):
        assert expected in out


def test_why_of_an_abstention_names_the_reason(ran: Cli) -> None:
    """Nobody got it, and how far it was from somebody."""
    out = ran("why", "strange")[1]
    assert "nobody: below-threshold" in out
    assert "missed: the router abstains" in out


def test_a_near_tie_is_told_from_an_unknown_request(cli: Cli, folder: Path) -> None:
    """In the end of the task, in the list and in the explanation: which two it was."""
    (folder / "tie.yaml").write_text("plan: p\ntasks:\n  a: {request: balance poem}\n  b: {request: zzz}\n")
    cli("run", "tie.yaml")
    out = cli("decisions")[1]
    assert "nobody: near-tie of ledger-keeper and poet" in out
    assert "nobody: below-threshold" in out
    out = cli("why", "a")[1]
    assert "nobody: near-tie" in out
    assert "ask which of the two, ledger-keeper or poet" in out
    assert json.loads(cli("why", "a", "--json")[1])["error"] == "the router abstained: near-tie"
    assert "ask which" not in cli("why", "b")[1]


def test_the_error_budget_of_the_settings_is_on_record(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run's router gets the budget, every decision says which was in force, and the explanation shows it."""
    monkeypatch.setattr(
        router, "bundled_router", lambda error_budget, _: KeywordRouter(Calibration(20.0, 0.2, 0.5, error_budget))
    )
    cli("run", "day.plan.yaml")
    assert json.loads(cli("why", "balance", "--json")[1])["decision"]["budget"] is None
    assert "error budget" not in cli("why", "balance")[1]
    monkeypatch.setenv("POINTSMAN_ERROR_BUDGET", "0.05")
    cli("run", "day.plan.yaml")
    assert json.loads(cli("why", "balance", "--json")[1])["decision"]["budget"] == 0.05
    assert "threshold 0.500 (error budget 0.05) reached" in cli("why", "balance")[1]


def test_why_of_a_pinned_task_says_that_nobody_was_asked(ran: Cli) -> None:
    """The submitter decided."""
    assert "its submitter named the agent" in ran("why", "rhyme/1")[1]


def test_why_of_a_task_that_was_never_routed_says_how_it_ended(cli: Cli, folder: Path) -> None:
    """Skipped tasks have an explanation too."""
    plan = "plan: p\ntasks:\n  a: {request: zzz}\n  b: {request: poem, after: a, on_failure: skip}\n"
    (folder / "skip.yaml").write_text(plan)
    cli("run", "skip.yaml")
    code, out, _ = cli("why", "b")
    assert code == 0
    assert "nobody was asked who gets it: 'a', which it waited for, ended as abstained" in out
    assert json.loads(cli("why", "b", "--json")[1])["decision"] is None


def test_why_as_json_holds_the_record(ran: Cli) -> None:
    """The record, the request and the end."""
    body = json.loads(ran("why", "rhyme", "--json")[1])
    assert body["ending"] == "completed"
    assert body["request"] == "write a poem about the ledger"
    assert body["decision"]["chosen"] == "poet"


def test_why_takes_the_latest_run_unless_told_otherwise(ran: Cli) -> None:
    """Two runs have the task; --run asks for the first."""
    first = json.loads(ran("why", "balance", "--json")[1])["run"]
    ran("run", "day.plan.yaml")
    assert json.loads(ran("why", "balance", "--json")[1])["run"] != first
    assert json.loads(ran("why", "balance", "--run", first, "--json")[1])["run"] == first


def test_an_unknown_task_is_an_error_with_a_suggestion(ran: Cli) -> None:
    """Exit code 1; the nearest id is offered."""
    code, out, err = ran("why", "balnce")
    assert (code, out) == (1, "")
    assert "did you mean 'balance'?" in err


def test_a_fallback_is_explained(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The router abstained, the settings decided."""
    monkeypatch.setenv("POINTSMAN_FALLBACK_AGENT", "poet")
    cli("run", "day.plan.yaml")
    assert "the settings send such tasks to poet" in cli("why", "strange")[1]
    assert "poet (fallback)" in cli("decisions")[1]


# -- shadow ----------------------------------------------------------------------------------------------------------


def test_where_the_shadow_disagrees_is_listed(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--disagree` lists those alone, with what the shadow would have done; `why` says it too."""
    shadow = KeywordRouter()
    monkeypatch.setattr("orchestrator.orchestrator.load_shadow", lambda settings: shadow)
    monkeypatch.setattr(shadow, "predict", lambda text, vetoes: KeywordRouter.predict(shadow, f"spring {text}", vetoes))
    cli("run", "day.plan.yaml")
    records = [json.loads(line) for line in cli("decisions", "--json")[1].splitlines()]
    differ = {one["task"] for one in records if "shadow" in one and one["shadow"]["chosen"] != one["choice"]}
    assert "strange" in differ
    listed = [json.loads(line)["task"] for line in cli("decisions", "--disagree", "--json")[1].splitlines()]
    assert set(listed) == differ
    assert "in the shadow" in cli("decisions")[1]
    assert "in the shadow" in cli("why", "strange")[1]


def test_without_a_shadow_nobody_disagrees(ran: Cli) -> None:
    """A note, and no column."""
    code, out, err = ran("decisions", "--disagree")
    assert (code, out) == (0, "")
    assert "no decision in the journal is like that" in err
    assert "in the shadow" not in ran("decisions")[1]
