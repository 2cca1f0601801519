"""One contestant on one set, or one job of ours: each step in a process of its own, one thread, models are kept."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.peers.environments import BENCH, prepare
from benchmarks.peers.harness import MARK
from benchmarks.router.anchors.contestants import ANCHORS, OURS
from benchmarks.router.anchors.pointsman import MODEL
from benchmarks.router.data import DATA, ROOT
from benchmarks.router.places import JOBS, SETS, Run, training_digest
from benchmarks.router.typos import mistype
from orchestrator.clock import seeded_random
from router import read_examples
from router.bundled_model import BUNDLED

_LIMIT_S: Final = 2 * 3600
_SERVINGS: Final = 3
_PATIENCE_S: Final = 120
_TYPOS: Final = 0.1
_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")


def run(python: str, module: str, task: Mapping[str, Any]) -> dict[str, float]:
    """Give one process one task and return its figures.

    Raises:
        RuntimeError: it failed; with the last line of what it said.
    """
    done = subprocess.run(
        [python, "-m", module],
        input=json.dumps(task),
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
        check=False,
        env=_one_thread(),
    )
    answers = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    if done.returncode or not answers:
        raise RuntimeError((done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1])
    figures: dict[str, float] = json.loads(answers[-1].removeprefix(MARK))
    return figures


def measure(what: Run, *, quick: bool = False) -> dict[str, float]:
    """Return all figures of one run: of a job, or of a contestant on a set.

    Raises:
        RuntimeError: its environment cannot be made, or it failed.
    """
    return do_job(what.at, what.seed) if what.at in JOBS else compete(what, quick=quick)


def do_job(name: str, seed: int) -> dict[str, float]:
    """Train the models that a job needs unless they are kept, and do it."""
    models = {needed: str(train(Run(OURS, needed, seed))[0] / MODEL) for needed in JOBS[name].models}
    return run(sys.executable, f"{__package__}.job", {"job": name, "seed": seed, "models": models})


def compete(what: Run, *, quick: bool = False) -> dict[str, float]:
    """Train one contestant on one set unless it is kept, judge it, serve it afresh.

    Of the figures of serving the least of several fresh processes counts: whatever else the machine does only adds.
    `others_load` is the load average just before serving: how much else the machine was doing.
    """
    folder, trained = train(what)
    task = {**_task(what), "folder": str(folder)}
    judged = run(_python(what.who), _module(what.who), {**task, **_asked(what), "step": "judge"})
    load = os.getloadavg()[0]
    served = _serve(what, {**task, "requests": 30 if quick else 300, "step": "serve"}, 1 if quick else _SERVINGS)
    least = {figure: min(one[figure] for one in served) for figure in served[0]}
    return {**trained, **judged, **least, "servings": len(served), "others_load": load}


def _serve(what: Run, task: Mapping[str, Any], times: int) -> list[dict[str, float]]:
    """Serve in some fresh processes; in fewer if that takes minutes, as where every text is embedded at the start."""
    served: list[dict[str, float]] = []
    begun = time.perf_counter()
    while len(served) < times and (not served or time.perf_counter() - begun < _PATIENCE_S):
        served.append(run(_python(what.who), _module(what.who), task))
    return served


def train(what: Run) -> tuple[Path, dict[str, float]]:
    """Return the folder of a trained model and the figures of its training, done now unless it is kept already."""
    folder = kept(what)
    said = folder.with_name(f"{folder.name}.json")
    if not said.exists():
        task = {**_task(what), "folder": str(folder), "step": "train"}
        figures = run(_python(what.who), _module(what.who), task)
        said.write_text(json.dumps(figures), "utf-8")
    figures = json.loads(said.read_text("utf-8"))
    return folder, figures


def kept(what: Run) -> Path:
    """Return where a trained model is kept: its name has the digest of all that it hangs on."""
    name = f"{what.who} {what.at} {what.seed} {training_digest(what.who, what.at)}"
    return (BENCH / "models" / name.replace(" + ", " ").replace(" ", "-")).absolute()


def model_digests(what: Run) -> dict[str, str]:
    """Return 16 hexadecimal characters over each model file of ours that a run has used."""
    if what.who != OURS:
        return {}
    job = JOBS.get(what.at)
    files = {at: kept(Run(OURS, at, what.seed)) / MODEL for at in (job.models if job else (what.at,))}
    if job and job.bundled:
        files["bundled"] = BUNDLED / "router.npz"
    return {at: hashlib.sha256(file.read_bytes()).hexdigest()[:16] for at, file in files.items() if file.exists()}


def _python(who: str) -> str:
    return sys.executable if who == OURS else str(prepare(ANCHORS[who]))


def _module(who: str) -> str:
    return f"{__package__}.anchors.{OURS}" if who == OURS else ANCHORS[who].module


def _task(what: Run) -> dict[str, Any]:
    table_set = SETS[what.at]
    folder = (DATA / table_set.folder).resolve()
    nobodys = str(folder / "oos_train.jsonl") if table_set.nobodys else ""
    return {
        "train": str(folder / table_set.file),
        "nobodys": nobodys,
        "dev": str(folder / "dev.jsonl"),
        "seed": what.seed,
    }


def _asked(what: Run) -> dict[str, str]:
    folder = (DATA / SETS[what.at].folder).resolve()
    unknown = folder / "oos_dev.jsonl"
    return {"unknown": str(unknown) if unknown.exists() else "", "mistyped": str(_mistyped(folder, what.seed))}


def _mistyped(folder: Path, seed: int) -> Path:
    """Write the dev set with ten typos in a hundred words, the same for every contestant."""
    path = (BENCH / f"mistyped-{folder.name}-{seed}.jsonl").absolute()
    rng = seeded_random(seed, "typos")
    rows = [{"text": mistype(e.text, _TYPOS, rng), "label": e.label} for e in read_examples(folder / "dev.jsonl")]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def _one_thread() -> dict[str, str]:
    quiet = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    return {**os.environ, **dict.fromkeys(_THREADS, "1"), **quiet, "PYTHONPATH": str(ROOT)}
