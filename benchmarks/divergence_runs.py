"""Two synthetic runs that differ where something was planted, as `benchmarks.divergence` compares them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, Final

import orjson

from orchestrator.decision import digest_text
from orchestrator.journal import GENESIS, chain, encode
from orchestrator.journal.schema import open_file
from orchestrator.messages import Envelope

RUNS: Final = ("recorded", "actual")
_AGENTS: Final = tuple(f"agent-{letter}" for letter in "abcdefgh")
#: Tasks of a wave; each waits for two of the wave before.
_WAVE: Final = 200

Change = Callable[[Envelope], Envelope]


# --- the run ----------------------------------------------------------------------------------------------------------


def make_run(run: str, rows: int) -> Iterator[Envelope]:
    """Yield the envelopes of a run: waves of tasks, each of two rows and four more in an order that is mixed."""
    yield from islice(_number(_all(run)), rows)


def _number(facts: Iterator[tuple[str, str, str, dict[str, Any]]]) -> Iterator[Envelope]:
    """Give ids and causes: a cause is named by what it was called when it was yielded."""
    ids: dict[str, str] = {}
    for number, (topic, task, cause, body) in enumerate(facts, start=1):
        name = str(number)
        if topic in ("task.submitted", "task.completed", "task.unlocked", "task.routed", "task.started"):
            ids[f"{topic[5:]} {task}"] = name
        elif topic.startswith("agent."):
            ids[f"sent {task}"] = name
        yield Envelope(name, topic, task, ids.get(cause, ""), 1.7e9 + number / 1000, body)


def _all(run: str) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    yield "run.started", "", "", {"seed": 7, "router": "0" * 16, "schema": 1}
    for name in _AGENTS:
        yield "registry.agent_registered", "", "", {"agent": name, "version": "1", "digest": digest_text(name)}
    rng = random.Random(7)
    before: list[str] = []
    wave = 0
    while True:
        tasks = [f"task-{wave}-{place}" for place in range(_WAVE)]
        after = {task: sorted(rng.sample(before, 2)) if before else [] for task in tasks}
        for task in tasks:
            about = {"id": task, "request": f"do what {task} says", "payload": {"n": wave, "of": task}}
            yield "task.submitted", task, "", {"task": {**about, **({"after": after[task]} if after[task] else {})}}
        yield from _mixed([_life(run, task, after[task], rng) for task in tasks], rng)
        before, wave = tasks, wave + 1


def _mixed(lives: list[Iterator[Any]], rng: random.Random) -> Iterator[Any]:
    """Yield from many iterators, in an order that is mixed but for each of them."""
    while lives:
        at = rng.randrange(len(lives))
        for fact in islice(lives[at], 1):
            yield fact
            break
        else:
            lives[at] = lives[-1]
            lives.pop()


def _life(run: str, task: str, after: list[str], rng: random.Random) -> Iterator[Any]:
    cause = f"submitted {task}"
    if after:
        yield "task.unlocked", task, f"completed {after[-1]}", {"by": after[-1]}
        cause = f"unlocked {task}"
    agent = rng.choice(_AGENTS)
    yield "task.routed", task, cause, {"decision": _decision(run, task, agent, rng)}
    yield f"agent.{agent}", task, f"routed {task}", {"task": task}
    yield "task.started", task, f"sent {task}", {"agent": agent, "attempt": 1}
    output = {"verdict": "pass", "score": rng.random(), "lines": [f"{task} did {n}" for n in range(3)]}
    yield "task.completed", task, f"started {task}", {"agent": agent, "attempts": 1, "output": output}


def _decision(run: str, task: str, agent: str, rng: random.Random) -> dict[str, Any]:
    scores = [round(rng.random(), 6) for _ in _AGENTS]
    return {
        "candidates": {"names": list(_AGENTS), "scores": scores, "versions": ["1"] * len(_AGENTS)},
        "chosen": agent,
        "abstained": None,
        "confidence": max(scores),
        "fingerprint": "0" * 16,
        "task": task,
        "span_id": digest_text(f"{run}/{task}"),
    }


# --- what is planted --------------------------------------------------------------------------------------------------


def change_one(row: Envelope) -> tuple[Envelope, str]:
    """Return a row that differs in one value, and the pointer to that."""
    body = orjson.loads(orjson.dumps(row.body))
    keys = {
        "task.submitted": ("task", "payload", "n"),
        "task.unlocked": ("by",),
        "task.routed": ("decision", "confidence"),
        "task.started": ("agent",),
        "task.completed": ("output", "lines", 1),
    }.get(row.topic, ("task",))
    where: Any = body
    for key in keys[:-1]:
        where = where[key]
    where[keys[-1]] = 2.0 if row.topic == "task.routed" else "planted"
    return row._replace(body=body), "/".join(("/body", *map(str, keys)))


def plant(rows: Sequence[Envelope], changes: dict[int, Change], run: str) -> list[bytes]:
    """Return the rows of the second run as bytes, some of them changed; keys are places counted from 0."""
    return [encode(run, changes[at](row) if at in changes else row) for at, row in enumerate(rows)]


def three_branches(rows: Sequence[Envelope], root: int) -> tuple[list[int], int]:
    """Return the ends of a task and of two that wait for it, each on a branch of its own, from a place on.

    Returns:
        Places of the three, the root first; and the place of one more that follows from the second of them.
    """
    ends = {row.correlation_id: at for at, row in enumerate(rows) if row.topic == "task.completed"}
    waits: dict[str, list[str]] = {}
    for row in rows:
        for task in row.body["task"].get("after", ()) if row.topic == "task.submitted" else ():
            waits.setdefault(task, []).append(row.correlation_id)
    for at in range(root, len(rows)):
        task = rows[at].correlation_id
        below = [other for other in waits.get(task, ()) if other in ends]
        if rows[at].topic == "task.completed" and len(below) >= 2:
            further = [other for other in waits.get(below[0], ()) if other in ends and other not in waits[below[1]]]
            if further:
                return [at, ends[below[0]], ends[below[1]]], ends[further[0]]
    raise RuntimeError("the run is too small for three branches")


def with_one_more(rows: Sequence[Envelope], at: int) -> list[bytes]:
    """Return the rows with one more of the run, which shifts all ids after it."""
    more = Envelope(str(at + 1), "run.noted", "", "", rows[at].at, {"planted": True})
    shifted = {str(number): str(number + 1) for number in range(at + 1, len(rows) + 1)}
    after = (
        row._replace(id=shifted[row.id], causation_id=shifted.get(row.causation_id, row.causation_id))
        for row in rows[at:]
    )
    return [encode(RUNS[1], row) for row in (*rows[:at], more, *after)]


# --- writing ----------------------------------------------------------------------------------------------------------


def write_journal(path: Path, runs: dict[str, Sequence[bytes]]) -> None:
    """Write runs into a journal, one after the other."""
    connection = open_file(path, "os-crash-may-lose")
    with closing(connection):
        connection.execute("BEGIN")
        last, sequence = GENESIS, 0
        for run, rows in runs.items():
            for row in rows:
                sequence, last = sequence + 1, chain(last, row)
                seen = orjson.loads(row)
                values = (sequence, run, seen["topic"], seen["task"], row, last, b"")
                connection.execute("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?)", values)
        connection.execute("INSERT OR REPLACE INTO head (only, sequence, hash) VALUES (1, ?, ?)", (sequence, last))
        connection.execute("COMMIT")
