"""Help pages, the version, and how fast they come."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.cli.app import make_app

Cli = Callable[..., tuple[int, str, str]]
COMMANDS = [
    [],
    ["demo"],
    ["run"],
    ["test"],
    ["schema"],
    ["golden"],
    ["golden", "review"],
    ["golden", "update"],
    ["record"],
    ["replay"],
    ["fork"],
    ["resume"],
    ["coverage"],
    ["route"],
    ["train"],
    ["eval"],
    ["agents"],
    ["agents", "list"],
    ["agents", "check"],
    ["agents", "new"],
    ["decisions"],
    ["why"],
    ["diff"],
    ["report"],
    ["whatif"],
    ["feedback"],
    ["learn"],
    ["promote"],
    ["rollback"],
    ["models"],
    ["journal"],
    ["journal", "verify"],
    ["journal", "export"],
    ["journal", "runs"],
    ["journal", "prune"],
    ["journal", "recover"],
    ["import"],
    ["import", "xes"],
    ["import", "otel"],
    ["import", "jsonl"],
    ["import", "gherkin"],
    ["export"],
    ["export", "xes"],
    ["export", "otlp"],
    ["export", "jsonl"],
    ["budget"],
    ["inbox"],
    ["answer"],
    ["dead-letters"],
    ["dead-letters", "list"],
    ["dead-letters", "show"],
    ["dead-letters", "retry"],
    ["dead-letters", "drop"],
    ["scan"],
    ["doctor"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_help_page_has_an_example(cli: Cli, monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    """Also in 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = cli(*command, "--help")
    assert code == 0
    before, _, after = out.partition("Example")
    assert before
    assert " ".join(["pointsman", *command]) in after


def test_help_names_every_command(cli: Cli) -> None:
    """The list above is complete."""
    out = cli("--help")[1]
    shown = {
        line.split()[1]
        for line in out.partition("Commands")[2].splitlines()
        if line.startswith("│ ") and line[2] != " "
    }
    assert shown == {command[0] for command in COMMANDS if command}


def test_version(cli: Cli) -> None:
    """Name and number."""
    code, out, _ = cli("--version")
    assert code == 0
    assert out.startswith("pointsman 0.")


def test_no_arguments_show_the_help(cli: Cli) -> None:
    """Whoever types `pointsman` sees what there is; it is a usage error for scripts."""
    code, out, err = cli()
    assert code == 2
    assert "Usage: pointsman" in out + err


def test_an_unknown_command_is_a_usage_error_with_a_suggestion(cli: Cli) -> None:
    """Exit code 2."""
    code, _, err = cli("dmeo")
    assert code == 2
    assert "demo" in err


def test_help_loads_nothing_heavy() -> None:
    """`pointsman --help` stays fast: nothing that only commands need is imported for it."""
    heavy = "{'torch', 'numpy', 'networkx', 'scenarios', 'router', 'agents'}"
    script = (
        f"import sys; from orchestrator.cli import main; main(['--help']); sys.exit(len({heavy} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["diff", "a", "b"], {"diff"}),
        (["journal", "verify"], {"journal"}),
        (["eval"], {"eval"}),
        ([], None),
        (["--settings", "x.yaml", "diff"], None),
        (["dfif"], None),
    ],
)
def test_only_the_command_that_is_called_is_made(arguments: list[str], names: set[str] | None) -> None:
    """All of them where another thing stands first, so that help, completion and suggestions know them."""
    app = make_app(arguments)
    made = {one.name for one in app.registered_commands} | {one.name for one in app.registered_groups}
    assert made == (names or {command[0] for command in COMMANDS if command})


def test_comparing_runs_loads_nothing_that_runs_them(tmp_path: Path) -> None:
    """Beginning is a third of what it takes to compare two runs of a quarter of a million rows."""
    row = b'{"at":1.0,"body":{},"cause":"","id":"1","run":"%b","task":"","topic":"run.ended"}\n'
    for run in (b"a", b"b"):
        (tmp_path / run.decode()).write_bytes(row % run)
    heavy = "{'numpy', 'networkx', 'router', 'agents', 'yaml', 'orchestrator.orchestrator', 'scenarios.recording'}"
    script = (
        f"import sys; from orchestrator.cli import main; code = main(['diff', 'a', 'b', '--json']); "
        f"print(code, {heavy} & sys.modules.keys(), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, check=False, timeout=60)
    assert done.stderr.split() == [b"0", b"set()"]


def test_the_module_is_the_command() -> None:
    """`python -m orchestrator` is `pointsman`."""
    command = [sys.executable, "-m", "orchestrator", "--version"]
    assert subprocess.run(command, capture_output=True, check=True, timeout=60).stdout.startswith(b"pointsman ")
