"""`pointsman route`: one request and who would get it, or a file of labelled ones and how often that is right."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import session
from orchestrator.cli.console import cell, print_json, shorten, show
from orchestrator.cli.decision_view import view_decision
from orchestrator.cli.measurement import evaluate_file, show_figures
from orchestrator.cli.options import AsJson, ModelFile, SettingsFile, examples
from orchestrator.cli.reasons_view import collect_reasons, view_reasons
from orchestrator.cli.records import expand_candidates

if TYPE_CHECKING:
    from rich.text import Text

    from router import Router

EXAMPLES = examples(
    'pointsman route "Does this migration lock the table?"',
    'pointsman route --why "Is the release ready, given these logs?"',
    "pointsman route --data dev.jsonl --model router.npz",
)


def route(
    text: Annotated[str | None, typer.Argument(metavar="TEXT", help="The request, in people's words.")] = None,
    *,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="FILE", help='Measure on JSON Lines of {"text", "label"} instead.')
    ] = None,
    model: ModelFile = None,
    why: Annotated[
        bool, typer.Option("--why", help="Also: what separates the first two, what would change it, nearest examples.")
    ] = False,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Show who would get a request and why, without running anything; or measure a router on labelled requests."""
    if (text is None) == (data is None):
        raise typer.BadParameter("give either a request or --data FILE", param_hint="TEXT")
    if why and data is not None:
        raise typer.BadParameter("reasons are of one request; give it instead of --data FILE", param_hint="--why")
    settings = session.open_settings(settings_file)
    agents = [] if model is not None else session.installed_agents(settings)
    router = session.open_router(model, settings, agents)
    if text is not None:
        record = collect_reasons(router, text, agents) if why else _decision(router, text)
        if as_json:
            print_json({"text": text, **record})
        else:
            show(_verdict(text, record), *view_decision(record), *(view_reasons(record) if why else ()))
    elif data is not None:
        _measure(router, data, as_json=as_json)


def _decision(router: Router, text: str) -> dict[str, Any]:
    prediction = router.predict(text)
    parts = router.explain(text, prediction.leader) if prediction.leader else ()
    words = [[part.word, round(part.weight, 6)] for part in parts]
    return {**expand_candidates(prediction.to_json()), "attribution": words}


def _verdict(text: str, record: Mapping[str, Any]) -> Text:
    chosen = cell(record["choice"], "bold cyan")
    if record["choice"] is None:
        chosen = cell(f"nobody: {record['abstained']}", "yellow")
    return cell(shorten(text, 300), "italic").append(" → ", "dim").append_text(chosen)


def _measure(router: Router, data: Path, *, as_json: bool) -> None:
    figures = evaluate_file(router, data)
    if as_json:
        print_json(figures)
    else:
        show_figures(figures)
