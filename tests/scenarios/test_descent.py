"""First causes, beside a reference that shares no code with them: it decodes everything and follows every path."""

from __future__ import annotations

from collections import Counter
from typing import Any

import orjson
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestrator.messages import Envelope
from tests.scenarios.recorded import against, body, envelopes, renumbered

_Name = tuple[str, str, str, int]
HOW = ["gone", "twice", "other", "other end", "astray"]
_ENDS = ("task.completed", "task.failed")


def name_all(rows: list[Envelope]) -> dict[str, _Name]:
    """Return what each row is, by its id: task, kind, subject and which of these."""
    seen: Counter[tuple[str, str, str]] = Counter()
    names = {}
    for row in rows:
        kind = "sent" if row.topic.startswith("agent.") else "ended" if row.topic in _ENDS else row.topic
        key = row.body.get("key", row.body.get("attempt", "")) if row.topic.startswith(("effect", "task.st")) else ""
        agent = row.body["agent"] if row.topic == "registry.agent_registered" else ""
        what = (row.correlation_id, kind, f"{key}{agent}")
        names[row.id] = (*what, seen[what])
        seen[what] += 1
    return names


def parents(rows: list[Envelope], names: dict[str, _Name]) -> dict[_Name, set[_Name]]:
    """Return the parents of each row."""
    found: dict[_Name, set[_Name]] = {}
    last: dict[str, _Name] = {}
    ends: dict[str, _Name] = {}
    waits: dict[str, list[str]] = {}
    for row in rows:
        name, task = names[row.id], row.correlation_id
        above = {names[row.causation_id]} if row.causation_id in names else set()
        above |= {last[task]} if task in last else set()
        above |= {ends[one] for one in waits.get(task, ()) if one in ends}
        found[name] = above - {name}
        if row.topic == "task.submitted":
            waits[task] = list(row.body["task"].get("after", ()))
        if task:
            last[task] = name
        if name[1] == "ended":
            ends[task] = name
    return found


def reference(recorded: list[Envelope], actual: list[Envelope]) -> set[_Name]:
    """Return the rows that differ and that no row leads to which differs, too."""
    names, others = name_all(recorded), name_all(actual)
    one, other = ({table[row.id]: row for row in rows} for rows, table in ((recorded, names), (actual, others)))
    differ = set(one) ^ set(other)
    for name in set(one) & set(other):
        mine, its = one[name], other[name]
        same_cause = names.get(mine.causation_id) == others.get(its.causation_id)
        if not same_cause or mine.topic != its.topic or orjson.dumps(mine.body) != orjson.dumps(its.body):
            differ.add(name)
    links: dict[_Name, set[_Name]] = {}
    for found in (parents(recorded, names), parents(actual, others)):
        for name, above in found.items():
            links.setdefault(name, set()).update(above)
    return {name for name in differ if not differ & ancestors(name, links)}


def ancestors(name: _Name, links: dict[_Name, set[_Name]]) -> set[_Name]:
    """Return all that leads to a row."""
    found: set[_Name] = set()
    waiting = list(links[name])
    while waiting:
        above = waiting.pop()
        if above not in found:
            found.add(above)
            waiting += links.get(above, ())
    return found


def change(rows: list[Envelope], at: int, how: str) -> None:
    """Change the run at a place, as long as it stays one."""
    row = rows[at]
    if how == "gone":
        del rows[at]
    elif how == "twice" and row.correlation_id:
        rows.insert(at + 1, row._replace(id=f"{row.id}-again"))
    elif how == "astray":
        rows[at] = row._replace(causation_id=rows[at - 1].id)
    elif how == "other end" and row.topic == "task.completed":
        rows[at] = row._replace(topic="task.failed", body={**row.body, "error": "no"})
    else:
        body(row)["planted"] = how


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(8, 66), st.sampled_from(HOW)), max_size=4))
@example([(30, "twice"), (32, "astray")])
def test_the_first_causes_are_those_of_the_reference(edits: list[tuple[int, str]]) -> None:
    """Whatever was changed, dropped or doubled, and wherever: the same rows are named, and all of them."""
    rows = envelopes()
    for at, how in edits:
        change(rows, min(at, len(rows) - 1), how)
    rows = renumbered(rows)
    found = against(rows, most=1000)
    hard: list[Any] = [one for one in found.divergences if one.kind not in ("environment", "decision-drifted")]
    wanted = {name for name in reference(envelopes(), rows) if not name[1].startswith(("registry", "run.started"))}
    told = Counter((one.task, "ended" if one.topic in _ENDS else one.topic) for one in hard)
    named = Counter((task, kind) for task, kind, _, _ in wanted)
    assert Counter({_plain(key): count for key, count in told.items()}) == named


def _plain(key: tuple[str, str]) -> tuple[str, str]:
    return (key[0], "sent") if key[1].startswith("agent.") else key
