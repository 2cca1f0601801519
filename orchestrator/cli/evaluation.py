"""`pointsman eval`: everything that labelled requests say of a router, as a table, as JSON and as a page to look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from orchestrator.cli import session
from orchestrator.cli.console import note, print_json, show, table
from orchestrator.cli.learning import LEARNT, learn_parts, learnt_in_words
from orchestrator.cli.measurement import examine_file, in_words
from orchestrator.cli.options import AsJson, ModelFile, SettingsFile, examples

if TYPE_CHECKING:
    from router import Examination, Router
    from router.learning_curve import LearningPoint

EXAMPLES = examples(
    "pointsman eval --model router.npz --data dev.jsonl",
    "pointsman eval --model router.npz --data dev.jsonl --out-of-scope nobody.txt --html report.html",
    "pointsman eval --model router.npz --data dev.jsonl --learning-curve requests.jsonl --html report.html",
)
_MOST_PAIRS: Final = 10


def evaluate(
    *,
    data: Annotated[
        Path, typer.Option("--data", metavar="FILE", help='JSON Lines of {"text", "label"} that nobody trained on.')
    ],
    model: ModelFile = None,
    out_of_scope: Annotated[
        Path | None, typer.Option("--out-of-scope", metavar="FILE", help="Requests for nobody: one a line, or .jsonl.")
    ] = None,
    learning_curve: Annotated[
        Path | None,
        typer.Option(
            "--learning-curve",
            metavar="FILE",
            help="Also train on 1/8, 1/4, 1/2 and all of these examples, and show what each comes to.",
        ),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page with pictures, in one file.")
    ] = None,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Measure a router: accuracy, calibration, abstention, confusions, and what it could route at which risk."""
    settings = session.open_settings(settings_file)
    agents = [] if model is not None else session.installed_agents(settings)
    router = session.open_router(model, settings, agents)
    points = learn_parts(learning_curve, data) if learning_curve is not None else ()
    found = examine_file(router, data, out_of_scope)
    if html is not None:
        subject = str(model or settings.router or "the bundled router")
        _write_page(html, router, found, subject, data, out_of_scope, points)
    if as_json:
        curve = {"learning_curve": [point._asdict() for point in points]} if points else {}
        print_json({**found.to_json(), **curve})
    else:
        show_examination(found)
        if points:
            show("", table(LEARNT, learnt_in_words(points)))


def _write_page(
    html: Path,
    router: Router,
    found: Examination,
    subject: str,
    data: Path,
    out_of_scope: Path | None,
    points: Sequence[LearningPoint],
) -> None:
    from orchestrator.cli.evaluation_page import make_page
    from router import EmbeddingRouter, map_requests, read_examples, read_out_of_scope

    drawn = map_requests(router, read_examples(data), read_out_of_scope(out_of_scope) if out_of_scope else ())
    history = router.manifest.history if isinstance(router, EmbeddingRouter) else ()
    page = make_page(found, subject, str(data), drawn=drawn, history=history, points=points)
    session.write_atomically(html, [page.encode()])
    note(f"{html}: written")


def show_examination(found: Examination) -> None:
    """Print an examination, for people."""
    figures = [*in_words(found.evaluation.to_json()), *decisions_in_words(found)]
    show(table((f"{found.evaluation.examples} requests", ""), figures))
    show("", table((">at most wrong", ">could be routed", ">threshold"), risks_in_words(found)))
    if found.confused:
        pairs = [(pair.label, pair.leader or "nobody", pair.times) for pair in found.confused[:_MOST_PAIRS]]
        show("", table(("most confused: should go to", "led by", ">times"), pairs))


def decisions_in_words(found: Examination) -> Iterator[tuple[str, str]]:
    """Yield what the router's threshold does: why it abstained, how much goes wrong, what became of the others."""
    budget = "" if found.budget is None else f", error budget {found.budget:g}"
    yield "threshold", f"{found.threshold:.3f}{budget}"
    yield "abstained for", ", ".join(f"{reason} {times}" for reason, times in found.abstentions.items()) or "nothing"
    coverage, risk = found.operating
    yield "routed, and wrong of that", f"{coverage:.1%}, {risk:.1%}"
    if found.out_of_scope is not None:
        requests, refused, area = found.out_of_scope
        yield f"abstained on {requests} requests for nobody", f"{refused:.1%}"
        yield "told apart from the others (AUROC)", f"{area:.3f}"


def risks_in_words(found: Examination) -> list[tuple[str, str, str]]:
    """Return the table of coverage at each risk."""
    return [(f"{p.risk:.0%}", f"{p.coverage:.1%}", f"{p.threshold:.3f}") for p in found.at_risk]
