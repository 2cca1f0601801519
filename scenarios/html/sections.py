"""Sections: what a report says of a run without any script: verdict, figures, heat maps, versions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson

from scenarios.html.figures import by_agent, confusion, hand_overs, rivals, statuses
from scenarios.html.inert import inert
from scenarios.html.parts import NOTHING, heat, seconds, section, table, tiles
from scenarios.html.story import Story
from scenarios.html.work import STATUSES

if TYPE_CHECKING:
    from scenarios.coverage import Dimension

_MOST_ODD: Final = 50
_HEAT: Final = (
    "The darker a cell, the more often; the number stands in it. Hand-overs go along what tasks wait for, and to the"
    " tasks that agents add."
)
_BUDGETS: Final = (
    "p50 and p95 of attempts: as measured by the wall clock, and in the time of the run, which is virtual in scenarios"
    " and recordings. Tokens and cost are what handlers said they spent."
)
_MOST_MISSING: Final = 20
_COVERAGE: Final = (
    "What this run alone exercised of the installed agents, and of what the engine knows; `pointsman coverage` says it"
    " of a whole suite."
)
_REDACTION: Final = (
    "What stands in the rows in the place of secrets: the same pseudonym for the same secret. Nothing in this page"
    " comes from elsewhere than the rows."
)
_VERSIONS: Final = "What must be the same for the same run to come out: seed, router, and the code of each agent."


def verdict(story: Story, name: str, compared: str) -> str:
    """Return what came of a run in one sentence, in figures, and what did not complete."""
    work, counts = story.work, statuses(story.work)
    total = sum(counts.values())
    kind, sentence = _sentence(story, counts, total)
    at = story.events.at
    asked = sum(1 for value in story.choices.columns["sure"] if value >= 0)
    walls = sum(value for value in work.attempts.wall_s if value == value)
    facts: list[tuple[str, object]] = [
        ("tasks completed", f"{counts.get('completed', 0)} of {total}"),
        ("attempts", len(work.attempts.task)),
        ("decisions by the router", asked),
        ("to nobody", sum(1 for value in story.choices.columns["chosen"] if value < 0)),
        ("faults injected", len(work.attempts.faults)),
        ("time of the run", seconds(at[-1] - at[0]) if len(at) else NOTHING),
        ("in handlers, by the wall", seconds(walls)),
        ("rows", len(at)),
    ]
    parts = [f'<p class="verdict {kind}">{sentence}</p>', compared, tiles(facts)]
    odd = story.odd_tasks()
    if odd:
        parts.append(_odd(story, odd))
    return section(name, "Verdict", "", *parts)


def _sentence(story: Story, counts: dict[str, int], total: int) -> tuple[str, str]:
    if not total:
        return "bad", "✗ The run has no tasks."
    stop = story.provenance.stopped
    reason = stop.get("reason") if stop else None
    stopped = f" A budget stopped the run: {inert(_compact(reason))}." if reason else ""
    open_end = "" if stop is not None else " No row says that the run stopped: it goes on, or was cut off."
    if story.whole:
        return "good", f"✓ All {total} tasks completed.{stopped}{open_end}"
    others = ", ".join(f"{count} {name.replace('_', '-')}" for name, count in counts.items() if name != "completed")
    return (
        "bad",
        f"✗ {total - counts.get('completed', 0)} of {total} tasks did not complete: {others}.{stopped}{open_end}",
    )


def _odd(story: Story, odd: list[int]) -> str:
    work, ids, agents = story.work, list(story.work.tasks.ids), list(story.work.agents)
    tasks = work.tasks
    rows = (
        (
            ids[at],
            STATUSES[tasks.status[at]].replace("_", "-"),
            agents[tasks.agent[at]] if tasks.agent[at] >= 0 else "nobody",
            tasks.attempts[at],
            tasks.error.get(at, ""),
        )
        for at in odd[:_MOST_ODD]
    )
    more = f", the first {_MOST_ODD} of {len(odd)}" if len(odd) > _MOST_ODD else ""
    return table(f"What did not complete{more}", ("task", "became", "agent", ">attempts", "error"), rows)


def heat_maps(story: Story, name: str) -> str:
    """Return who gave work to whom, who led before whom, and where a task went that should have gone elsewhere."""
    maps = [
        ("From agent to agent: hand-overs", hand_overs(story.work), "to", "from"),
        ("Rivals: who led, and who came second", rivals(story.choices, story.work.agents), "second", "led"),
        (
            "Confusion: who should have got it, as people said, and who did",
            confusion(story.work),
            "went to",
            "should be",
        ),
    ]
    drawn = [heat(caption, pairs, across, down) for caption, pairs, across, down in maps if pairs]
    return section(name, "Edges and confusion", _HEAT, *drawn) if drawn else ""


def budgets(story: Story, name: str) -> str:
    """Return times, attempts and spending of each agent, and the limits of the run."""
    rows = [
        (
            one.agent, one.tasks, one.completed, one.attempts, one.repeated, one.faults, seconds(one.p50_s),
            seconds(one.p95_s), seconds(one.recorded_p50_s), seconds(one.recorded_p95_s),
            one.tokens or NOTHING, one.cost or NOTHING,
        )
        for one in by_agent(story.work)
    ]  # fmt: skip
    counts = (">tasks", ">completed", ">attempts", ">repeated", ">faults")
    columns = ("agent", *counts, ">p50, wall", ">p95, wall", ">p50, run", ">p95, run", ">tokens", ">cost")
    limits = story.provenance.begun.get("budget")
    said = f"<p>The run may use: {inert(_compact(limits))}</p>" if limits else ""
    return section(name, "Budgets and times", _BUDGETS, table("By agent", columns, rows), said) if rows else ""


def coverage(dimensions: Sequence[Dimension], name: str) -> str:
    """Return what a run exercised of what there is, and what it did not."""
    rows = [
        (one.name, f"{len(one.exercised)} of {one.total}", f"{one.percent:.0f}%", _named(one.missing))
        for one in dimensions
        if one.total
    ]
    shown = table("Exercised and not exercised", ("what", ">exercised", ">share", "not exercised"), rows)
    return section(name, "Coverage", _COVERAGE, shown) if rows else ""


def redaction(story: Story, name: str) -> str:
    """Return how often each rule of redaction was applied; nothing where the run was not redacted."""
    ledger = story.ledger
    if not ledger.profile:
        return ""
    rows = [(rule, times, ledger.different(rule)) for rule, times in ledger.times.most_common()]
    said = f"<p>Profile: {inert(ledger.profile)}. Rows with pseudonyms: {ledger.rows} of {len(story.events)}.</p>"
    shown = table("Pseudonyms by rule", ("rule", ">times", ">different"), rows) if rows else ""
    return section(name, "Redaction ledger", _REDACTION, said, shown)


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_MISSING} more" if len(names) > _MOST_MISSING else ""
    return (", ".join(names[:_MOST_MISSING]) + more) or NOTHING


def versions(story: Story, name: str) -> str:
    """Return what the run was made with, and what befell it."""
    known = story.provenance
    facts = [("run", story.run), ("source", story.source), *_begun(story)]
    agents = [
        (
            one.get("agent", ""),
            one.get("version", ""),
            one.get("code", ""),
            one.get("digest", ""),
            _compact(one.get("policy")),
        )
        for one in known.agents
    ]
    parts = [table("The run", ("what", "value"), facts)]
    if agents:
        parts.append(table("Agents as registered", ("agent", "version", "code", "card", "policy"), agents))
    if known.notable:
        befell = [(topic, _moment(at), _compact(body)) for topic, at, body in known.notable]
        parts.append(table("What befell the run", ("topic", "time (UTC)", "what the row says"), befell))
    return section(name, "Versions and fingerprints", _VERSIONS, *parts)


def _begun(story: Story) -> Iterator[tuple[str, object]]:
    begun, at = story.provenance.begun, story.events.at
    if len(at):
        yield "first and last row (UTC)", f"{_moment(at[0])} to {_moment(at[-1])}"
    for name in ("seed", "router", "schema", "plan"):
        if name in begun:
            yield {"router": "router at the beginning"}.get(name, name), begun[name]
    for title, counts in (("router that decided", story.choices.fingerprints), ("cards", story.choices.digests)):
        if counts:
            told = ", ".join(f"{name} ({count} decisions)" for name, count in counts.items())
            yield title, told if len(counts) == 1 else f"{len(counts)} different ones: {told}"


def _moment(at: float) -> str:
    try:
        return dt.datetime.fromtimestamp(at, dt.UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return f"{at:g} s"


def _compact(value: Any) -> str:
    return orjson.dumps(value).decode() if value else NOTHING


def placeholder(name: str, title: str, about: str, kind: str) -> str:
    """Return a section that a script fills; without one it says so."""
    said = "<noscript><p>This part is drawn by the script of the page.</p></noscript>"
    return section(name, title, about, f'<div data-part="{kind}">{said}</div>')
