"""`pointsman whatif`: the decisions of a run on record, taken again with something about them otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from orchestrator.cli import session
from orchestrator.cli.console import cell, note, print_json, shorten, show, table
from orchestrator.cli.options import AsJson, SettingsFile, examples

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from orchestrator.settings import Settings
    from orchestrator.whatif import Alternative, Answer, Audit, Side, WhatIf

EXAMPLES = examples(
    "pointsman whatif RUN --threshold 0.4", "pointsman whatif RUN --without poet --json", "pointsman whatif RUN"
)
_STYLES: Final = {"moved": "cyan", "routed": "green", "abstains": "yellow", "fails": "red", "unknown": "magenta"}


def whatif(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Id of the run; see `pointsman journal runs`.")],
    *,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", min=0, max=1, metavar="X", help="Abstain below this confidence instead."),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", metavar="FILE", help="Ask this model instead, about the same candidates."),
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option("--without", metavar="AGENT", help="As if it were not there; repeatable.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, metavar="N", help="Show the first so many.")] = 50,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Say which decisions of a run would have been others, and what becomes of the tasks after them.

    From the records alone: only --model reads a model. With neither option it recomputes every decision as it was, and
    exits with 1 if one does not follow from its record.
    """
    from orchestrator.whatif import Alternative, audit, what_if
    from orchestrator.whatif.recorded import READ

    settings = session.open_settings(settings_file)
    with session.open_journal(settings_file) as reader:
        session.check_run(reader, run)
        gone = frozenset(without or ())
        if threshold is None and model is None and not gone:
            _show_audit(run, audit(run, reader.rows(run=run, topics=READ)), as_json=as_json)
            return
        known = {row.envelope.body["agent"] for row in reader.rows(run=run, topics=("registry.agent_registered",))}
        _check_agents(gone, known)
        alternative = Alternative(threshold, gone)
        if model is not None:
            alternative = _with_model(alternative, model, settings, known)
        found = what_if(run, reader.rows(run=run, topics=READ), alternative)
    if as_json:
        supposed = {"threshold": threshold, "model": str(model) if model else None, "without": sorted(gone)}
        print_json({"supposed": supposed, **found.to_json()})
    else:
        _show(found, limit)


def _check_agents(gone: frozenset[str], known: set[str]) -> None:
    """Pass agents that the run had.

    Raises:
        typer.BadParameter: if it had none of this name; suggests the nearest.
    """
    from orchestrator.documents import suggest

    for name in sorted(gone - known):
        raise typer.BadParameter(f"the run had no agent {name!r}; {suggest(name, known)}", param_hint="--without")


def _with_model(alternative: Alternative, model: Path, settings: Settings, known: set[str]) -> Alternative:
    """Return the alternative with a model that knows the agents of the run: by their installed cards, or its labels.

    Raises:
        ModelFileError: if the model is missing or damaged.
    """
    import dataclasses

    from orchestrator.router_of_run import budget_of, teach
    from router import EmbeddingRouter

    budget, mix = budget_of(settings)
    router = EmbeddingRouter.load(model, use_trained_labels=True, error_budget=budget, budget_mix=mix)
    for name in set(router.names) - known:
        router.remove(name)
    for agent in session.installed_agents(settings):
        if agent.card.name in known:
            teach(router, agent.card)
    return dataclasses.replace(alternative, router=router, knows=frozenset(router.names))


def _show(found: WhatIf, limit: int) -> None:
    from orchestrator.whatif.answer import MEANINGS

    counts = found.counts
    changed = ", ".join(f"{counts[kind]} {meaning}" for kind, meaning in MEANINGS.items() if kind in counts)
    show(cell(f"{found.decisions} decisions of {found.run.run}:").append(f" {changed or 'none would change'}", "bold"))
    if found.answers:
        show("", _answers(found.answers, limit))
    if found.follows:
        rows = ((one.task, one.told) for one in found.follows[:limit])
        show("", _with_rest(table(("after them", "what becomes of it"), rows), len(found.follows) - limit))
    for line in found.limits:
        note(f"mind: {line}")


def _answers(answers: tuple[Answer, ...], limit: int) -> Table:
    rows = (
        (
            answer.task,
            _side(answer.before),
            _verdict(answer),
            _sure(answer.after),
            _ahead(answer.after),
            shorten(answer.request, 60),
        )
        for answer in answers[:limit]
    )
    columns = ("task", "on record", "would be", ">sure, of", "ahead by, of", "request")
    return _with_rest(table(columns, rows), len(answers) - limit)


def _with_rest(made: Table, more: int) -> Table:
    made.caption = f"and {more} more, see --limit and --json" if more > 0 else None
    made.caption_justify = "left"
    return made


def _side(side: Side) -> Text:
    if not side.chosen:
        return cell(f"nobody: {side.abstained}", "yellow")
    told = cell(side.chosen)
    return told if side.policy == "learned" else told.append(f" ({side.policy})", "dim")


def _verdict(answer: Answer) -> Text:
    style = _STYLES.get(answer.kind, "")
    if answer.kind == "unknown":
        return cell(f"not known: {answer.why_unknown}", style)
    if answer.kind == "fails":
        return cell(f"fails: no agent {answer.before.chosen}", style)
    return cell("").append_text(_side(answer.after)) if not style else cell(_side(answer.after).plain, style)


def _sure(side: Side) -> str:
    if side.threshold is None:
        return ""
    return f"{'?' if side.confidence is None else format(side.confidence, '.3f')} of {side.threshold:.3f}"


def _ahead(side: Side) -> str:
    return f"{side.margin:.3f} {side.runner_up}" if side.runner_up else ""


def _show_audit(run: str, found: Audit, *, as_json: bool) -> None:
    """Show whether the decisions add up; leave with 1 if not."""
    if as_json:
        print_json({"run": run, **found.to_json()})
    else:
        wrong = len(found.faults)
        show(cell(f"{found.asked - wrong} of {found.asked} decisions of {run} follow from their records", "bold"))
        show(*_remarks(found))
        for sequence, faults in found.faults.items():
            show(cell(f"row {sequence}: {'; '.join(faults)}", "red"))
    raise typer.Exit(1 if found.faults else 0)


def _remarks(found: Audit) -> Iterator[Text]:
    yield cell("from the scores: leader, runner-up, margin; from the confidence: choice and abstention", "dim")
    yield cell(f"from the scores, too: the confidence of {found.judged} of them", "dim")
    if found.decisions > found.asked:
        yield cell(f"without the router, {found.decisions - found.asked} more: somebody named the agent", "dim")
