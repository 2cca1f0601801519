"""`python -m benchmarks.chaos`: real kill -9 over complete runs; exit with 1 if anything was lost or done twice."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from typing import Any, get_args

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.chaos.campaign import Campaign, fight
from benchmarks.chaos.cast import Build
from benchmarks.chaos.crash_points import CRASH_POINTS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a campaign, or with --mutants those that must fail beside it, and print what came of it."""
    options = _parser().parse_args(arguments)
    builds: list[Build] = [options.build, *([b for b in get_args(Build) if b != "sound"] if options.mutants else [])]
    reports = [_report(build, options) for build in builds]
    if options.json:
        print(json.dumps(reports, indent=2))
    else:
        Console().print(_table(reports, "SIGTERM" if options.sigterm else "kill -9"))
        for fault in [fault for report in reports for fault in report["faults"] if report["build"] == "sound"][:10]:
            print(fault)
    return 0 if all(report["as_expected"] for report in reports) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="processes to kill (200)")
    parser.add_argument("--tasks", type=int, default=1000, help="tasks of each run, before agents add some (1000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--build", choices=get_args(Build), default="sound", help="the product, or a broken one")
    parser.add_argument("--mutants", action="store_true", help="then the broken ones, each of which must be found out")
    parser.add_argument("--sigterm", action="store_true", help="ask by SIGTERM instead: no attempt may be burnt either")
    parser.add_argument("--json", action="store_true")
    return parser


def _report(build: Build, options: argparse.Namespace) -> dict[str, Any]:
    begun = time.perf_counter()
    sound = build == "sound"
    kills = options.kills if sound else max(options.kills // 10, 20)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(f"killing ({build})", total=kills)
        campaign = fight(
            kills,
            options.tasks,
            options.seed,
            build,
            politely=options.sigterm,
            tell=lambda now: progress.update(bar, completed=now.kills.total()),
        )
    report = _as_object(build, campaign, time.perf_counter() - begun)
    fine = campaign.passed and not (options.sigterm and campaign.burnt)
    return {**report, "as_expected": fine == sound}


def _as_object(build: Build, campaign: Campaign, seconds: float) -> dict[str, Any]:
    return {
        "build": build,
        "kills": campaign.kills.total(),
        "at_crash_points": campaign.kills.total() - campaign.kills[""],
        "crash_points": f"{len(CRASH_POINTS) - len(campaign.missed)} of {len(CRASH_POINTS)}",
        "missed": list(campaign.missed),
        "runs": len(campaign.verdicts),
        "tasks": sum(verdict.tasks for verdict in campaign.verdicts),
        "resumed": sum(verdict.resumed for verdict in campaign.verdicts),
        "attempts": sum(verdict.attempts for verdict in campaign.verdicts),
        "lost": campaign.lost,
        "twice": campaign.twice,
        "burnt": campaign.burnt,
        "faults": campaign.faults,
        "seconds": round(seconds, 1),
    }


def _table(reports: list[dict[str, Any]], title: str) -> Table:
    table = Table(title=title)
    table.add_column("")
    for report in reports:
        table.add_column(report["build"], justify="right")
    counts = "kills at_crash_points crash_points runs tasks resumed attempts lost twice burnt"
    for name in counts.split():
        table.add_row(name.replace("_", " "), *(str(report[name]) for report in reports))
    table.add_row("faults in journals", *(str(len(report["faults"])) for report in reports))
    table.add_row("seconds", *(str(report["seconds"]) for report in reports))
    table.add_row("as expected", *("yes" if report["as_expected"] else "NO" for report in reports))
    return table


if __name__ == "__main__":
    sys.exit(main())
