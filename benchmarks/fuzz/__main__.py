"""`python -m benchmarks.fuzz`: malformed inputs for each parser; exit with 1 if one leaks, dawdles or takes memory.

Each input is to be refused in 100 ms of CPU. One that is as large as it may be and right up to its end cannot be
refused before it is read: for those the bar is half more than a valid one takes, where that is more (`valid ms`).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.fuzz.malformed import malformed
from benchmarks.fuzz.parsers import OURS, Parser, all_parsers

MOST_S: Final = 0.1
MOST_MB: Final = 64.0
#: Finding a fault, and its line, may take half of the reading.
MOST_LATE: Final = 1.5
#: Memory is measured of every so many-th input, and of each that is large: tracing costs several times the parsing.
_TRACED: Final = 10
_LARGE: Final = 50_000
_KEPT: Final = Path(".bench/fuzz")


@dataclass(slots=True)
class Outcome:
    """What became of a parser's inputs.

    Attributes:
        parser: its name.
        inputs, refused, accepted: how many.
        worst_ms: of CPU, for one input.
        valid_ms: the largest valid input.
        late_ms: the worst of those that are as large and wrong at the end.
        peak_mb: of memory, for one input.
        foreign: errors that are not ours, by class, with how many.
        kept: files with inputs that broke a rule.
    """

    parser: str
    inputs: int = 0
    refused: int = 0
    accepted: int = 0
    worst_ms: float = 0.0
    valid_ms: float = 0.0
    late_ms: float = 0.0
    peak_mb: float = 0.0
    foreign: Counter[str] = field(default_factory=Counter)
    kept: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether only our own errors came, in time and in little memory."""
        in_time = self.worst_ms <= 1e3 * MOST_S and self.late_ms <= max(1e3 * MOST_S, MOST_LATE * self.valid_ms)
        return not self.foreign and in_time and self.peak_mb <= MOST_MB


def fuzz(parser: Parser, count: int, seed: int, keep: Path | None = _KEPT) -> Outcome:
    """Feed a parser malformed inputs, and keep those that break a rule."""
    outcome = Outcome(parser.name)
    for number, raw in enumerate(track(malformed(parser.valid, count, seed), parser.name, count, console=_ERRORS)):
        problem = _try(parser, raw, outcome)
        if number % _TRACED == 0 or len(raw) > _LARGE:
            problem = _trace(parser, raw, outcome) or problem
        if problem and keep is not None and len(outcome.kept) < 10:
            keep.mkdir(parents=True, exist_ok=True)
            path = keep / f"{parser.name.replace(' ', '-')}-{seed}-{number}-{problem}.bin"
            path.write_bytes(raw)
            outcome.kept.append(str(path))
    return outcome


def read_largest(parser: Parser, outcome: Outcome) -> None:
    """Measure the largest valid input, and those that are wrong at its end; each the best of three."""
    times = [min(_parse_in(parser, raw, outcome) for _ in range(3)) for raw in parser.largest]
    if times:
        outcome.valid_ms, outcome.late_ms = round(1e3 * times[0], 1), round(1e3 * max(times[1:]), 1)
        for raw in parser.largest:
            _trace(parser, raw, outcome)


def _try(parser: Parser, raw: bytes, outcome: Outcome) -> str:
    outcome.inputs += 1
    seconds = _parse_in(parser, raw, outcome)
    if seconds > MOST_S:  # once more: a collection of garbage or another process may have been in the way
        seconds = min(seconds, _parse_in(parser, raw, Outcome("again")))
    outcome.worst_ms = max(outcome.worst_ms, round(1e3 * seconds, 1))
    return "slow" if seconds > MOST_S else "foreign" if outcome.foreign else ""


def _parse_in(parser: Parser, raw: bytes, outcome: Outcome) -> float:
    given = parser.prepare(raw)
    begun = time.process_time()
    try:
        parser.parse(given)
        outcome.accepted += 1
    except OURS:
        outcome.refused += 1
    except BaseException as error:  # noqa: BLE001 - what is looked for
        outcome.foreign[type(error).__name__] += 1
    return time.process_time() - begun


def _trace(parser: Parser, raw: bytes, outcome: Outcome) -> str:
    tracemalloc.start()
    try:
        _parse_in(parser, raw, Outcome("traced"))
        peak = tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()
    outcome.peak_mb = max(outcome.peak_mb, round(peak, 1))
    return "large" if peak > MOST_MB else ""


_ERRORS: Final = Console(stderr=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz all parsers, or those named, and print a table."""
    command = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    command.add_argument("parsers", nargs="*", help="names; all of them if none is given")
    command.add_argument("--inputs", type=int, default=10_000, help="for each parser (10000)")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--json", action="store_true")
    options = command.parse_args(arguments)
    with all_parsers() as parsers:
        chosen = [parser for parser in parsers if not options.parsers or parser.name in options.parsers]
        outcomes = []
        for parser in chosen:
            outcomes.append(fuzz(parser, options.inputs, options.seed))
            read_largest(parser, outcomes[-1])
    if options.json:
        print(json.dumps([{**asdict(outcome), "passed": outcome.passed} for outcome in outcomes], indent=2))
    else:
        Console().print(_table(outcomes))
    return 0 if outcomes and all(outcome.passed for outcome in outcomes) else 1


def _table(outcomes: Sequence[Outcome]) -> Table:
    table = Table(title="malformed inputs")
    for name in (
        "parser",
        "inputs",
        "refused",
        "accepted",
        "worst ms",
        "valid ms",
        "late ms",
        "peak MB",
        "other errors",
        "passed",
    ):
        table.add_column(name, justify="left" if name == "parser" else "right")
    for one in outcomes:
        foreign = ", ".join(f"{name} {count}" for name, count in one.foreign.items())
        numbers = (one.inputs, one.refused, one.accepted, one.worst_ms, one.valid_ms, one.late_ms, one.peak_mb)
        table.add_row(one.parser, *map(str, numbers), foreign, "yes" if one.passed else "NO")
        for path in one.kept:
            table.add_row(*[""] * 8, path, "")
    return table


if __name__ == "__main__":
    sys.exit(main())
