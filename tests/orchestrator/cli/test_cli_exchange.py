"""`pointsman import` and `pointsman export`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.scenarios.exchange.test_otlp_http import collecting

Cli = Callable[..., tuple[int, str, str]]

LOG = """\
<log xes.version="1.0">
  <trace><string key="concept:name" value="c1"/>
    <event><string key="concept:name" value="a"/><date key="time:timestamp" value="2026-01-05T09:00:00Z"/></event>
    <event><string key="concept:name" value="b"/><date key="time:timestamp" value="2026-01-05T09:00:00Z"/></event>
  </trace>
</log>
"""
FEATURE = "Feature: f\nScenario: the ledger\nWhen balance the ledger\nThen it balances\n"


@pytest.fixture
def run(ran: Cli) -> str:
    """Return the id of a run whose journal is there to look at."""
    return str(json.loads(ran("journal", "runs", "--json")[1])[0]["run"])


def test_a_log_goes_in_and_comes_out_again(cli: Cli, folder: Path) -> None:
    """The journal is sound, and lists the run; a second export is the same to the byte."""
    (folder / "march 1.xes").write_text(LOG)
    assert cli("import", "xes", "march 1.xes") == (0, "run march-1: 4 rows\n", "")
    assert cli("journal", "verify")[0] == 0
    code, _, err = cli("resume", "march-1")
    assert (code, "run 'march-1' was imported" in err) == (1, True)
    assert cli("export", "xes", "march-1", "--out", "again.xes")[0] == 0
    assert json.loads(cli("import", "xes", "again.xes", "--json")[1]) == {"runs": [{"run": "again", "rows": 4}]}
    cli("export", "xes", "again", "-o", "third.xes")
    assert (folder / "third.xes").read_bytes() == (folder / "again.xes").read_bytes()


def test_a_run_that_is_there_is_not_written_into(cli: Cli, folder: Path) -> None:
    """Exit code 1; another name is fine."""
    (folder / "log.xes").write_text(LOG)
    cli("import", "xes", "log.xes")
    code, _, err = cli("import", "xes", "log.xes")
    assert code == 1
    assert "'log' is in the journal already" in err
    assert cli("import", "xes", "log.xes", "--run", "other")[0] == 0


def test_a_log_that_is_refused_leaves_nothing_behind(cli: Cli, folder: Path) -> None:
    """Its fault is at the very end; exit code 4, with its place."""
    (folder / "log.xes").write_text(LOG.replace("</log>", "<string"))
    code, _, err = cli("import", "xes", "log.xes")
    assert code == 4
    assert "log.xes:7:1" in err or "log.xes:6:" in err
    assert not (folder / ".pointsman").exists()


def test_exported_rows_go_into_another_journal_byte_for_byte(cli: Cli, run: str, folder: Path) -> None:
    """Under their own run."""
    cli("export", "jsonl", run, "--out", "run.jsonl")
    (folder / "other.yaml").write_text("journal: other.db\n")
    code, out, _ = cli("import", "jsonl", "run.jsonl", "--settings", "other.yaml")
    assert (code, out.split(":")[0]) == (0, f"run {run}")
    cli("export", "jsonl", run, "--out", "again.jsonl", "--settings", "other.yaml")
    assert (folder / "again.jsonl").read_bytes() == (folder / "run.jsonl").read_bytes()
    assert cli("why", "balance", "--settings", "other.yaml")[0] == 0
    (folder / "run.jsonl").write_text("")
    code, _, err = cli("import", "jsonl", "run.jsonl", "--settings", "other.yaml")
    assert (code, "it has no row" in err) == (4, True)


def test_a_run_is_exported_as_traces_which_are_imported(cli: Cli, run: str, folder: Path) -> None:
    """To stdout where no file is named."""
    code, out, _ = cli("export", "otlp", run)
    assert code == 0
    (folder / "traces.json").write_text(out)
    rows = 1 + len(json.loads(out)["resourceSpans"][0]["scopeSpans"][0]["spans"])
    assert cli("import", "otel", "traces.json")[1] == f"run traces: {rows} rows\n"
    assert cli("export", "xes", run)[1].count("<trace>") == 4
    assert cli("export", "xes", "traces")[1].count("<trace>") == 1
    assert cli("export", "xes", "nowhere")[0] == 1


def test_a_feature_becomes_scenarios_that_load(cli: Cli, folder: Path) -> None:
    """Into a folder of their own; what is there is not written over."""
    (folder / "f.feature").write_text(FEATURE)
    assert cli("import", "gherkin", "f.feature", "--out", "uat")[1] == "wrote uat/the-ledger.scenario.yaml\n"
    assert cli("test", "uat")[0] == 0
    code, _, err = cli("import", "gherkin", "f.feature", "--out", "uat")
    assert code == 1
    assert "uat/the-ledger.scenario.yaml: there already" in err
    code, out, _ = cli("import", "gherkin", "f.feature", "--out", "new", "--json")
    assert json.loads(out) == {"scenarios": ["new/the-ledger.scenario.yaml"]}


def test_traces_are_sent_to_a_collector_or_written_not_both(
    cli: Cli, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the headers that the environment has; what stands in the way is said, with exit code 1."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=s3cret")
    with collecting() as collector:
        code, out, _ = cli("export", "otlp", run, "--endpoint", collector.url, "--json")
        _, headers, _ = collector.got[0]
    assert (code, json.loads(out)["requests"], headers["api-key"]) == (0, 1, "s3cret")
    code, _, err = cli("export", "otlp", run, "--endpoint", "collector:4318")
    assert (code, "is no URL of a collector" in err) == (1, True)
    assert cli("export", "otlp", run, "--endpoint", "http://a.example", "--out", "x.json")[0] == 2
