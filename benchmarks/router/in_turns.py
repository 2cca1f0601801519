"""A decision beside one of fastText's, in turns: `python -m benchmarks.router.in_turns [--check] [--json]`.

A processor's pace changes by half from one minute to the next, and from one machine to another, so what a decision
takes says little by itself. Here both serve the same requests in processes of their own, a pass of the one, then a pass
of the other, from fresh processes several times, for where a model comes to lie in memory tells too. What counts is how
many times as long ours takes. The bar is that of the table of `docs/router.md` by what fastText took where the bar was
set: 50 µs to 24.5.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Any, Final

from benchmarks.peers.environments import prepare
from benchmarks.router.anchors.contestants import ANCHORS, OURS
from benchmarks.router.anchors.harness import percentile
from benchmarks.router.contest import train
from benchmarks.router.data import DATA, ROOT
from benchmarks.router.places import Run
from router import read_examples

THEIRS: Final = "fasttext"
#: Must, goal, beyond: the bars of the table, in the time that fastText took on the machine of the cited figure.
BARS: Final = tuple(bar / 24.5 for bar in (50, 30, 20))
_SET: Final = "banking77 full"
_REQUESTS: Final = 280
_STARTS: Final = 3
_PASSES: Final = 12
_CLASSES: Final = {
    OURS: ("benchmarks.router.anchors.pointsman", "Pointsman"),
    THEIRS: (ANCHORS[THEIRS].module, "FastText"),
}
_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def measure(seeds: Sequence[int], passes: int = _PASSES) -> dict[str, Any]:
    """Train both for each seed unless that is done already, and let them decide in turns.

    Returns:
        Of each seed what `compare` gives, and the mean of the ratios.

    Raises:
        RuntimeError: fastText cannot be installed, or a process ended early.
    """
    texts = [example.text for example in read_examples(DATA / "banking77" / "dev.jsonl")[:_REQUESTS]]
    python = {OURS: sys.executable, THEIRS: str(prepare(ANCHORS[THEIRS]))}
    seen = []
    for seed in seeds:
        tasks = {}
        for who, (module, name) in _CLASSES.items():
            folder, _ = train(Run(who, _SET, seed))
            tasks[who] = {"module": module, "name": name, "folder": str(folder), "texts": texts}
        seen.append({"seed": seed, **compare(python, tasks, passes)})
    return {"seeds": seen, "ratio": round(statistics.fmean(one["ratio"] for one in seen), 3)}


def compare(python: Mapping[str, str], tasks: Mapping[str, Mapping[str, Any]], passes: int) -> dict[str, float]:
    """Let two contestants decide in turns; the first of the tasks is ours.

    Args:
        python: Of each contestant's environment.
        tasks: Of each, as `anchors.turns` reads it.
        passes: Over the requests from each start, after one that does not count.

    Returns:
        Microseconds of the median request, of each the least of all passes, ours and theirs; the ratio of these; and
        the median of the ratios of a pass to the one after it.

    Raises:
        RuntimeError: A process ended early.
    """
    taken: dict[str, list[list[float]]] = {who: [] for who in tasks}
    for _ in range(_STARTS):
        with ExitStack() as stack:
            serving = {who: stack.enter_context(_serve(python[who])) for who in tasks}
            for who, process in serving.items():
                _say(process, json.dumps(tasks[who]))
                _pass(process)
            for _ in range(passes):
                for who, process in serving.items():
                    taken[who].append(_pass(process))
    ours, theirs = (percentile([min(each) for each in zip(*taken[who], strict=True)], 0.5) for who in tasks)
    by_pass = [percentile(one, 0.5) / percentile(other, 0.5) for one, other in zip(*taken.values(), strict=True)]
    return {
        "ours_us": round(ours, 1),
        "theirs_us": round(theirs, 1),
        "ratio": round(ours / theirs, 3),
        "ratio_of_a_pass": round(statistics.median(by_pass), 3),
    }


def _serve(python: str) -> subprocess.Popen[str]:
    environment = {**os.environ, **dict.fromkeys(_THREADS, "1"), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [python, "-m", "benchmarks.router.anchors.turns"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


def _say(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def _pass(process: subprocess.Popen[str]) -> list[float]:
    assert process.stdout is not None
    with suppress(BrokenPipeError):
        _say(process, "")
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("a contestant ended early; what it said stands above")
    taken: list[float] = json.loads(line)
    return taken


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and with `--check` return 1 if a decision takes more of fastText's time than the bar says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.router.in_turns", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--passes", type=int, default=_PASSES)
    parser.add_argument("--check", action="store_true", help="exit code 1 if the must is missed")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    found = measure(options.seeds, options.passes)
    if options.json:
        print(json.dumps(found))
    else:
        for one in found["seeds"]:
            print("  ".join(f"{name} {value}" for name, value in one.items()))
        bars = ", ".join(f"{level} {bar:.2f}" for level, bar in zip(("must", "goal", "beyond"), BARS, strict=True))
        print(f"times fastText: {found['ratio']:.2f} ({bars})")
    return int(options.check and found["ratio"] > BARS[0])


if __name__ == "__main__":
    sys.exit(main())
