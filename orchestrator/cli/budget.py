"""`pointsman budget`: what a run used, beside what it may, as its journal says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import session
from orchestrator.cli.console import cell, note, print_json, show, table
from orchestrator.cli.options import AsJson, SettingsFile, examples

if TYPE_CHECKING:
    from rich.text import Text

    from orchestrator.ledger import Balance

EXAMPLES = examples("pointsman budget", "pointsman budget 20261125T224930-3f1a --json")


def budget(
    run: Annotated[
        str, typer.Argument(metavar="[RUN]", help="Id of the run; the latest of the journal if not given.")
    ] = "",
    *,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Say what a run, its agents, and the tasks that have a budget used; exit with 5 if that of the run is used up."""
    from orchestrator.cli.entry import SPENT
    from orchestrator.recount import recount
    from orchestrator.topics import RUN_STARTED

    with session.open_journal(settings_file) as reader:
        session.check_run(reader, run)
        run = run or next((row.run for row in reversed([*reader.rows(topics=(RUN_STARTED,))])), "")
        balances = recount(reader.rows(run=run)).ledger.balances(0.0) if run else ()
    if as_json:
        print_json({"run": run or None, "budgets": [balance.to_json() for balance in balances]})
    elif balances:
        show(cell(f"run {run}", "dim"), table(("budget of", *_COLUMNS.values()), map(_row, balances)))
    else:
        note("no run is in the journal")
    raise typer.Exit(SPENT if balances and balances[0].shortage is not None else 0)


_COLUMNS = {"tasks": ">tasks", "attempts": ">attempts", "wall_s": ">seconds", "tokens": ">tokens", "cost": ">cost"}


def _row(balance: Balance) -> list[object]:
    return [f"{balance.scope} {balance.name}".strip(), *_cells(balance)]


def _cells(balance: Balance) -> Iterator[Text]:
    from orchestrator.budget import worded

    for resource, spent in balance.spent.items():
        limit = balance.limits.get(resource)
        style = "" if limit is None else "red" if spent >= limit else "green"
        yield cell(worded(resource, spent) + ("" if limit is None else f" of {worded(resource, limit)}"), style)
