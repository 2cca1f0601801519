"""The page of `eval`: one file, its pictures inline, no script and nothing to fetch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from orchestrator.cli.evaluation import decisions_in_words, risks_in_words
from orchestrator.cli.evaluation_pictures import (
    draw_confusion,
    draw_curve,
    draw_latency,
    draw_learning,
    draw_map,
    draw_reliability,
    draw_risk,
    map_legend,
)
from orchestrator.cli.learning import LEARNT, learnt_in_words
from orchestrator.cli.measurement import in_words
from scenarios.html.inert import inert
from scenarios.html.style import PAGE, STYLE

if TYPE_CHECKING:
    from router import EmbeddingMap, Examination
    from router.learning_curve import LearningPoint

History = Sequence[tuple[float, float, float]]

_MOST_PAIRS: Final = 20
_MOST_LABELS: Final = 20
_RELIABILITY: Final = "Where dots lie on the dashed line the confidence is honest; larger dots stand for more requests."
_RISK: Final = "How much could be routed, and how much of that wrong; the dot is the threshold in force."
_CONFUSION: Final = "Rows: who should get the request. Columns: who led, in the same order, and everybody else."
_RISKS: Final = ("at most wrong", "could be routed", "threshold")
_LATENCY: Final = "Time of one decision, one thread, warm. The scale is logarithmic."
_LEARNING: Final = (
    "After each epoch of the training that left the first part out: how many requests of that part were right, and the"
    " loss. The loss in training is of smoothed labels and hidden features, and so lies higher."
)
_CURVE: Final = (
    "Trainings on parts of the examples, each part within the next, judged on the same requests. Where it still rises,"
    " more examples will help. The scale of the examples is logarithmic."
)
_LEARNT: Final = tuple(head.removeprefix(">") for head in LEARNT)
_MAP: Final = (
    "Requests that the router sees alike lie near each other; distances across the picture mean nothing. A name stands"
    " in the middle of the requests for that agent. Point at a mark to read it."
)
#: On a narrow screen the map keeps its size and is moved, by finger or by the arrow keys.
_MAP_FRAME: Final = '<div class="wide map" tabindex="0" role="region" aria-label="Map of the requests">{}</div>'


def make_page(
    found: Examination,
    subject: str,
    data: str,
    *,
    drawn: EmbeddingMap | None = None,
    history: History = (),
    points: Sequence[LearningPoint] = (),
) -> str:
    """Return an examination as a page.

    Args:
        found: what is shown.
        subject: the router, in words.
        data: the file of labelled requests.
        drawn: the map of the requests, if there is one.
        history: loss, held-out loss and held-out accuracy after each epoch of the training, where they are known.
        points: trainings on parts of the examples, if there were any.
    """
    body = (
        f"<header><h1>{inert(subject)}</h1><p>on {inert(data)}, {found.evaluation.examples} requests</p></header>",
        _tiles(found),
        _map_section(drawn) if drawn is not None else "",
        '<div class="side">',
        _section("Reliability", _RELIABILITY, draw_reliability(found), _folded(_BINS, _bins(found))),
        _section("Risk and coverage", _RISK, draw_risk(found), _table(_RISKS, risks_in_words(found))),
        _curve_section(points) if points else "",
        *_learning_sections(history),
        _section("Latency", _LATENCY, draw_latency(found), _folded(("µs", "decisions"), _times(found))),
        _section("Everything in figures", "", _table(("figure", ""), _figures(found))),
        "</div>",
        _section("Confusion of the worst labels", _CONFUSION, draw_confusion(found)),
        '<div class="side">',
        _section("Most confused", "", _pairs(found)),
        _section("Worst labels", "", _labels(found)),
        "</div>",
    )
    return PAGE.format(title=inert(f"{subject} on {data}"), style=STYLE, body="\n".join(part for part in body if part))


_BINS: Final = ("confidence", "accuracy", "requests")


def _figures(found: Examination) -> list[tuple[str, str]]:
    return [*in_words(found.evaluation.to_json()), *decisions_in_words(found)]


def _tiles(found: Examination) -> str:
    coverage, risk = found.operating
    short = found.evaluation
    tiles = (
        ("accuracy", f"{short.accuracy:.1%}"),
        ("macro F1", f"{short.macro_f1:.1%}"),
        ("calibration error", f"{short.ece:.1%}"),
        ("routed", f"{coverage:.1%}"),
        ("wrong of that", f"{risk:.1%}"),
        ("median decision", f"{short.p50_us:.0f} µs"),
    )
    return f'<dl class="tiles">{"".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in tiles)}</dl>'


def _map_section(drawn: EmbeddingMap) -> str:
    legend = "".join(f"<li>{picture} {inert(text)}</li>" for picture, text in map_legend(drawn))
    left_out = f" {drawn.left_out} more requests are left out." if drawn.left_out else ""
    odd = [(p.text, p.label or "nobody", p.leader, p.outcome) for p in drawn.points if p.outcome != "right"]
    columns = ("request", "should go to", "led by", "became")
    table = _folded(columns, odd, "Those that did not go right, as a table") if odd else ""
    return _section(
        "Map of the requests",
        _MAP + left_out,
        f'<ul class="legend">{legend}</ul>',
        _MAP_FRAME.format(draw_map(drawn)),
        table,
    )


def _curve_section(points: Sequence[LearningPoint]) -> str:
    return _section("Learning curve", _CURVE, draw_curve(points), _table(_LEARNT, learnt_in_words(points)))


def _learning_sections(history: History) -> Iterator[str]:
    if not history:
        return
    losses, held_out, accuracy = ([row[at] for row in history] for at in range(3))
    rows = [(at, f"{right:.1%}", f"{out:.3f}", f"{loss:.3f}") for at, (loss, out, right) in enumerate(history, start=1)]
    table = _folded(("epoch", "held-out accuracy", "held-out loss", "training loss"), rows)
    right = draw_learning("Accuracy by epoch", "held-out accuracy", [("held out", accuracy)], shares=True)
    loss = draw_learning("Loss by epoch", "loss", [("held out", held_out), ("training", losses)], shares=False)
    yield _section("Accuracy by epoch", _LEARNING, right, table)
    yield _section("Loss", "The same training: what it learns by.", loss)


def _bins(found: Examination) -> list[tuple[str, str, int]]:
    return [
        (f"{b.low:.2f} to {b.high:.2f}", f"{b.accuracy:.1%}", b.decisions) for b in found.reliability if b.decisions
    ]


def _times(found: Examination) -> list[tuple[str, int]]:
    return [(f"{took.low:.0f} to {took.high:.0f}", took.decisions) for took in found.latency if took.decisions]


def _pairs(found: Examination) -> str:
    pairs = [(pair.label, pair.leader or "nobody", pair.times) for pair in found.confused[:_MOST_PAIRS]]
    return _table(("should go to", "led by", "times"), pairs) if pairs else "<p>none</p>"


def _labels(found: Examination) -> str:
    worst = found.labels[:_MOST_LABELS]
    rows = [(s.label, f"{s.f1:.1%}", f"{s.precision:.1%}", f"{s.recall:.1%}", s.examples) for s in worst]
    return _table(("label", "F1", "precision", "recall", "requests"), rows)


def _section(title: str, about: str, *parts: str) -> str:
    inner = "".join([f"<p>{inert(about)}</p>" if about else "", *parts])
    return f"<section><h2>{inert(title)}</h2>{inner}</section>"


def _folded(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "The same as a table") -> str:
    return f"<details><summary>{inert(title)}</summary>{_table(columns, rows)}</details>"


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f'<th scope="col">{inert(column)}</th>' for column in columns)
    body = "".join(f"<tr>{''.join(f'<td>{inert(value)}</td>' for value in row)}</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'
