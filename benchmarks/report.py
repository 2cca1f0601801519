"""A report of 262,000 rows: `python -m benchmarks.report [--rows N] [--keep FOLDER] [--json FILE] [--check]`.

A synthetic run of tasks that wait for each other, with retries, faults, failures, abstentions and twenty candidates in
every decision, is written into an SQLite journal. `pointsman report` makes its page in a process of its own, whose time
and peak resident set are taken. Where there is a Chromium, the page is opened from the disk and timed until all of its
sections are filled.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import orjson

from benchmarks.bars import Bar, judge, musts_missed
from benchmarks.command_child import CHILD
from benchmarks.full_path import WORK
from benchmarks.work import require
from orchestrator.decision import digest_text
from orchestrator.journal import GENESIS, chain, encode
from orchestrator.journal.schema import open_file
from orchestrator.messages import Envelope
from router.prediction import choose
from tests.scenarios.html.chromium import Chromium, find_browser

ROWS: Final = 262_000
#: Seconds of CPU decide: what else runs on the machine adds to those of the wall.
BARS: Final = (Bar("CPU s", 30.0), Bar("seconds", 30.0, "goal"), Bar("peak MB", 500.0), Bar("page MB", 10.0))
_AGENTS: Final = tuple(f"agent-{n:02}" for n in range(20))
_WORDS: Final = [
    "please",
    "check",
    "the",
    "payment",
    "of",
    "account",
    "balance",
    "card",
    "transfer",
    "why",
    "was",
    "my",
    "refund",
    "late",
    "which",
    "limit",
    "does",
    "apply",
    "today",
    "rate",
    "exchange",
    "blocked",
    "lost",
    "stolen",
    "new",
    "order",
    "statement",
    "month",
    "currency",
    "top",
    "up",
    "fee",
    "charge",
    "twice",
    "pending",
    "declined",
    "cash",
]
_WAVE: Final = 250
_RUN: Final = "20261126T000000-bench"
_SECTIONS: Final = ("timeline", "decisions", "graph", "events")
Fact = tuple[str, str, dict[str, Any], dict[str, float] | None]


@dataclass(frozen=True, slots=True)
class Load:
    """What one report took.

    Attributes:
        rows: of the run.
        journal_mb: size of the journal.
        seconds: of the whole process, its start included.
        cpu_s: the same in seconds of CPU.
        peak_mb: its largest resident set.
        page_mb: size of the page.
        opened_s: until Chromium had filled every section; None where there is none.
    """

    rows: int
    journal_mb: float
    seconds: float
    cpu_s: float
    peak_mb: float
    page_mb: float
    opened_s: float | None


def make_rows(count: int) -> Iterator[Envelope]:
    """Yield the envelopes of a run, each caused by the last one of its task."""
    last: dict[str, str] = {}
    for number, (topic, task, body, measured) in enumerate(islice(_facts(), count), start=1):
        cause = last.get(task, "") if task else ""
        last[task] = str(number)
        yield Envelope(str(number), topic, task, cause, 1.7e9 + number * 0.0123457, body, measured)


def _facts() -> Iterator[Fact]:
    rng = random.Random(5)
    yield "run.started", "", {"seed": 5, "router": "0" * 16, "schema": 1}, None
    for name in _AGENTS:
        about = {
            "agent": name,
            "version": "1",
            "code": digest_text(name),
            "digest": digest_text(name * 2),
            "policy": {},
        }
        yield "registry.agent_registered", "", about, None
    before: list[str] = []
    for wave in range(1_000_000):
        tasks = [f"case-{wave}/step-{place}" for place in range(_WAVE)]
        for task in tasks:
            after = {"after": sorted(rng.sample(before, 2))} if before and rng.random() < 0.5 else {}
            request = " ".join(rng.choices(_WORDS, k=rng.randint(6, 14)))
            about = {"id": task, "request": request, "payload": {"case": rng.randrange(10**6)}, **after}
            yield "task.submitted", task, {"task": about}, None
        lives = [_life(task, rng) for task in tasks]
        while lives:
            at = rng.randrange(len(lives))
            fact = next(lives[at], None)
            if fact is None:
                lives[at] = lives[-1]
                lives.pop()
            else:
                yield fact
        before = tasks


def _life(task: str, rng: random.Random) -> Iterator[Fact]:
    decision = _decision(task, rng)
    timing = {"predict_s": rng.random() / 1e4, "explain_s": rng.random() / 1e4, "route_s": rng.random() / 1e3}
    if decision["chosen"] is None:
        yield "task.abstained", task, {"decision": decision}, timing
        return
    agent = decision["chosen"]
    yield "task.routed", task, {"decision": decision}, timing
    yield f"agent.{agent}", task, {"task": task}, None
    for attempt in range(1, 4):
        yield "task.started", task, {"agent": agent, "attempt": attempt}, None
        handled = {"handle_s": rng.expovariate(20)}
        if rng.random() < 0.02:
            yield (
                "fault.injected",
                task,
                {"fault": 0, "kind": "error", "agent": agent, "attempt": attempt, "call": 1},
                None,
            )
        if rng.random() < 0.95:
            output = {
                "verdict": rng.choice(("pass", "fail")),
                "score": rng.random(),
                "lines": [f"{task} did {attempt}"],
            }
            yield "task.completed", task, {"agent": agent, "attempts": attempt, "output": output}, handled
            return
        error = f"the service said {rng.choice((500, 502, 503))} to {task}"
        if attempt == 3:
            yield "task.dead_lettered", task, {"agent": agent, "attempts": 3, "error": error, "cause": "error"}, handled
        else:
            about = {"agent": agent, "attempt": attempt, "error": error, "cause": "error", "delay_s": 0.5}
            yield "task.retried", task, about, handled


def _decision(task: str, rng: random.Random) -> dict[str, Any]:
    scores = [round(rng.gauss(0, 0.1), 6) for _ in _AGENTS]
    best, second = sorted(range(len(scores)), key=scores.__getitem__, reverse=True)[:2]
    sure = round(min(0.999, 0.44 + 4 * (scores[best] - scores[second])), 6)
    other = round((1 - sure) * rng.random() * 0.8, 6)
    choice = choose(_AGENTS[best], sure, other, 0.45)
    chosen = choice if isinstance(choice, str) else None
    words = rng.choices(_WORDS, k=10)
    return {
        "abstained": None if isinstance(choice, str) else choice.reason,
        "attribution": [[word, round(rng.gauss(0, 0.05), 6)] for word in words],
        "budget": None,
        "candidates": {"names": _AGENTS, "scores": scores, "versions": ["1"] * len(_AGENTS), "why_not": {}},
        "choice": chosen,
        "chosen": chosen,
        "confidence": sure,
        "fallback": None,
        "fingerprint": "0" * 16,
        "input_digest": digest_text(task),
        "leader": _AGENTS[best],
        "margin": round(scores[best] - scores[second], 6),
        "policy": "learned",
        "propensity": 1.0,
        "registry_digest": "1" * 16,
        "runner_up": _AGENTS[second],
        "runner_up_confidence": other,
        "seed": 5,
        "span_id": digest_text(f"{task}/span"),
        "task": task,
        "threshold": 0.45,
        "trace_id": digest_text(task) * 2,
        "vetoes": {},
    }


def write_journal(path: Path, rows: int) -> None:
    """Write the run as a journal writes it, but all of it in one transaction."""
    path.unlink(missing_ok=True)
    connection = open_file(path, "os-crash-may-lose")
    with closing(connection):
        connection.execute("BEGIN")
        last = GENESIS
        for sequence, envelope in enumerate(make_rows(rows), start=1):
            canonical = encode(_RUN, envelope)
            last = chain(last, canonical)
            measured = orjson.dumps(envelope.measured) if envelope.measured else None
            row = (sequence, _RUN, envelope.topic, envelope.correlation_id, canonical, last, measured)
            connection.execute("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        connection.execute("INSERT OR REPLACE INTO head (only, sequence, hash) VALUES (1, ?, ?)", (rows, last))
        connection.execute("COMMIT")


def measure(folder: Path, rows: int) -> Load:
    """Write a run, make its page, open it."""
    folder = folder.absolute()  # the command runs in it
    journal, page = folder / "journal.db", folder / "report.html"
    write_journal(journal, rows)
    environment = {**os.environ, "POINTSMAN_JOURNAL": str(journal), "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, "-c", CHILD, "report", _RUN, "--out", str(page)]
    begun = time.perf_counter()
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=600, check=False
    )
    seconds = time.perf_counter() - begun
    require(done.returncode == 0, done.stderr)
    cpu_s, peak_mb = map(float, done.stderr.splitlines()[-1].split())
    size = page.stat().st_size / 1e6
    return Load(rows, journal.stat().st_size / 1e6, seconds, cpu_s, peak_mb, size, _open(page, folder))


def _open(page: Path, folder: Path) -> float | None:
    browser = find_browser()
    if browser is None:
        return None
    with Chromium(browser, folder / "profile") as chromium:
        begun = time.perf_counter()
        chromium.open(page)
        for name in _SECTIONS:
            chromium.show(f"#r0-{name}")
        seconds = time.perf_counter() - begun
        require(not chromium.complaints, f"the browser complains: {chromium.complaints}")
        require(chromium.requests == [page.absolute().as_uri()], f"the page asked for {chromium.requests}")
        return seconds


def _shown(value: object) -> str:
    return "no browser here" if value is None else f"{value:,.2f}" if isinstance(value, float) else f"{value:,}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and judge if asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--keep", type=Path, help="write the journal and the page here, and leave them")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a bar is missed")
    given = parser.parse_args(arguments)
    if given.keep is not None:
        given.keep.mkdir(parents=True, exist_ok=True)
        load = measure(given.keep, given.rows)
    else:
        WORK.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=WORK, ignore_cleanup_errors=True) as folder:
            load = measure(Path(folder), given.rows)
    for name, value in asdict(load).items():
        print(f"{name:11} {_shown(value)}")
    if given.json is not None:
        given.json.write_text(json.dumps(asdict(load), indent=2) + "\n")
    figures = {"CPU s": load.cpu_s, "seconds": load.seconds, "peak MB": load.peak_mb, "page MB": load.page_mb}
    verdicts = judge(figures, peers=False, bars=BARS)
    for verdict in verdicts:
        bar = verdict.bar
        print(f"{'ok' if verdict.passed else 'MISSED':6} {bar.figure}: at most {bar.limit:g} ({bar.level})")
    return int(given.check and bool(musts_missed(verdicts)))


if __name__ == "__main__":
    sys.exit(main())
