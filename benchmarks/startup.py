"""What it costs to begin: importing the package in a fresh process, loading the router, and one decision."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.agents_and_router import assemble_cast, find_router, profiles

_IMPORT: Final = """
import json, sys, time
begun = time.process_time()
import orchestrator
cost = time.process_time() - begun
torch = sum(name.split(".")[0] == "torch" for name in sys.modules)
print(json.dumps([cost, torch, len(sys.modules)]))
"""


@dataclass(frozen=True, slots=True)
class ImportCost:
    """A cold `import orchestrator`: seconds of CPU, modules in `sys.modules`, those of torch among them."""

    cpu_s: float
    modules: int
    torch_modules: int


@dataclass(frozen=True, slots=True)
class RouterCost:
    """CPU microseconds of one decision and of its reasons, at two percentiles; and loading the model.

    `predict_new_word_p50_us` is for requests that each hold a word which no request before had.
    """

    model: str
    agents: int
    predict_p50_us: float
    predict_p99_us: float
    predict_new_word_p50_us: float
    explain_p50_us: float
    explain_p99_us: float
    load_cpu_s: float


def measure_import(repetitions: int = 5) -> ImportCost:
    """Import the package in fresh processes; the first, which may write byte code, does not count."""
    samples = [_import_once() for _ in range(repetitions + 1)][1:]
    return ImportCost(
        cpu_s=statistics.median(cpu for cpu, _, _ in samples),
        modules=int(samples[0][2]),
        torch_modules=int(max(torch for _, torch, _ in samples)),
    )


def measure_router(decisions: int = 2000, repetitions: int = 5) -> RouterCost:
    """Decide on that many different requests among six agents, then ask for the reasons of each."""
    cast = assemble_cast()
    loads = [_load_once() for _ in range(repetitions)]
    for profile in profiles(cast.agents):
        cast.router.add(profile)
    requests = cast.requests(decisions)
    for text in requests[:200]:
        cast.router.explain(text, cast.router.predict(text).leader)
    predict_us = _times(cast.router.predict, requests)
    new_word_us = _times(cast.router.predict, [f"{text} {number}" for number, text in enumerate(requests)])
    leaders = {text: cast.router.predict(text).leader for text in requests}
    explain_us = _times(lambda text: cast.router.explain(text, leaders[text]), requests)
    return RouterCost(
        model=cast.router_from,
        agents=len(cast.agents),
        predict_p50_us=statistics.median(predict_us),
        predict_p99_us=_p99(predict_us),
        predict_new_word_p50_us=statistics.median(new_word_us),
        explain_p50_us=statistics.median(explain_us),
        explain_p99_us=_p99(explain_us),
        load_cpu_s=statistics.median(loads),
    )


def _times(function: Callable[[str], object], texts: Sequence[str]) -> list[float]:
    taken = []
    for text in texts:
        start = time.thread_time()
        function(text)
        taken.append(1e6 * (time.thread_time() - start))
    return taken


def _import_once() -> tuple[float, float, float]:
    done = subprocess.run([sys.executable, "-c", _IMPORT], check=True, capture_output=True, text=True, timeout=120)
    cpu, torch, modules = json.loads(done.stdout)
    return float(cpu), float(torch), float(modules)


def _load_once() -> float:
    begun = time.process_time()
    find_router()
    return time.process_time() - begun


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]
