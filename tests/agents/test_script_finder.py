"""How script-finder ranks, what it says about a hit, and what it leaves out."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents import script_finder as module
from agents._words import header, words
from agents.script_finder import FinderInput, FinderReport, script_finder
from orchestrator import AgentError, Task, TaskContext

INPUTS = Path(__file__).parents[2] / "scenarios/library/inputs"


def find(query: str, workspace: Path = INPUTS, folder: str = "release/scripts", top: int = 5) -> FinderReport:
    """Run the agent on a query."""
    context = TaskContext(Task(id="t", request="find something"), workspace=workspace)
    return script_finder(FinderInput(query=query, folder=folder, top=top), context)


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("rotating the web server logs", "rotate_nginx_logs.sh"),
        ("Restart the payment gateway without an outage", "restart_payments.sh"),
        ("drain a worker before patching", "drain_node.sh"),
        ("is last night's backup any good", "verify_backup.py"),
        ("differences between ledgers", "reconcile_ledger.py"),
        ("renewal of certificates", "renew_tls_certificate.sh"),
        ("technical user is locked", "unlock_technical_user.sql"),
        ("messages stuck in a queue", "clear_stuck_queue.sh"),
        ("failover to the second data centre", "failover_database.sh"),
        ("free disk space from old uploads", "purge_temp_files.py"),
        ("load exchange rates", "reload_exchange_rates.py"),
        ("audit trail for the regulator", "export_audit_trail.sql"),
        ("hold the nightly batch", "stop_batch_scheduler.sh"),
        ("mail me when a file system is full", "check_disk_space.sh"),
        ("warm the cache after reboot", "warm_up_cache.sh"),
    ],
)
def test_a_paraphrase_finds_its_script_first(query: str, path: str) -> None:
    """Each bundled script answers to a request that does not repeat its name."""
    assert find(query).hits[0].path == path


def test_a_hit_says_why() -> None:
    """Description, its line, and the query's own spelling of the words that matched."""
    hit = find("rotating logs daily").hits[0]
    assert (hit.rank, hit.line, hit.words) == (1, 2, ("rotating", "logs"))
    assert hit.description == "Rotate and compress the access logs of the web tier, keep fourteen days."
    assert hit.score > 0


def test_an_empty_query_takes_the_request() -> None:
    """What the router read is what is looked for."""
    payload = {"folder": "release/scripts", "top": 1}
    task = Task(id="t", request="Please find the script that drains a node", payload=payload)
    report = asyncio.run(script_finder.handle(task, TaskContext(task, workspace=INPUTS)))
    assert [hit.path for hit in report.hits] == ["drain_node.sh"]
    assert (report.verdict, report.searched) == ("pass", 15)


def test_nothing_found_is_a_warning() -> None:
    """No hit is an answer, not an error."""
    report = find("zeppelin")
    assert (report.verdict, report.hits) == ("warn", ())


def test_equal_scores_come_in_the_order_of_their_paths(tmp_path: Path) -> None:
    """The same folder gives the same answer, whatever order the file system lists."""
    for name in ("c", "a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "job.sh").write_text("# sweep the floor\n")
    assert [hit.path for hit in find("sweep", tmp_path, ".").hits] == ["a/job.sh", "b/job.sh", "c/job.sh"]
    assert len(find("sweep", tmp_path, ".", top=2).hits) == 2


def test_files_that_are_no_scripts_are_skipped_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Binary, odd, huge and linked files are named with the reason; hidden ones are not looked at."""
    monkeypatch.setattr(module, "MAX_FILE", 100)
    (tmp_path / "a.bin").write_bytes(b"sweep\0")
    (tmp_path / "b.txt").write_bytes(b"sweep \xff")
    (tmp_path / "c.sh").write_text("sweep " * 50)
    (tmp_path / "d.sh").symlink_to(tmp_path / "e.sh")
    (tmp_path / "e.sh").write_text("# sweep")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "f.sh").write_text("# sweep")
    report = find("sweep", tmp_path, ".")
    assert [hit.path for hit in report.hits] == ["e.sh"]
    assert [(each.path, each.why) for each in report.skipped] == [
        ("a.bin", "binary"),
        ("b.txt", "not UTF-8 text"),
        ("c.sh", "larger than 100 bytes"),
        ("d.sh", "not a plain file"),
    ]


def test_an_empty_folder_has_no_hits(tmp_path: Path) -> None:
    """Nothing to rank is no error; neither is a file without words."""
    assert find("sweep", tmp_path, ".").searched == 0
    (tmp_path / "a.sh").write_text("!!!")
    (tmp_path / "b.sh").write_text("")
    assert find("sweep", tmp_path, ".").verdict == "warn"


def test_a_file_that_cannot_be_read_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason is the system's."""
    (tmp_path / "a.sh").write_text("# sweep")

    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert find("sweep", tmp_path, ".").skipped[0].why == "Permission denied"


def test_what_it_cannot_work_on_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No words, no folder, a way out of the workspace, too many files, an unreadable folder."""
    for query, folder, message in (
        ("the of", ".", "no word"),
        ("sweep", "nowhere", "no folder"),
        ("sweep", "..", "leads out"),
        ("sweep", "a\0b", "not usable"),
        ("sweep", "x" * 5000, "cannot be read|no folder|not usable"),
    ):
        with pytest.raises(AgentError, match=message):
            find(query, tmp_path, folder)
    (tmp_path / "a.sh").write_text("# sweep")
    monkeypatch.setattr(module, "MAX_FILES", 0)
    with pytest.raises(AgentError, match="more than 0 files"):
        find("sweep", tmp_path, ".")


@pytest.mark.parametrize(
    ("source", "first", "line"),
    [
        ("#!/bin/sh\n# ---\n# Sweep.\necho", "Sweep.", 3),
        ('#!/usr/bin/env python\n"""Sweep.\n\nMore.\n"""\nimport os', "Sweep.", 2),
        ("'''\nSweep it\n'''\n", "Sweep it", 2),
        ("-- Sweep.\nSELECT 1", "Sweep.", 1),
        ("/* Sweep. */", "Sweep.", 1),
        ("/*\n * Sweep.\n */\n", "Sweep.", 2),
        ("@echo off\nREM Sweep.\n", "Sweep.", 2),
        ("echo hi\n# late", "", 0),
        ("", "", 0),
    ],
)
def test_the_description_is_the_first_comment_line_that_says_something(source: str, first: str, line: int) -> None:
    """Shell, Python, SQL, C-like and batch files are read."""
    assert header(source)[1:] == (first, line)


def test_names_are_taken_apart() -> None:
    """CamelCase and snake_case are words; accents stay in them."""
    assert words("rotateLogs drain_node Prüfung k8s") == ["rotate", "logs", "drain", "node", "prüfung", "8"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=40), st.binary(max_size=80))
def test_no_query_and_no_file_make_it_crash(tmp_path: Path, query: str, content: bytes) -> None:
    """AgentError is the only way out beside a report, and twice is the same."""
    (tmp_path / "job.sh").write_bytes(content)
    try:
        first = find(query, tmp_path, ".")
    except AgentError:
        return
    assert first.model_dump_json() == find(query, tmp_path, ".").model_dump_json()
