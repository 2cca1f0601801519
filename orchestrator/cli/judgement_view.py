"""The view of a judgement: what was said of a task, in words; shared by `feedback`, `why` and `decisions`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.cli.console import cell

if TYPE_CHECKING:
    from rich.text import Text

    from orchestrator.judgement import Judgement


def view_word(judgement: Judgement) -> Text:
    """Return what was said of a task, in words."""
    line = cell("right", "green") if judgement.right else cell("wrong", "red")
    if judgement.should_be:
        line.append(", should be ").append_text(cell(judgement.should_be, "cyan"))
    return line.append(" ").append_text(cell(f"({judgement.note})", "dim")) if judgement.note else line
