"""Options that several commands share, each stated once, and the examples at the end of every help page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON to stdout and nothing else.")]
SettingsFile: TypeAlias = Annotated[
    Path | None,
    typer.Option("--settings", metavar="FILE", help="Settings; pointsman.yaml of this folder if not given."),
]
ModelFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--model", "-m", metavar="FILE", help="Router that `pointsman train` wrote; its labels are the candidates."
    ),
]
RouterFile: TypeAlias = Annotated[
    Path | None, typer.Option("--router", metavar="FILE", help="Router to ask instead of the bundled one.")
]
Inputs: TypeAlias = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", metavar="DIR", help="Folder of the inputs; the recorded one if not given."),
]
Run: TypeAlias = Annotated[str, typer.Option("--run", metavar="ID", help="One run only; see `pointsman journal runs`.")]
ErrorBudget: TypeAlias = Annotated[
    float | None,
    typer.Option("--error-budget", metavar="SHARE", help="At most this share of what it routes may be wrong."),
]
BudgetMix: TypeAlias = Annotated[
    Literal["auto", "steady", "shifting"],
    typer.Option("--budget-mix", help="Whether the budget holds where agents are asked for more or less often, too."),
]


BudgetText: TypeAlias = Annotated[
    str,
    typer.Option(
        "--budget",
        metavar="LIMITS",
        help="What the run may use: tokens=100000,cost=2.50; also tasks, attempts, wall_s; none lifts a limit.",
    ),
]


def examples(*lines: str) -> str:
    """Return what a help page ends with."""
    return "\n".join(("Examples:" if len(lines) > 1 else "Example:", *(f"  {line}" for line in lines)))
