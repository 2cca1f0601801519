"""Tables for people, from the same JSON that goes into files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table


def print_kernel(report: Mapping[str, Any]) -> None:
    """Print the rows, the single figures and the bars of a kernel report."""
    console = Console()
    if report["quick"]:
        console.print("[bold]--quick: tiny sizes, one repetition: these figures mean nothing[/]")
    console.print(_rows(report), _single_figures(report), _bars(report))


def print_peers(results: Mapping[str, Any]) -> None:
    """Print what the peers cost, with Pointsman beside them; and whoever is missing."""
    console = Console()
    table = Table(title="CPU µs per unit (times bare asyncio in the same process)")
    rows = ("publish", "fan_out", "request", "graph")
    for heading in ("framework", *rows):
        table.add_column(heading)
    for contestant in results["contestants"]:
        name = f"{contestant['name']} {contestant['version']}"
        measured = contestant.get("rows")
        if not measured:
            table.add_row(name, f"[bold red]NOT MEASURED: {contestant['problem']}[/]")
            continue
        table.add_row(name, *(_cell(measured[row]) for row in rows))
        for extra in (row for row in measured if row not in rows):
            table.add_row(f"  {extra.replace('_', ' ')}", "", "", "", _cell(measured[extra]))
    console.print(table)
    for name, value in results["comparison"].items():
        console.print(f"{name}: {value:.2f}")


def _cell(row: Mapping[str, Any]) -> str:
    return f"{row['cpu_us']:,.1f} ({row['ratio']:.3g}x)"


def _rows(report: Mapping[str, Any]) -> Table:
    table = Table(title="CPU µs per unit (times bare asyncio)")
    for heading in ("row", "unit", "asyncio", "typed floor", "pointsman"):
        table.add_column(heading)
    for row in report["rows"]:
        cells = [
            _cell({"cpu_us": row["cpu_us"][who], "ratio": row["ratio"][who]})
            for who in ("asyncio", "typed floor", "pointsman")
        ]
        table.add_row(row["name"], f"{row['unit']} ({row['units']:,})", *cells)
    return table


def _single_figures(report: Mapping[str, Any]) -> Table:
    router, startup = report["router"], report["import"]
    table = Table(title="single figures", show_header=False)
    for size, row in report["flatness"].items():
        cell = _cell({"cpu_us": row["cpu_us"]["pointsman"], "ratio": row["ratio"]["pointsman"]})
        table.add_row(f"publish, {int(size):,} events", f"CPU µs per event: {cell}")
    decides = f"p50 {router['predict_p50_us']:.0f} µs, p99 {router['predict_p99_us']:.0f} µs"
    table.add_row(f"router ({router['model']}), CPU of one decision among {router['agents']} agents", decides)
    table.add_row("router, one with a word never met before", f"p50 {router['predict_new_word_p50_us']:.0f} µs")
    table.add_row(
        "router, the reasons of one", f"p50 {router['explain_p50_us']:.0f} µs, p99 {router['explain_p99_us']:.0f} µs"
    )
    table.add_row("router, loading", f"{router['load_cpu_s']:.3f} s CPU")
    torch = f"{startup['torch_modules']} of torch"
    table.add_row("import orchestrator", f"{startup['cpu_s']:.3f} s CPU, {startup['modules']} modules, {torch}")
    table.add_row("one fsync on the journal's disk", f"{1e3 * report['fsync_s']:.2f} ms wall")
    return table


def _bars(report: Mapping[str, Any]) -> Table:
    table = Table(title="bars")
    for heading in ("figure", "measured", "at most", "level", ""):
        table.add_column(heading)
    for bar in report["bars"]:
        value = "not measured" if bar["value"] is None else f"{bar['value']:.3g}"
        verdict = "[green]pass[/]" if bar["passed"] else "[bold red]MISSED[/]"
        table.add_row(bar["figure"], value, f"{bar['limit']:g}", bar["level"], verdict)
    return table
