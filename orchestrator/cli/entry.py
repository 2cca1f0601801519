"""The entry point: every way a command can end becomes an exit code, and every error one line on stderr."""

from __future__ import annotations

import io
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from orchestrator.cli.console import safe
from orchestrator.errors import DocumentError, PointsmanError

OK: Final = 0
NEGATIVE: Final = 1
USAGE: Final = 2
INTERNAL: Final = 3
REFUSED: Final = 4
#: The budget of a run is used up.
SPENT: Final = 5
INTERRUPTED: Final = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `pointsman` and return its exit code.

    Args:
        arguments: without the program's name; None takes those of the process.
    """
    _tolerate_any_terminal()
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _discard_output()
        return NEGATIVE
    except Exception as error:  # noqa: BLE001 - the last line of defence: people get one line, never a traceback
        return _report(_innermost(error))


def _run(arguments: Sequence[str] | None) -> int:
    from orchestrator.cli.app import make_app

    arguments = sys.argv[1:] if arguments is None else arguments
    code: object = OK
    try:
        make_app(arguments)(args=arguments, prog_name="pointsman")
    except SystemExit as leaving:
        code = leaving.code
    sys.stdout.flush()  # here, where a closed pipe is still ours to handle
    return code if isinstance(code, int) else OK


def _innermost(error: Exception) -> Exception:
    """Return the error inside task groups that wrap a single one."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _report(error: Exception) -> int:
    code = _code_for(error)
    if code == INTERNAL:
        _say(f"this should not have happened: {type(error).__name__}: {error}")
        _say(f"please report it with {_keep_traceback(error)}")
    else:
        _say(str(error))
    return code


def _code_for(error: Exception) -> int:
    if isinstance(error, DocumentError):
        return REFUSED
    if isinstance(error, PointsmanError | OSError):
        return NEGATIVE
    from router.errors import DatasetError, ModelFileError, RouterError  # imports NumPy: only where something failed

    if isinstance(error, DatasetError | ModelFileError):
        return REFUSED
    return NEGATIVE if isinstance(error, RouterError) else INTERNAL


def _say(problem: str) -> None:
    print(f"error: {safe(problem)}", file=sys.stderr)  # noqa: T201 - rich would wrap the line


def _keep_traceback(error: Exception) -> Path:
    descriptor, name = tempfile.mkstemp(prefix="pointsman-error-", suffix=".txt")
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
        file.writelines(traceback.format_exception(error))
    return Path(name)


def _tolerate_any_terminal() -> None:
    """Let a terminal that lacks a character show a question mark instead of ending the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _discard_output() -> None:
    """Point stdout nowhere, so that the interpreter's flush at exit does not meet the closed pipe again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
