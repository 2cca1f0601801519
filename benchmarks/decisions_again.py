"""Take over 4,036 decisions again from their records: `python -m benchmarks.decisions_again [--check] [--trained]`.

BANKING77 dev, CLINC150 dev and its out-of-scope requests are submitted to one run, and a quarter as many tasks that
wait for others; an agent for each of the 227 intents is known by ten examples of the training set, to the bundled model
or, with `--trained`, to a router trained on just these. What must come out, from the journal alone:

- choice, leader, runner-up, margin and confidence of each decision are those on record;
- the rows of the tasks at another threshold are those of a live run at that threshold, body and all;
- without the agent that got most, leader and choice are those of the router that is told so;
- `why` and `whatif` answer after the model's file is gone.

`--check` fails if one of these does not hold.
"""

from __future__ import annotations

import argparse
import functools
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from benchmarks.again.foresight import foretell
from benchmarks.again.world import RUN, World, live, read_rows, real_world, train_on
from benchmarks.full_path import WORK
from benchmarks.router.data import DATA, ROOT
from orchestrator.journal import Row
from orchestrator.topics import TASK_ROUTED
from orchestrator.whatif import Alternative, Answer, RecordedRun, audit
from router import EmbeddingRouter, Router

_BUNDLED: Final = ROOT / "router" / "bundled" / "router.npz"
_THRESHOLDS: Final = (0.2, 0.4, 0.6, 0.8)
_MOST_UNKNOWN: Final = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, compare, print; return 1 where --check was given and something does not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decisions_again")
    parser.add_argument("--check", action="store_true", help="fail if something does not hold")
    parser.add_argument("--trained", action="store_true", help="train a router first; else the bundled model")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    if not DATA.is_dir():
        print(f"{DATA}: no data; set POINTSMAN_DATA", file=sys.stderr)
        return 2
    WORK.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        wrong = list(_compare(real_world(given.seed), Path(folder), given.seed, trained=given.trained))
    for line in wrong:
        print(f"WRONG: {line}")
    return 1 if wrong and given.check else 0


def _compare(world: World, folder: Path, seed: int, *, trained: bool) -> Iterator[str]:
    """Yield what does not hold."""
    model = folder / "router.npz"
    if trained:
        train_on(world, seed, model)
    else:
        shutil.copyfile(_BUNDLED, model)
    make = functools.partial(EmbeddingRouter.load, model, use_trained_labels=False)
    live(world, folder / "journal.db", make)
    rows = read_rows(folder / "journal.db")
    requests = sum(not task.after for task in world.tasks)
    about = f"{len(world.tasks) - requests} tasks that wait for others, {len(world.clerks)} agents"
    print(f"{requests} requests, {about}: {len(rows)} rows", flush=True)
    yield from _add_up(rows)
    for threshold in _THRESHOLDS:
        yield from _rerun(world, folder, rows, make, threshold)
    yield from _without(world, rows, make)
    model.unlink()
    yield from _without_model(folder, rows)


def _add_up(rows: Sequence[Row]) -> Iterator[str]:
    found = audit(RUN, rows)
    right = found.asked - len(found.faults)
    print(f"recomputed from the record: {right} of {found.asked} decisions agree, {found.judged} with their confidence")
    yield from (f"row {sequence}: {'; '.join(faults)}" for sequence, faults in found.faults.items())
    if found.judged < found.asked:
        yield "some records do not say how scores become a confidence"


def _rerun(
    world: World, folder: Path, rows: Sequence[Row], make: Callable[[], Router], threshold: float
) -> Iterator[str]:
    """Compare what the records say about a threshold with a run at that threshold."""
    journal = folder / f"at-{threshold}.db"
    live(world, journal, make, threshold)
    told = foretell(rows, read_rows(journal), threshold)
    counts = ", ".join(f"{count} {kind}" for kind, count in told.found.counts.items())
    print(f"threshold {threshold}: {counts}; {len(told.found.follows)} tasks after them")
    about = f"{told.foretold} rows foretold, {len(told.wrong)} tasks otherwise"
    print(f"  {about}; {told.untold} rows of tasks of which the records do not tell", flush=True)
    yield from (f"threshold {threshold}, {line}" for line in told.wrong)
    unknown = told.found.counts.get("unknown", 0)
    if unknown > _MOST_UNKNOWN:
        yield f"threshold {threshold}: of {unknown} decisions the record does not tell"


def _without(world: World, rows: Sequence[Row], make: Callable[[], Router]) -> Iterator[str]:
    """Compare what the records say without an agent with what the router says that is told so."""
    chosen = Counter(row.envelope.body["decision"]["chosen"] for row in rows if row.envelope.topic == TASK_ROUTED)
    gone = chosen.most_common(1)[0][0]
    router = make()
    assert isinstance(router, EmbeddingRouter)
    router.add_all(world.profiles)
    alternative = Alternative(without=frozenset({gone}))
    unknown = led = decisions = 0
    for decided in RecordedRun(RUN).hear(rows):
        decisions += 1
        answer, prediction = alternative.answer(decided), router.predict(decided.request, {gone: "gone"})
        led += decided.decision["leader"] == gone
        if answer.kind == "unknown":
            unknown += 1
        elif _decided(answer) != (prediction.leader, "" if prediction.abstained else prediction.choice):
            yield f"without {gone}: {decided.task}: {_decided(answer)} foretold, {prediction[:3]} came"
    print(
        f"without {gone}, which led {led}: {decisions - unknown} of {decisions} decisions foretold, {unknown} unknown"
    )
    if unknown > _MOST_UNKNOWN:
        yield f"without {gone}: of {unknown} decisions the record does not tell"


def _decided(answer: Answer) -> tuple[str, str]:
    return answer.after.leader, answer.after.chosen


def _without_model(folder: Path, rows: Sequence[Row]) -> Iterator[str]:
    """Ask why and what if, where the settings name a model whose file is gone."""
    (folder / "pointsman.yaml").write_text("journal: journal.db\nrouter: router.npz\n", encoding="utf-8")
    task = next(row.envelope.correlation_id for row in rows if row.envelope.topic == TASK_ROUTED)
    for asked in (["why", task], ["decisions"], ["whatif", RUN], ["whatif", RUN, "--threshold", "0.4"]):
        command = [sys.executable, "-m", "orchestrator", *asked, "--json"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
        print(f"without the model's file: pointsman {' '.join(asked)} exits with {done.returncode}", flush=True)
        if done.returncode or not done.stdout:
            yield f"{' '.join(asked)}: {done.stderr.strip()}"


if __name__ == "__main__":
    sys.exit(main())
