"""Measurement: what a router does on labelled requests; shared by `route --data`, `train --dev` and `eval`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from orchestrator.cli.console import show, table
from orchestrator.cli.progress import Bar

if TYPE_CHECKING:
    from router import Examination, Router

_SHARES: Final = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "selective_accuracy": "accuracy where it did not abstain",
    "abstention_rate": "abstained on",
    "ece": "calibration error (ECE)",
}


def evaluate_file(router: Router, data: Path) -> dict[str, float]:
    """Return what a router does on the labelled requests of a file, with a bar meanwhile.

    Raises:
        DatasetError: if the file is refused.
    """
    from router import evaluate, read_examples

    labelled = read_examples(data)
    with Bar(f"measuring on {data.name}", len(labelled)) as bar:
        return evaluate(router, labelled, _clock_that_counts(bar)).to_json()


def examine_file(router: Router, data: Path, out_of_scope: Path | None) -> Examination:
    """Return all that the labelled requests of a file, and those for nobody, say of a router, with a bar meanwhile.

    Raises:
        RouterError: if a file is refused.
    """
    from router import examine, read_examples, read_out_of_scope

    labelled = read_examples(data)
    nobodys = () if out_of_scope is None else read_out_of_scope(out_of_scope)
    with Bar(f"measuring on {data.name}", len(labelled)) as bar:
        return examine(router, labelled, _clock_that_counts(bar), nobodys)


def _clock_that_counts(bar: Bar) -> Callable[[], int]:
    """Return a clock of nanoseconds that is read before and after each decision and moves the bar between two."""
    from orchestrator.clock import stopwatch

    before = False

    def read() -> int:
        nonlocal before
        before = not before
        if before:
            bar.advance()
        return round(stopwatch() * 1e9)

    return read


def show_figures(figures: dict[str, float]) -> None:
    """Print the figures of an evaluation."""
    show(table((f"{figures['examples']:.0f} requests", ""), in_words(figures)))


def in_words(figures: dict[str, float]) -> list[tuple[str, str]]:
    """Return the figures of an evaluation for people: what, and how much."""
    rows = [(label, f"{figures[name]:.1%}") for name, label in _SHARES.items()]
    return [*rows, ("a decision takes", f"{figures['p50_us']:.0f} µs (median), {figures['p99_us']:.0f} µs (p99)")]
