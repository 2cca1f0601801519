"""The view of a judgement: what was said of a task, in words; shared by `feedback`, `why` and `decisions`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.cli.console import cell

if TYPE_CHECKING:
    from rich.text import Text

    from orchestrator.judgement import Judgement


def view_word(judgement: Judgement) -> Text:
    """Return what was said of a task, in words."""
    word = judgement.word
    line = cell("right", "green") if word.right else cell("wrong", "red")
    if word.should_be:
        line.append(", should be ").append_text(cell(word.should_be, "cyan"))
    return line.append_text(cell(f" ({word.note})", "dim")) if word.note else line
