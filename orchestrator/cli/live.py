"""The live display: a run's tasks as a tree on a terminal, as one line an event elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from orchestrator.cli.console import cell, duration, shorten
from orchestrator.cli.run_view import RunView, TaskView

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console
    from rich.text import Text
    from rich.tree import Tree

_MARKS: Final = {
    "waiting": ("·", "dim"),
    "routed": ("→", "cyan"),
    "running": ("▸", "cyan"),
    "retrying": ("↻", "yellow"),
    "completed": ("✓", "green"),
    "failed": ("✗", "red"),
    "dead_lettered": ("✗", "red"),
    "skipped": ("-", "yellow"),
    "abstained": ("?", "yellow"),
}
_VERDICTS: Final = {"pass": "green", "warn": "yellow", "fail": "red"}


class Display(Protocol):
    """Shows a run while it goes on."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def changed(self, view: TaskView) -> None:
        """Show that this task changed."""
        ...


def display_for(console: Console, run: RunView, title: str) -> Display:
    """Return a tree for a terminal that can redraw and has room for it, lines for everything else."""
    if console.is_interactive and not console.is_dumb_terminal and len(run.tasks) < console.height - 2:
        return TreeDisplay(console, run, title)
    return LineDisplay(console)


class LineDisplay:
    """One line when a task is routed, is tried again, or ends."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass

    def changed(self, view: TaskView) -> None:
        """Print the line, unless the change is not worth one."""
        if view.state not in ("waiting", "running"):
            self._console.print(describe(view), soft_wrap=True)


class TreeDisplay:
    """A tree that is redrawn when a task changes, and stays when the run is over."""

    def __init__(self, console: Console, run: RunView, title: str) -> None:
        from rich.live import Live

        self._run, self._title = run, title
        self._live = Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._draw()
        self._live.stop()

    def changed(self, view: TaskView) -> None:  # noqa: ARG002 - the tree is drawn as a whole
        """Redraw the tree."""
        self._draw()

    def _draw(self) -> None:
        self._live.update(draw_tree(self._run, self._title), refresh=True)


def draw_tree(run: RunView, title: str) -> Tree:
    """Return the tree of all tasks as they stand."""
    from rich.tree import Tree

    below = run.branches()
    root = Tree(cell(title, "bold"), guide_style="dim")
    _grow(root, below, "")
    return root


def _grow(tree: Tree, below: Mapping[str, list[TaskView]], trunk: str) -> None:
    stack = [(tree, trunk)]
    while stack:
        branch, name = stack.pop()
        stack += [(branch.add(describe(view)), view.id) for view in below[name]]


def describe(view: TaskView) -> Text:
    """Return one task on one line: mark, id, agent and confidence, what came of it."""
    mark, style = _MARKS[view.state]
    line = cell(mark, style)
    line.append(" ").append_text(cell(view.id, "bold" if view.state != "waiting" else "dim"))
    if view.agent:
        line.append(" → ", "dim").append_text(cell(view.agent, "cyan"))
        line.append_text(_confidence(view))
    if view.state not in ("waiting", "routed", "completed"):
        line.append(f" {view.state.replace('_', ' ')}", style)
    if view.seconds is not None and view.result is not None:
        line.append(f" {duration(view.seconds)}", "dim")
    line.append_text(_outcome(view))
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def _confidence(view: TaskView) -> Text:
    if view.confidence is not None:
        return cell("").append(f" {view.confidence:.2f}", "magenta")
    policy = (view.decision or {}).get("policy", "")
    return cell("").append(f" {policy}", "dim") if policy else cell("")


def _outcome(view: TaskView) -> Text:
    if view.problem:
        return cell("").append("  ").append_text(cell(shorten(view.problem, 160), "yellow"))
    if view.result is not None and view.result.output is not None:
        summary = summarise(view.result.output, 120)
        verdict = next((word for word in _VERDICTS if summary.startswith(f"{word}: ")), "")
        line = cell("").append("  ").append(verdict, _VERDICTS.get(verdict, ""))
        return line.append(summary.removeprefix(verdict), "dim")
    return cell("")


def summarise(output: Any, limit: int) -> str:
    """Return an output in one line: its verdict and summary where it has them, else its JSON."""
    if isinstance(output, Mapping):
        told = [str(output[key]) for key in ("verdict", "summary") if isinstance(output.get(key), str)]
        if told:
            return shorten(": ".join(told), limit)
    text = output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)
    return shorten(text, limit)
