"""An event log as large as a bank's, by way of the journal and back: `python -m benchmarks.exchange [--check]`.

The log is made here, in the proportions of BPI Challenge 2012: 13,087 cases of 262,200 events, in a third of the cases
events at the same moment, and lists in some. It is written as XES, imported, exported and read again: `--check` fails
unless cases, events, their order and all attributes are the same.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from benchmarks.full_path import WORK
from orchestrator.journal import JournalReader
from scenarios.exchange.journal import write_run
from scenarios.exchange.xes import log_of_rows, rows_of_log
from scenarios.exchange.xes_reader import Part, read_xes

CASES: Final = 13_087
EVENTS: Final = 262_200
_RUN: Final = "log"
_HEAD: Final = """\
<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1.0" xes.features="nested-attributes" xmlns="http://www.xes-standard.org/">
  <extension name="Time" prefix="time" uri="http://www.xes-standard.org/time.xesext"/>
  <global scope="event"><date key="time:timestamp" value="1970-01-01T00:00:00.000+00:00"/></global>
  <classifier name="Activity" keys="concept:name lifecycle:transition"/>
"""


def log(cases: int, events: int, seed: int = 0) -> Iterator[str]:
    """Yield the text of a log."""
    draw = random.Random(seed)
    yield _HEAD
    for case, count in enumerate(_counts(draw, cases, events)):
        tied = draw.random() < 1 / 3
        yield f'<trace><string key="concept:name" value="{173_688 + case}"/>'
        yield f'<int key="amount" value="{draw.randrange(99_999)}"/>'
        for event in range(count):
            yield _event(draw, event // 2 if tied else event)
        yield "</trace>\n"
    yield "</log>\n"


def _counts(draw: random.Random, cases: int, events: int) -> list[int]:
    """Return how many events each case has, one at least: few have many."""
    weights = [draw.expovariate(1.0) for _ in range(cases)]
    scale = (events - cases) / sum(weights)
    counts = [1 + int(weight * scale) for weight in weights]
    for case in range(events - sum(counts)):
        counts[case % cases] += 1
    return counts


def _event(draw: random.Random, minute: int) -> str:
    stamp = f"2011-10-{1 + minute // 1440 % 28:02}T{minute // 60 % 24:02}:{minute % 60:02}:44.546+02:00"
    who = draw.randrange(10_000, 12_000)
    name = draw.choice(("A_SUBMITTED", "A_PARTLYSUBMITTED", "W_Completeren aanvraag &amp; bellen", "O_SENT"))
    notes = '<list key="notes"><values><string key="note" value="a"/></values></list>' if draw.random() < 0.05 else ""
    return (
        f'<event><string key="org:resource" value="{who}"/><string key="lifecycle:transition" value="COMPLETE"/>'
        f'<string key="concept:name" value="{name}"/><date key="time:timestamp" value="{stamp}"/>{notes}</event>'
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Write, import, export, compare; return 1 where --check was given and the logs differ."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.exchange")
    parser.add_argument("--check", action="store_true", help="fail if the logs differ")
    parser.add_argument("--cases", type=int, default=CASES)
    parser.add_argument("--events", type=int, default=EVENTS)
    given = parser.parse_args(arguments)
    WORK.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=WORK) as name:
        same = _round_trip(Path(name), given.cases, given.events)
    return 1 if given.check and not same else 0


def _round_trip(folder: Path, cases: int, events: int) -> bool:
    first, journal, again = folder / "log.xes", folder / "journal.db", folder / "again.xes"
    with first.open("w", encoding="utf-8") as file:
        file.writelines(log(cases, events))
    begun = time.process_time()
    rows = write_run(journal, _RUN, rows_of_log(first))
    imported = time.process_time()
    with JournalReader(journal) as reader, again.open("w", encoding="utf-8") as file:
        file.writelines(log_of_rows(row.envelope for row in reader.rows(run=_RUN)))
    exported = time.process_time()
    with JournalReader(journal) as reader:
        verified = reader.verify().rows
    counts, differing = _compare(read_xes(first), read_xes(again))
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{counts['case']} cases, {counts['event']} events: {rows} rows, {verified} verified")
    print(
        f"imported in {imported - begun:.1f} CPU-s, exported in {exported - imported:.1f}; {megabytes:.0f} MB at most"
    )
    print(f"{differing} parts differ")
    return not differing and (counts["case"], counts["event"]) == (cases, events)


def _compare(one: Iterator[Part], other: Iterator[Part]) -> tuple[dict[str, int], int]:
    """Return how many parts of each kind there are, and how many differ."""
    counts = {"log": 0, "case": 0, "event": 0, "loose": 0}
    differing = 0
    for before in one:
        counts[before.kind] += 1
        differing += before != next(other, None)
    return counts, differing + sum(1 for _ in other)


if __name__ == "__main__":
    sys.exit(main())
