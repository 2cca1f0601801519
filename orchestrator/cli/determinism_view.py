"""The view of an examination for determinism: its runs, what they differ in, and the lines to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.cli.console import cell, shorten, show, table
from orchestrator.cli.diff_view import sides

if TYPE_CHECKING:
    from pathlib import Path

    from rich.text import Text

    from scenarios.determinism import Difference, Examination, Run
    from scenarios.leaks import Leak

#: So many differences are shown; `--json` has all of them.
_MOST = 10


def show_examination(plan: Path, found: Examination) -> None:
    """Print it for people."""
    columns = ("run", ">rows", "journal", "results", "")
    show(table(columns, map(_run, found.runs)))
    if found.differences:
        titles = ("run", "task", "where", "pointer", "first run", "this run")
        show("", table(titles, map(_difference, found.differences[:_MOST])))
    if found.leaks:
        show("", table(("agent", "line", "what", ">times", "instead"), map(_row, found.leaks)))
    show("", _summary(plan, found))


def as_object(found: Examination) -> dict[str, Any]:
    """Return it as a JSON object."""
    from scenarios.determinism import UNSEEN

    return {
        "ok": found.ok,
        "runs": [run.to_json() for run in found.runs],
        "leaks": [leak.to_json() for leak in found.leaks],
        "differences": [one.to_json() for one in found.differences],
        "unseen": list(UNSEEN),
    }


def _run(run: Run) -> tuple[object, ...]:
    said = cell("same", "green") if run.same else cell("differs", "red")
    return str(run.variation), run.rows, run.journal[:12], run.results[:12], said


def _difference(one: Difference) -> tuple[object, ...]:
    both = sides(one.change.recorded, one.change.actual)
    return str(one.variation), one.task, one.where, one.change.pointer, *both


def _row(leak: Leak) -> tuple[object, ...]:
    what = f"{leak.kind}: {shorten(leak.what, 80)}"
    shown = cell(what).append(" a guess, from its text", "dim") if leak.guess else cell(what)
    return cell(leak.agent, "cyan"), _place(leak), shown, leak.times or "", leak.instead


def _place(leak: Leak) -> str:
    from scenarios.origin import shortest

    return f"{shortest(leak.line.file)}:{leak.line.line}"


def _summary(plan: Path, found: Examination) -> Text:
    from scenarios.determinism import UNSEEN

    if found.ok:
        said = f"{plan}: {len(found.runs)} runs did the same, and no agent read anything past its context"
        return cell(said, "green").append(f"; not seen: {'; '.join(UNSEEN)}", "dim")
    lines, agents = len({leak.line for leak in found.leaks}), len({leak.agent for leak in found.leaks})
    differ = sum(not run.same for run in found.runs)
    said = f"{plan}: {lines} line{'s' if lines != 1 else ''} of {agents} agent{'s' if agents != 1 else ''} to look at"
    return cell(f"{said}; {differ} of {len(found.runs)} runs differ from the first", "red")
