"""The view of a decision: its words as bars, its runner-up, its candidates; shared by `why`, `route` and `demo`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from orchestrator.cli.console import bar, cell, shorten, table

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

_BAR_WIDTH: Final = 24
_WORD_WIDTH: Final = 30
_MOST_CANDIDATES: Final = 5


def view_decision(decision: Mapping[str, Any]) -> Iterator[Text | Table]:
    """Yield what the router weighed, from the record of a decision that it was asked for."""
    if decision["leader"]:
        yield from _words(decision["attribution"], decision["leader"])
        yield cell("")
        yield from _comparison(decision)
    if decision["candidates"]:
        yield cell("")
        yield _candidates(decision["candidates"])


def _words(attribution: Sequence[Sequence[Any]], leader: str) -> Iterator[Text]:
    parts = [(shorten(word, _WORD_WIDTH), weight) for word, weight in attribution if word]
    yield cell(f"What each word adds to the score of {leader}:", "bold")
    strongest = max((abs(weight) for _, weight in parts), default=0.0) or 1.0
    width = max((len(word) for word, _ in parts), default=0)
    for word, weight in parts:
        line = cell("").append("  ").append_text(cell(word)).append(" " * (width - len(word)))
        blocks = bar(abs(weight) / strongest, _BAR_WIDTH)
        yield line.append(f" {weight:+.3f} ", "dim").append(blocks, "green" if weight >= 0 else "red")
    if not parts:
        yield cell("  none: no word of it is known", "dim")


def _comparison(decision: Mapping[str, Any]) -> Iterator[Text]:
    sure, least = decision["confidence"], decision["threshold"]
    verdict = "reached" if sure >= least else "missed: the router abstains"
    budget = decision.get("budget")  # records of older runs have none
    why = "" if budget is None else f" (error budget {budget:g})"
    yield cell(f"confidence {sure:.3f}, threshold {least:.3f}{why} {verdict}")
    if decision["runner_up"]:
        yield cell(f"runner-up {decision['runner_up']}, behind by {decision['margin']:.3f}")
    if decision.get("abstained") == "near-tie":
        both = sure + decision["runner_up_confidence"]
        yield cell(
            f"near tie, together {both:.3f}: ask which of the two, {decision['leader']} or {decision['runner_up']}"
        )
    if decision.get("policy") == "replaced":
        yield cell(f"the run is a fork, and was told to send it to {decision['chosen']}")
    if decision.get("fallback"):
        yield cell(f"the settings send such tasks to {decision['fallback']}")


def _candidates(candidates: Sequence[Mapping[str, Any]]) -> Table:
    shown = candidates[:_MOST_CANDIDATES]
    more = len(candidates) - len(shown)
    rows = [
        (one["rank"], one["name"], one["version"], f"{one['score']:.3f}", _eligible(one), one["why_not"])
        for one in shown
    ]
    made = table((">rank", "candidate", "version", ">score", "eligible", "why not"), rows)
    made.caption = f"and {more} more, see --json" if more else None
    made.caption_justify = "left"
    return made


def _eligible(candidate: Mapping[str, Any]) -> str:
    return "yes" if candidate["eligible"] else "no"
