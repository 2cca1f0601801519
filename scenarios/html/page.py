"""The page: a report in one file, with its data, its style and its script, and a policy that allows nothing else."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from scenarios.html import sections
from scenarios.html.blocks import Blocks, pack
from scenarios.html.causes import show_causes
from scenarios.html.choices import PART as DECISIONS_IN_A_PART
from scenarios.html.events import PART as ROWS_IN_A_PART
from scenarios.html.inert import inert
from scenarios.html.parts import section, table
from scenarios.html.request_map import RequestMap, show_map
from scenarios.html.story import Story
from scenarios.html.style import STYLE
from scenarios.html.work import OUTCOMES, STATUSES

if TYPE_CHECKING:
    from scenarios.coverage import Dimension
    from scenarios.divergence import Comparison
    from scenarios.origin import Origin

#: Bytes that a page has at most if nothing else is said: reasons and bodies of rows go in as far as there is room.
MOST_BYTES: Final = 9_800_000
_SCRIPTS: Final = ("base.js", "timeline.js", "decisions.js", "graph.js", "events.js", "main.js")
_HEAD: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the report</a>
"""
_CAUSES: Final = (
    "A first cause is the earliest row, in the order of cause and effect, that differs while all that led to it is the"
    " same. What follows from it is counted, not listed."
)
_TIMELINE: Final = (
    "A lane for each agent, a bar for each attempt. Drag, or use the buttons or the keys ← → + - 0; n and p go to the"
    " next and the previous attempt that did not go well."
)
_DECISIONS: Final = (
    "What the router chose, how sure it was, and what it would have chosen under another threshold: reckoned here, from"
    " the record alone."
)
_GRAPH: Final = (
    "Tasks from left to right in the order in which they wait for each other; dotted lines lead to tasks that an agent"
    " added. What did not complete has a thick broken frame and a cross. Choose a task to see what is around it."
)
_EVENTS: Final = "Every row of the run in its order. Open one to see what it says and which row led to it."


@dataclass(frozen=True, slots=True)
class Told:
    """What a report tells of one run beside its own rows.

    Attributes:
        story: the run.
        compared: what it differs in from another one; None where there is none to compare with.
        origins: where the code of agents stands that are told of there.
        requests: where the router sees the requests; None where it cannot be asked.
        covered: what the run exercised; nothing where nobody knows what there was to exercise.
    """

    story: Story
    compared: Comparison | None = None
    origins: Mapping[str, Origin] | None = None
    requests: RequestMap | None = None
    covered: Sequence[Dimension] = ()


class Front(NamedTuple):
    """What stands before the runs where a page is about more than them: its title, and sections of its own."""

    title: str
    sections: str


def make_report(told: Sequence[Told], most_bytes: int = MOST_BYTES, front: Front | None = None) -> Iterator[bytes]:
    """Yield a report as the pieces of a file, the same ones for the same journals.

    Args:
        told: at least one run, if nothing stands before them.
        most_bytes: of the whole file; what every page needs goes in even if there is no room for it.
        front: what stands before them.
    """
    style, script = STYLE + _asset("report.css"), "".join(map(_asset, _SCRIPTS))
    articles = [_article(one, f"r{at}") for at, one in enumerate(told)]
    if front is None:
        front = Front(f"Run {told[0].story.run}" if len(told) == 1 else f"{len(told)} runs", "")
    title, contents = front.title, "" if front.sections else _contents(told)
    allowed = f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'"
    policy = f"{allowed}; base-uri 'none'; form-action 'none'"
    head = _HEAD.format(policy=policy, title=inert(f"{title} · Pointsman"), style=style)
    main = f"<main id='main'>\n{front.sections}{''.join(articles)}</main>"
    body = f"<header><h1>{inert(title)}</h1>{contents}</header>\n{main}\n"
    tail = f"<script>{script}</script>\n</body>\n</html>\n"
    blocks = Blocks(most_bytes - sum(len(text.encode()) for text in (head, body, tail)))
    _fill(blocks, [one.story for one in told])
    yield head.encode()
    yield body.encode()
    yield from (text.encode() for text in blocks.to_html())
    yield tail.encode()


def _contents(told: Sequence[Told]) -> str:
    if len(told) == 1:
        return f"<p>{inert(told[0].story.source)}</p>"
    rows = [
        (one.story.run, one.story.source, "yes" if one.story.whole else "no", len(one.story.events)) for one in told
    ]
    links = " ".join(f'<a href="#r{at}">{inert(one.story.run)}</a>' for at, one in enumerate(told))
    shown = table("Runs in this report", ("run", "source", "all tasks completed", ">rows"), rows)
    return f'{shown}<nav aria-label="Runs">{links}</nav>'


def _article(one: Told, name: str) -> str:
    """Return what is told of a run, in the order of worth; sections about which it has nothing to say are left out."""
    story = one.story
    parts = {
        "verdict": ("Verdict", sections.verdict(story, f"{name}-verdict", _glance(one.compared, name))),
        "causes": ("First causes", _causes(one, name)),
        "timeline": ("Timeline", _scripted(name, "timeline", "Timeline", _TIMELINE, len(story.work.attempts.task))),
        "decisions": ("Decisions", _scripted(name, "decisions", "Decisions", _DECISIONS, len(story.choices))),
        "graph": ("Graph", _scripted(name, "graph", "Graph of the tasks", _GRAPH, len(story.work.tasks.ids))),
        "edges": ("Edges", sections.heat_maps(story, f"{name}-edges")),
        "budgets": ("Budgets", sections.budgets(story, f"{name}-budgets")),
        "map": ("Map", "" if one.requests is None else show_map(one.requests, f"{name}-map")),
        "coverage": ("Coverage", sections.coverage(one.covered, f"{name}-coverage")),
        "redaction": ("Redaction", sections.redaction(story, f"{name}-redaction")),
        "versions": ("Versions", sections.versions(story, f"{name}-versions")),
        "events": ("Rows", _scripted(name, "events", "Rows", _EVENTS, len(story.events))),
    }
    links = "".join(f'<a href="#{name}-{key}">{title}</a>' for key, (title, shown) in parts.items() if shown)
    nav = f'<nav class="contents" aria-label="Sections of run {inert(story.run)}">{links}</nav>'
    inner = "".join(shown for _, shown in parts.values())
    label = f"Run {inert(story.run)}"
    return f'<article id="{name}" aria-label="{label}"><h2>{label}</h2>{nav}\n{inner}</article>\n'


def _glance(compared: Comparison | None, name: str) -> str:
    if compared is None:
        return ""
    if compared.same:
        return f'<p class="verdict good">✓ Nothing differs from {inert(compared.recorded)}.</p>'
    causes = sum(compared.counts.values())
    link = f'<a href="#{name}-causes">{causes} first causes</a>'
    return f'<p class="verdict bad">✗ It differs from {inert(compared.recorded)}: {link}.</p>'


def _causes(one: Told, name: str) -> str:
    if one.compared is None:
        return ""
    return section(f"{name}-causes", "First causes", _CAUSES, show_causes(one.compared, one.origins or {}))


def _scripted(name: str, kind: str, title: str, about: str, count: int) -> str:
    return sections.placeholder(f"{name}-{kind}", title, about, kind) if count else ""


def _fill(blocks: Blocks, stories: Sequence[Story]) -> None:
    """Put in what every page needs of all runs, then what tells more, as far as there is room."""
    for at, story in enumerate(stories):
        begun = story.events.at[0] if len(story.events) else 0.0
        blocks.need(f"r{at}-tasks", story.work.tasks.columns(begun))
        blocks.need(f"r{at}-attempts", story.work.attempts.columns(begun))
        blocks.need(f"r{at}-choices", story.choices.to_block())
    counts = [_offer(blocks, f"r{at}", story) for at, story in enumerate(stories)]
    for at, (story, count) in enumerate(zip(stories, counts, strict=True)):
        blocks.need(f"r{at}-head", pack(_head(story, count)))


def _offer(blocks: Blocks, name: str, story: Story) -> dict[str, int]:
    requests = blocks.offer(f"{name}-requests", pack(story.work.tasks.request))
    events = blocks.offer(f"{name}-events", story.events.columns())
    counts = {"requests": int(requests), "events": int(events), "why": 0, "bodies": 0}
    parts = story.choices.parts()
    if not blocks.offer(f"{name}-words", pack(list(story.choices.words))):
        return counts
    for kind, pieces in (("why", parts), ("bodies", story.events.bodies())):
        for at, piece in enumerate(pieces):
            if not blocks.offer(f"{name}-{kind}-{at}", piece):
                break
            counts[kind] += 1
    return counts


def _head(story: Story, counts: Mapping[str, int]) -> dict[str, Any]:
    return {
        "run": story.run,
        "begun": story.events.at[0] if len(story.events) else 0,
        "agents": list(story.work.agents),
        "topics": list(story.events.topics),
        "policies": list(story.choices.policies),
        "reasons": list(story.choices.reasons),
        "statuses": STATUSES,
        "outcomes": OUTCOMES,
        "rows": len(story.events),
        "parts": {"why": DECISIONS_IN_A_PART, "bodies": ROWS_IN_A_PART},
        "kept": counts,
    }


def _asset(name: str) -> str:
    return files("scenarios.html").joinpath("assets", name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """Return what a policy calls an element with this text (W3C, Content Security Policy Level 3)."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
