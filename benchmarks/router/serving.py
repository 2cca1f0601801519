"""What serving costs, of one model: `python -m benchmarks.router.serving --model M --data FILE [--json]`.

A decision is whole: tokenise, score, abstain, make the record. Warm figures are of requests seen before, each pass on
its own clock; the cold ones of a fresh router that meets every request, and most of its words, for the first time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from router import EmbeddingRouter, read_examples

_PASSES: Final = 5
_STARTS: Final = 5

# In a process of its own: nothing is loaded yet, and what is resident afterwards is what serving has added.
_START: Final = """
import json, sys, time

def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096 / 1e6

path, texts = sys.argv[1], sys.stdin.read().splitlines()
before, begun = resident(), time.perf_counter()
import numpy
numpy_s = time.perf_counter()
from router import EmbeddingRouter
import_s = time.perf_counter()
router = EmbeddingRouter.load(path)
load_s = time.perf_counter()
router.predict(texts[0]).to_json()
first_s = time.perf_counter()
for text in texts:
    router.predict(text).to_json()
print(json.dumps({
    "numpy_ms": 1e3 * (numpy_s - begun), "router_ms": 1e3 * (import_s - numpy_s), "load_ms": 1e3 * (load_s - import_s),
    "first_ms": 1e3 * (first_s - load_s), "start_ms": 1e3 * (first_s - begun), "resident_mb": resident() - before,
    "torch": "torch" in sys.modules,
}))
"""


def measure(model: Path, texts: Sequence[str]) -> dict[str, Any]:
    """Return times in microseconds (of decisions) and milliseconds (of the start), megabytes, decisions a second.

    Args:
        model: File that `pointsman train` wrote.
        texts: Requests, at least a hundred for the 99th percentile to mean anything.
    """
    router = EmbeddingRouter.load(model)
    cold = _microseconds(lambda text: router.predict(text).to_json(), texts)
    warm = [_microseconds(lambda text: router.predict(text).to_json(), texts) for _ in range(_PASSES)]
    predict = [_microseconds(router.predict, texts) for _ in range(_PASSES)]
    return {
        "candidates": len(router.names),
        **_percentiles("whole", np.median(warm, axis=0)),
        **_percentiles("whole_least", np.min(warm, axis=0)),
        **_percentiles("whole_cold", cold),
        **_percentiles("predict", np.median(predict, axis=0)),
        **_batch(router, texts),
        **start(model, texts),
        "file_mb": round(model.stat().st_size / 1e6, 2),
    }


def start(model: Path, texts: Sequence[str]) -> dict[str, Any]:
    """Return the median of some fresh processes: import, load, first decision, and the memory after a hundred.

    The first of them may compile the modules and keep that, as an installation does, whatever the environment says.
    """
    compiled = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    lines = "\n".join(" ".join(text.split()) or "?" for text in texts[:100])
    command = [sys.executable, "-c", _START, str(model)]
    runs = [
        json.loads(
            subprocess.run(command, input=lines, capture_output=True, text=True, check=True, env=compiled).stdout
        )
        for _ in range(_STARTS)
    ]
    return {name: round(float(np.median([run[name] for run in runs])), 1) for name in runs[0]}


def _batch(router: EmbeddingRouter, texts: Sequence[str]) -> dict[str, float]:
    """Return decisions a second, one by one and in bulk, the best of some passes."""
    one_by_one = min(_seconds(lambda: [router.predict(text) for text in texts]) for _ in range(_PASSES))
    in_bulk = min(_seconds(lambda: router.predict_many(texts)) for _ in range(_PASSES))
    return {"single_per_s": round(len(texts) / one_by_one), "batch_per_s": round(len(texts) / in_bulk)}


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _microseconds(work: Callable[[str], object], texts: Sequence[str]) -> list[float]:
    taken = []
    for text in texts:
        begun = time.perf_counter_ns()
        work(text)
        taken.append((time.perf_counter_ns() - begun) / 1000)
    return taken


def _percentiles(name: str, taken: Any) -> dict[str, float]:
    return {f"{name}_p{at}_us": round(float(np.percentile(taken, at)), 1) for at in (50, 99)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure one model on the requests of one file and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.router.serving", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="file that `pointsman train` wrote")
    parser.add_argument("--data", type=Path, required=True, help="JSON Lines of {text, label}")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    figures = measure(options.model, [example.text for example in read_examples(options.data)])
    print(json.dumps(figures) if options.json else "\n".join(f"{name:22} {value}" for name, value in figures.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
