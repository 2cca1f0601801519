"""Record eight agents once and replay them: `python -m benchmarks.replay [--replays 100] [--check]`.

Each of the eight makes three calls with the same prompt, all at the same time, to a loopback server whose answers
differ and take 0 to 50 ms. A replay is offline; it counts if its journal has the bytes of the recorded one.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import orjson

from benchmarks.replay_agents import ADDRESS, GROUPS
from orchestrator.agent import Agent
from orchestrator.journal import JournalReader
from orchestrator.messages import Task
from orchestrator.plan import Plan
from orchestrator.settings import Settings
from orchestrator.testing import FixedRouter
from scenarios.cassette import load_cassette
from scenarios.recording import record
from scenarios.replayed import replay

_SLOWEST_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one group of agents: reads recorded, replays made and those with the recorded bytes, seconds of a replay."""

    group: str
    reads: int
    replays: int
    same: int
    seconds: float


@contextmanager
def server(seed: int) -> Iterator[str]:
    """Serve numbers, each after a while; give the address."""
    numbers, chance = itertools.count(1), random.Random(seed)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            time.sleep(_SLOWEST_S * chance.random())
            body = orjson.dumps({"said": next(numbers)})
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{made.server_port}/"
        made.shutdown()
        thread.join()


def measure(group: str, replays: int, seed: int, folder: Path) -> Outcome:
    """Record a group once, replay it, and compare."""
    agents = GROUPS[group]
    settings = Settings(journal=folder / f"{group}.db", log_format="off")
    with server(seed) as address:
        os.environ[ADDRESS] = address
        recorded = record(_plan(group, agents), settings, agents=agents, router=FixedRouter())
    failed = {name: result.error for name, result in recorded.results.items() if not result.ok}
    if failed:
        raise RuntimeError(f"the recording itself failed: {failed}")
    with JournalReader(settings.journal) as reader:
        before = hashlib.sha256(b"".join(bytes(row.canonical) + b"\n" for row in reader.rows(run=recorded.run)))
    cassette = load_cassette(recorded.cassette)
    begun = time.perf_counter()
    digests = [
        hashlib.sha256(replay(cassette, agents=agents, router=FixedRouter()).journal).hexdigest()
        for _ in range(replays)
    ]
    seconds = (time.perf_counter() - begun) / replays
    return Outcome(group, recorded.reads, replays, digests.count(before.hexdigest()), seconds)


def _plan(group: str, agents: Sequence[Agent]) -> Plan:
    return Plan(group, tuple(Task(f"task-{number}", "ask", agent=one.card.name) for number, one in enumerate(agents)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Record, replay, print; return 1 if a replay differed and `--check` was given."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.replay", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--replays", type=int, default=100, help="of each group (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the server's pauses (default: %(default)s)")
    parser.add_argument("--group", choices=sorted(GROUPS), action="append", help="only this one; may be repeated")
    parser.add_argument("--check", action="store_true", help="exit code 1 unless every replay is the same")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        outcomes = []
        for group in options.group or GROUPS:
            outcome = measure(group, options.replays, options.seed, Path(folder))
            outcomes.append(outcome)
            print(
                f"{outcome.group:<12} {outcome.reads} reads, {outcome.same} of {outcome.replays} replays the same, "
                f"{1000 * outcome.seconds:.0f} ms a replay",
                flush=True,
            )
    return int(options.check and any(outcome.same != outcome.replays for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
