"""Seeds: the same training from several random beginnings, how far the models lie apart, and which one is kept."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from orchestrator.cli.console import table
from orchestrator.cli.measurement import evaluate_file

if TYPE_CHECKING:
    from rich.table import Table

    from orchestrator.settings import Settings
    from router.trained_model import TrainedModel


def in_order(seeds: str, seed: int | None) -> list[int]:
    """Return the seeds of an option, `0,1,2`.

    Args:
        seeds: the option.
        seed: the other option, which must not be given beside it.
    """
    if seed is not None:
        raise typer.BadParameter("give either --seed or --seeds", param_hint="--seeds")
    try:
        found = list(dict.fromkeys(int(part) for part in seeds.split(",")))
    except ValueError:
        raise typer.BadParameter(f"{seeds!r} is no list of whole numbers, as in 0,1,2", param_hint="--seeds") from None
    if len(found) < 2:
        raise typer.BadParameter(f"{seeds!r} names one seed; name several, or use --seed", param_hint="--seeds")
    return found


def keep_best(
    each: Mapping[int, TrainedModel], dev: Path | None, settings: Settings
) -> tuple[TrainedModel, list[dict[str, Any]]]:
    """Return the model with the best held-out accuracy, of equal ones the first, and what is known of each.

    The kept one's held-out accuracy flatters it, and `dev` decides nothing, so that its figures do not.

    Args:
        each: the models, by seed.
        dev: labelled requests to measure each on.
        settings: choose the error budget.
    """
    from orchestrator.router_of_run import budget_of
    from router import EmbeddingRouter

    best = max(each, key=lambda seed: each[seed].manifest.metrics["held_out_accuracy"])
    budget, mix = budget_of(settings)
    rows: list[dict[str, Any]] = []
    for seed, model in each.items():
        served = EmbeddingRouter(model.manifest, model.arrays, error_budget=budget, budget_mix=mix)
        figures = None if dev is None else evaluate_file(served, dev)
        rows.append({"seed": seed, "kept": seed == best, "held_out": model.manifest.metrics, "dev": figures})
    return each[best], rows


def several_in_words(rows: list[dict[str, Any]]) -> Table:
    """Return a table of the seeds, with mean and standard deviation below."""
    on_dev = rows[0]["dev"] is not None
    figures = [[row["held_out"]["held_out_accuracy"], *([row["dev"]["accuracy"]] if on_dev else [])] for row in rows]
    columns = list(zip(*figures, strict=True))
    lines = [
        (row["seed"], *(f"{value:.2%}" for value in found), "kept" if row["kept"] else "")
        for row, found in zip(rows, figures, strict=True)
    ]
    lines.append(("mean", *(f"{statistics.mean(column):.2%}" for column in columns), ""))
    lines.append(("spread", *(f"{100 * statistics.stdev(column):.2f} points" for column in columns), ""))
    return table(("seed", ">held-out accuracy", *((">accuracy on --dev",) if on_dev else ()), ""), lines)
