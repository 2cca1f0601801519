"""The page of `eval`: one file, its pictures inline, no script and nothing to fetch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from orchestrator.cli.console import shorten
from orchestrator.cli.evaluation import decisions_in_words, risks_in_words
from orchestrator.cli.measurement import in_words
from orchestrator.cli.svg import LEFT, SIDE, TOP, axes, cell, dot, inert, line, picture, words

if TYPE_CHECKING:
    from router import Examination

_WORST: Final = 12
_MOST_PAIRS: Final = 20
_NAME: Final = 26
_CELL: Final = 26.0
_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: #1b2430; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { max-width: 46rem; color: #47535f; } figure { margin: 0; } .side { display: flex; flex-wrap: wrap; gap: 2rem; }
table { border-collapse: collapse; } td, th { padding: .2rem .9rem .2rem 0; text-align: left; font-weight: normal; }
th { border-bottom: 1px solid #8793a0; } td + td { font-variant-numeric: tabular-nums; }
svg { max-width: 100%; height: auto; font: 11px system-ui, sans-serif; } svg text { fill: #47535f; }
.axis, .ideal, .curve { fill: none; stroke: #8793a0; } .ideal { stroke-dasharray: 4 4; }
.curve { stroke: #0b6e99; stroke-width: 2; } .dot, .cell { fill: #0b6e99; } .dot { fill-opacity: .75; }
"""


def make_page(found: Examination, subject: str, data: str) -> str:
    """Return an examination as a page.

    Args:
        found: what is shown.
        subject: the router, in words.
        data: the file of labelled requests.
    """
    figures = [*in_words(found.evaluation.to_json()), *decisions_in_words(found)]
    pairs = [(pair.label, pair.leader or "nobody", pair.times) for pair in found.confused[:_MOST_PAIRS]]
    body = (
        f"<h1>{inert(subject)} on {inert(data)}</h1>",
        _table((f"{found.evaluation.examples} requests", ""), figures),
        '<div class="side">',
        _section("Reliability", _RELIABILITY, draw_reliability(found)),
        _section("Risk and coverage", _RISK, draw_risk(found), _table(_RISKS, risks_in_words(found))),
        "</div>",
        _section("Confusion of the worst labels", _CONFUSION, draw_confusion(found)),
        _section("Most confused", "", _table(("should go to", "led by", "times"), pairs) if pairs else "<p>none</p>"),
    )
    return _PAGE.format(title=inert(f"{subject} on {data}"), style=_STYLE, body="\n".join(body))


_RELIABILITY: Final = "Where dots lie on the dashed line the confidence is honest; larger dots stand for more requests."
_RISK: Final = "How much could be routed, and how much of that wrong; the dot is the threshold in force."
_CONFUSION: Final = "Rows: who should get the request. Columns: who led, in the same order, and everybody else."
_RISKS: Final = ("at most wrong", "could be routed", "threshold")
_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""


def draw_reliability(found: Examination) -> str:
    """Return accuracy over confidence, a dot for each bin that is not empty."""
    bins = [one for one in found.reliability if one.decisions]
    most = max(one.decisions for one in bins)
    dots = (
        dot(
            one.confidence,
            one.accuracy,
            3 + 9 * (one.decisions / most) ** 0.5,
            f"{one.decisions} requests at confidence {one.confidence:.3f}: {one.accuracy:.1%} right",
        )
        for one in bins
    )
    ideal = line([(0, 0), (1, 1)], "ideal")
    return picture("Reliability diagram", [*axes("confidence", "accuracy"), ideal, *dots])


def draw_risk(found: Examination) -> str:
    """Return the share that is wrong over the share that is routed, and where the router stands."""
    highest = max([risk for _, risk in found.curve] + [found.operating[1], 0.01])
    curve = line([(coverage, risk / highest) for coverage, risk in found.curve], "curve")
    coverage, risk = found.operating
    here = dot(coverage, risk / highest, 5, f"threshold {found.threshold:.3f}: {coverage:.1%} routed, {risk:.1%} wrong")
    return picture("Risk-coverage curve", [*axes("routed", "wrong of that", highest), curve, here])


def draw_confusion(found: Examination) -> str:
    """Return who led where the worst labels should have, as squares."""
    worst = [score for score in found.labels[:_WORST] if score.f1 < 1]
    if not worst:
        return "<p>none: every label was right every time</p>"
    names = [score.label for score in worst]
    times = {(pair.label, pair.leader): pair.times for pair in found.confused}
    left = 8.0 * _NAME
    parts: list[str] = []
    for row, score in enumerate(worst):
        y = TOP + _CELL * (row + 1)
        parts.append(words(left - 8, y + 17, f"{shorten(score.label, _NAME)}  {row + 1}", "end"))
        parts.append(words(left + _CELL * (row + 0.5), TOP + 14, row + 1))
        counts = [times.get((score.label, name), 0) for name in names]
        counts[row] = round(score.recall * score.examples)
        for column, count in enumerate([*counts, score.examples - sum(counts)]):
            other = names[column] if column < len(names) else "others"
            hint = f"{score.label} led by {other}: {count} of {score.examples}"
            x = left + _CELL * column
            parts.append(cell(x, y, _CELL - 2, count / score.examples, hint))
            parts += [words(x + 12, y + 17, count)] if count else []
    parts.append(words(left + _CELL * (len(names) + 0.5), TOP + 14, "+"))
    width, height = left + _CELL * (len(names) + 1) + 10, TOP + _CELL * (len(names) + 1) + 6
    return picture("Confusion of the worst labels", parts, max(width, LEFT + SIDE), height)


def _section(title: str, about: str, *parts: str) -> str:
    inner = "".join([f"<p>{inert(about)}</p>" if about else "", *parts])
    return f"<figure><h2>{inert(title)}</h2>{inner}</figure>"


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f"<th>{inert(column)}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(f'<td>{inert(value)}</td>' for value in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"
