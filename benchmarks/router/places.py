"""Places: the sets that everybody learns, the jobs that only we do, and the digest of what each figure hangs on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.router.anchors.contestants import ANCHORS, OURS, SEEDLESS
from benchmarks.router.data import DATA, ROOT
from router.bundled_model import BUNDLED


class TableSet(NamedTuple):
    """Texts to learn from: the folder of a set, the file, and whether requests for nobody are learnt as well."""

    folder: str
    file: str
    nobodys: bool = False


class Job(NamedTuple):
    """What only we do.

    Attributes:
        modules: Of `benchmarks.router`: the one whose ``figures`` does it, and those that it hangs on.
        data: The sets whose texts it reads.
        models: The sets of which it needs a trained model.
        bundled: Whether it needs the model that ships.
        seeded: Whether a seed means anything to it.
    """

    modules: tuple[str, ...]
    data: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    bundled: bool = False
    seeded: bool = True

    @property
    def module(self) -> str:
        """Return the full name of the module that does it."""
        return f"benchmarks.router.{self.modules[0]}"


SETS: Final = {
    **{
        f"{name} {part}": TableSet(name, file)
        for name in ("banking77", "clinc150")
        for part, file in (("full", "train.jsonl"), ("train_10", "train_10.jsonl"))
    },
    "clinc150 full + oos": TableSet("clinc150", "train.jsonl", nobodys=True),
}
JOBS: Final = {
    "error-budget": Job(
        ("error_budget",), ("banking77", "clinc150"), ("banking77 full", "clinc150 full", "clinc150 full + oos")
    ),
    "new-agents": Job(("new_agents", "error_budget"), ("banking77",)),
    "tools": Job(("tools",), ("toole",), bundled=True),
    "feedback": Job(("feedback",), ("banking77",)),
    "off-policy": Job(("off_policy", "feedback"), ("banking77",), seeded=False),
    "reasons": Job(("reasons",), ("banking77",), ("banking77 full",)),
    "many-agents": Job(("many_agents",), bundled=True, seeded=False),
}


class Run(NamedTuple):
    """One thing to measure: who, where, with which seed."""

    who: str
    at: str
    seed: int


def plan(places: Sequence[str], contestants: Sequence[str], seeds: Sequence[int]) -> list[Run]:
    """Return what is to be measured, once each: anchors only where they can take part, seeds only where they matter."""
    return [
        Run(who, at, seed)
        for who in contestants
        for at in places
        if takes_part(who, at)
        for seed in (seeds if is_seeded(who, at) else (0,))
    ]


def takes_part(who: str, at: str) -> bool:
    """Return whether a contestant is measured there: jobs are ours, and so is learning from requests for nobody."""
    return who == OURS or (at in SETS and not SETS[at].nobodys)


def is_seeded(who: str, at: str) -> bool:
    """Return whether another seed may give other figures."""
    return who not in SEEDLESS and (at not in JOBS or JOBS[at].seeded)


def training_digest(who: str, at: str) -> str:
    """Return 12 hexadecimal characters over what a trained model hangs on: code, versions, texts."""
    table_set = SETS[at]
    folder = DATA / table_set.folder
    files = [folder / table_set.file, *([folder / "oos_train.jsonl"] if table_set.nobodys else [])]
    return _digest([*_code(who), *files], repr(ANCHORS.get(who)))


def digest(who: str, at: str) -> str:
    """Return 12 hexadecimal characters over what a figure hangs on: the models, what they are asked, who measures."""
    here = ROOT / "benchmarks" / "router"
    if at in JOBS:
        job = JOBS[at]
        texts = [file for name in job.data for file in sorted((DATA / name).glob("*.json*"))]
        files = [*_code(who), *(here / f"{module}.py" for module in job.modules), *texts]
        models = [training_digest(OURS, needed) for needed in job.models]
        return _digest([*files, *([BUNDLED / "router.npz"] if job.bundled else [])], *models)
    asked = sorted((DATA / SETS[at].folder).glob("*dev.jsonl"))
    return _digest([here / "anchors" / "harness.py", here / "typos.py", *asked], training_digest(who, at))


def _code(who: str) -> list[Path]:
    here = ROOT / "benchmarks" / "router" / "anchors"
    if who == OURS:
        return [
            here / "pointsman.py",
            *sorted((ROOT / "router").rglob("*.py")),
            BUNDLED / "base.npz",
        ]
    name = ANCHORS[who].module.rsplit(".", 1)[-1]
    return [here / f"{name}.py", here / "minilm_encoder.py"]


def _digest(files: Iterable[Path], *more: str) -> str:
    found = hashlib.sha256(repr(more).encode())
    for file in files:
        found.update(hashlib.sha256(file.read_bytes() if file.is_file() else b"").digest())
    return found.hexdigest()[:12]
