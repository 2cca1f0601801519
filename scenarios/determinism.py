"""Owns the examination of a plan for determinism: several runs of it, varied, and what they differ in.

"Workers" are two things. Processes side by side, as of a test runner, share nothing: each run is the same, byte for
byte. Attempts of one agent at the same time (`policy.concurrency`) are another matter: with fewer of them tasks wait
for each other, so moments, ids and the order of rows change. What is promised then is what came of each task.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from orchestrator.agent import Agent
from orchestrator.code_digest import code_of
from orchestrator.errors import PointsmanError
from orchestrator.own_line import OwnLine
from scenarios.changes import Change, changes
from scenarios.divergence import compare
from scenarios.leaks import Leak
from scenarios.rehearsal import Variation, read_found
from scenarios.set_order import ordered_sets
from scenarios.track import FileTrack

#: The first is what the others are compared with, the second the same again.
VARIATIONS: Final = (
    Variation(),
    Variation(),
    Variation(hash_seed=1),
    Variation(hash_seed=2, order="reversed"),
    Variation(order="shuffled"),
    Variation(workers=1),
    Variation(workers=4),
)
#: What nothing here can see.
UNSEEN: Final = (
    "what is read when a module is imported",
    "what is read by extensions written in C (NumPy's own generators, say) without calling Python",
    "what runs in threads that a handler started by itself, and in programs",
    "branches that this plan does not take",
)
_MOST_FILES: Final = 20_000
_MOST_BYTES: Final = 500_000_000
_LIMIT_S: Final = 600
_BOOT: Final = "import sys; sys.path[:] = sys.argv[2:]; from scenarios.rehearsal import main; main(sys.argv[1])"


class DeterminismError(PointsmanError):
    """Raised when a plan cannot be examined: its workspace is too large to copy, or a run of it failed."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What one run did otherwise than the first one.

    Attributes:
        variation: what was otherwise in it.
        task, agent: that it is about; empty where it is about neither.
        where: topic of the row, or `result`.
        change: place in it, with both values.
    """

    variation: Variation
    task: str
    agent: str
    where: str
    change: Change

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        about = {"run": str(self.variation), "task": self.task, "agent": self.agent, "where": self.where}
        return {**about, **self.change.to_json()}


@dataclass(frozen=True, slots=True)
class Run:
    """One of the runs.

    Attributes:
        variation: what was otherwise.
        journal: SHA-256 of its rows.
        results: SHA-256 of what came of each task.
        rows: how many.
        same: whether it did what the first one did, as far as that is promised.
    """

    variation: Variation
    journal: str
    results: str
    rows: int
    same: bool

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            **asdict(self.variation),
            **{name: getattr(self, name) for name in ("journal", "results", "rows", "same")},
        }


@dataclass(frozen=True, slots=True)
class Examination:
    """What came of examining a plan.

    Attributes:
        runs: all of them.
        leaks: what handlers read past their contexts; guesses are there only where runs differ.
        differences: of the runs from the first one, the first of each task in each run.
    """

    runs: tuple[Run, ...]
    leaks: tuple[Leak, ...]
    differences: tuple[Difference, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.leaks and not self.differences


def examine(
    plan: Path,
    *,
    workspace: Path,
    agents: Iterable[Agent],
    settings: Path | None = None,
    router: Path | None = None,
    cassette: Path | None = None,
    variations: tuple[Variation, ...] = VARIATIONS,
) -> Examination:
    """Run a plan several times, each in a process of its own and on a copy of the workspace, and compare.

    Args:
        plan: file of the plan.
        workspace: folder that relative paths in payloads start from; never written to.
        agents: those that are installed, to say where their handlers are.
        settings: file of settings.
        router: a model instead of that of the settings.
        cassette: answers what is read by `context.read`.
        variations: of the runs; the second is the first one again.

    Raises:
        DeterminismError: if the workspace is too large to copy, or a run fails.
    """
    _refuse_large(workspace)
    asked = {
        "plan": str(plan.absolute()), "settings": _absolute(settings), "router": _absolute(router),
        "cassette": _absolute(cassette),
    }  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="pointsman-", ignore_cleanup_errors=True) as parent:
        folders = [Path(parent) / str(number) for number in range(len(variations))]
        for folder, variation in zip(folders, variations, strict=True):
            _rehearse(folder, variation, asked, workspace)
        return _judge(variations, folders, tuple(agents))


def _absolute(path: Path | None) -> str:
    return "" if path is None else str(path.absolute())


def _refuse_large(workspace: Path) -> None:
    files = size = 0
    for folder, _, names in os.walk(workspace):
        for name in names:
            files, size = files + 1, size + (Path(folder) / name).lstat().st_size
            if files > _MOST_FILES or size > _MOST_BYTES:
                problem = f"more than {_MOST_FILES} files or {_MOST_BYTES // 1_000_000} MB, which each run would copy"
                raise DeterminismError(f"{workspace}: {problem}; name a smaller folder with --workspace")


def _rehearse(folder: Path, variation: Variation, asked: Mapping[str, str], workspace: Path) -> None:
    """Have one run in a process of its own; its workspace has the same path each time."""
    folder.mkdir()
    copy = folder.parent / "workspace"
    shutil.copytree(workspace, copy, symlinks=True, ignore_dangling_symlinks=True)
    request = {**asked, "workspace": str(copy), "folder": str(folder), "variation": asdict(variation)}
    command = [sys.executable, "-c", _BOOT, json.dumps(request), *sys.path]
    environment = {**os.environ, "PYTHONHASHSEED": str(variation.hash_seed)}
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise DeterminismError(f"a run ({variation}) was not done within {_LIMIT_S} s; use a smaller plan") from None
    finally:
        shutil.rmtree(copy, ignore_errors=True)
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise DeterminismError(f"a run ({variation}) failed: {last[0] if last else done.returncode}")


def _judge(variations: tuple[Variation, ...], folders: list[Path], agents: tuple[Agent, ...]) -> Examination:
    base, again = folders[0], folders[1]
    found: list[Difference] = []
    leaks: set[Leak] = set(read_found(base)[1])
    ran = set(read_found(base)[2])
    usual = {_about(one) for one in _differences(base, again, variations[1])}
    runs = []
    for variation, folder in zip(variations, folders, strict=True):
        differences = list(_differences(base, folder, variation))
        found += differences if folder is again else [one for one in differences if _about(one) not in usual]
        rows = (folder / "rows.jsonl").read_bytes()
        results = json.dumps(read_found(folder)[0], sort_keys=True).encode()
        digests = hashlib.sha256(rows).hexdigest(), hashlib.sha256(results).hexdigest()
        runs.append(Run(variation, *digests, rows.count(b"\n"), not differences))
        leaks |= {leak for leak in read_found(folder)[1] if not any(_alike(leak, one) for one in leaks)}
    hashed = {one.agent for one in found if one.variation.hash_seed and one.agent}
    kept = {leak for leak in leaks if not leak.guess or leak.agent in hashed}
    kept |= set(_sets(ran, hashed))
    kept |= set(_unknown({one.agent for one in found if one.agent} - {leak.agent for leak in kept}, agents))
    return Examination(tuple(runs), tuple(sorted(kept)), tuple(found))


def _about(one: Difference) -> tuple[str, str]:
    return one.task, one.agent


def _alike(one: Leak, other: Leak) -> bool:
    return (one.agent, one.line, one.what) == (other.agent, other.line, other.what)


def _differences(base: Path, folder: Path, variation: Variation) -> Iterator[Difference]:
    """Yield what a run did otherwise than the first one, as far as the same is promised."""
    if variation.workers is None:
        yield from _rows_differ(base, folder, variation)
        return
    recorded, actual = read_found(base)[0], read_found(folder)[0]
    for task in sorted(recorded.keys() | actual.keys()):
        change = next(changes(recorded.get(task), actual.get(task)), None)
        if change is not None:
            agent = (recorded.get(task) or actual[task])[1]
            yield Difference(variation, task, agent, "result", change)


def _rows_differ(base: Path, folder: Path, variation: Variation) -> Iterator[Difference]:
    rows = base / "rows.jsonl", folder / "rows.jsonl"
    if rows[0].read_bytes() == rows[1].read_bytes():
        return
    found = compare(*map(FileTrack, rows), tolerance=0.0, timing=0.0)
    for one in found.divergences:
        change = (
            one.changes[0]
            if one.changes
            else Change((), one.recorded and one.recorded.id, one.actual and one.actual.id)
        )
        yield Difference(variation, one.task, one.agent, one.topic, change)
    if found.same:
        yield Difference(variation, "", "", "order of rows", Change(("moved",), 0, found.moved_rows))


def _sets(ran: Iterable[tuple[str, int, str]], agents: Iterable[str]) -> Iterator[Leak]:
    """Yield where the functions of these agents that ran go through a set: likely what made runs differ."""
    wanted = set(agents)
    for file, agent in {(file, agent) for file, _, agent in ran if agent in wanted}:
        lines = {line for other, line, who in ran if (other, who) == (file, agent)}
        for line, text in ordered_sets(Path(file), lines):
            yield Leak(agent, OwnLine(file, line), "set order", text, 0, guess=True)


def _unknown(names: Iterable[str], agents: tuple[Agent, ...]) -> Iterator[Leak]:
    """Yield the handlers of agents that did something else without anything found in them."""
    for agent in agents:
        code = code_of(agent) if agent.card.name in names else None
        if code is not None:
            line = OwnLine(code.co_filename, code.co_firstlineno)
            yield Leak(agent.card.name, line, "unknown", "nothing was seen, and yet it differs", 0, guess=True)
