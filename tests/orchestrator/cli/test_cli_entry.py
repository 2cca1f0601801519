"""How commands end: every error is one line on stderr and an exit code of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.cli import session
from orchestrator.cli.entry import main
from router import RouterError

Cli = Callable[..., tuple[int, str, str]]


def _failing_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(session, "open_settings", fail)


def test_a_defect_keeps_its_traceback_in_a_file(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 3; people get two lines, the report gets everything."""
    _failing_with(RuntimeError("boom [red]\x1b[31m"), monkeypatch)
    code, out, err = cli("agents", "list")
    assert (code, out) == (3, "")
    assert "RuntimeError: boom [red][31m" in err
    found = re.search(r"report it with (\S+)", err)
    assert found is not None
    kept = Path(found[1])
    try:
        assert "Traceback (most recent call last)" in kept.read_text()
    finally:
        kept.unlink()


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (RouterError("no such agent"), 1, "error: no such agent\n"),
        (PermissionError(13, "Permission denied", "f"), 1, "error: [Errno 13] Permission denied: 'f'\n"),
        (ExceptionGroup("group", [RouterError("inside")]), 1, "error: inside\n"),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(32, "Broken pipe"), 1, ""),
    ],
)
def test_each_error_has_its_exit_code(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, line: str
) -> None:
    """One line, or none where people know themselves."""
    _failing_with(error, monkeypatch)
    assert cli("agents", "list") == (code, "", line)


def test_ctrl_c_outside_a_command_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while the command line is still loading."""

    def interrupt(arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("orchestrator.cli.entry._run", interrupt)
    assert main([]) == 130


def test_settings_that_are_refused_are_exit_code_4(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """File and environment alike."""
    Path("pointsman.yaml").write_text("sede: 1\n")
    code, _, err = cli("decisions")
    assert code == 4
    assert err.startswith("error: pointsman.yaml:1:1: unknown key 'sede'")
    Path("pointsman.yaml").unlink()
    monkeypatch.setenv("POINTSMAN_SEDE", "1")
    code, _, err = cli("decisions")
    assert code == 4
    assert "POINTSMAN_SEDE is no setting" in err


def test_a_reader_that_leaves_early_is_met_with_silence() -> None:
    """`pointsman agents list | head -0`: no traceback, whatever was left to write."""
    command = [sys.executable, "-m", "orchestrator", "--help"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 1
