"""`pointsman why`: one decision explained, from the journal alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from orchestrator.cli import session
from orchestrator.cli.console import cell, duration, moment, print_json, shorten, show, table
from orchestrator.cli.decision_view import view_decision
from orchestrator.cli.judgement_view import view_word
from orchestrator.cli.options import AsJson, Run, SettingsFile, examples
from orchestrator.cli.policy_view import RunUnder, find_policy
from orchestrator.cli.reasons_view import collect_reasons, view_reasons
from orchestrator.cli.records import DECIDED, Record, record_of
from orchestrator.errors import PointsmanError
from orchestrator.topics import ENDINGS, TASK_ASKED, TASK_JUDGED, TASK_SUBMITTED

if TYPE_CHECKING:
    from rich.text import Text

    from orchestrator.inbox import Posed
    from orchestrator.journal import JournalReader, Row
    from orchestrator.judgement import Judgement

EXAMPLES = examples("pointsman why decide", "pointsman why decide --ask-again", "pointsman why decide --json")

_TOLERANCE: Final = 5e-6
#: What stands for the reasons of a decision for which the router was not asked, by its policy.
_WHO_NAMED_IT: Final = {
    "pinned": "its submitter named the agent: the router was not asked",
    "answered": "the router abstained, and a person named the agent",
    "replaced": "the run is a fork, and was told who gets it",
}
#: What must come out the same when the same router is asked again.
_DECIDED: Final = (
    "leader", "runner_up", "margin", "confidence", "runner_up_confidence", "threshold", "budget", "candidates",
    "attribution",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a journal says of one task of one run."""

    task: str
    run: str
    request: str
    record: Record | None
    ending: str
    error: str
    judged: tuple[Judgement, ...] = ()
    run_under: RunUnder | None = None
    asks: Posed | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object; `decision` is null where the router was not asked."""
        return {
            "task": self.task,
            "run": self.run,
            "request": self.request,
            "decision": None if self.record is None else self.record.to_json(),
            "ending": self.ending or None,
            "error": self.error,
            **({"run_under": self.run_under.to_json()} if self.run_under else {}),
            **({"waits_for": self.asks.to_json()} if self.asks else {}),
            **({"judged": self.judged[-1].to_json()} if self.judged else {}),
        }


def why(
    task: Annotated[str, typer.Argument(metavar="TASK", help="Id of the task; the latest run that has it.")],
    *,
    run: Run = "",
    ask_again: Annotated[
        bool,
        typer.Option(
            "--ask-again", help="Also recompute it, and say what would have changed it; needs the same router."
        ),
    ] = False,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Say why an agent got a task: which words decided, who came second and by how much."""
    with session.open_journal(settings_file) as reader:
        session.check_run(reader, run)
        found = explain(reader, task, run)
    reasons = _ask_again(found, settings_file) if ask_again else None
    if as_json:
        print_json({**found.to_json(), **({} if reasons is None else {"reasons": reasons})})
        return
    show_explanation(found)
    if reasons is not None:
        show(
            "",
            cell("Asked again, the same router decides the same, with the same scores.", "green"),
            *view_reasons(reasons),
        )


def _ask_again(found: Explanation, settings_file: Path | None) -> dict[str, Any]:
    """Return the reasons of a decision on record, from the router that took it.

    Raises:
        PointsmanError: if the router was not asked then, is another one now, or decides otherwise than is on record.
    """
    decision = found.record.decision if found.record is not None else {}
    if "candidates" not in decision:
        raise PointsmanError(f"task {found.task!r}: the router was not asked who gets it, so it cannot be asked again")
    settings = session.open_settings(settings_file)
    agents = session.installed_agents(settings)
    router = session.open_router(None, settings, agents)
    then, now = decision["fingerprint"], router.fingerprint
    if now != then:
        raise PointsmanError(
            f"task {found.task!r} was decided by router {then}, but with these settings and agents it is {now} now; "
            "use the same model and the same agents"
        )
    reasons = collect_reasons(router, found.request, agents, decision["vetoes"])
    changed = [name for name in _DECIDED if name in decision and not _same(reasons[name], decision[name])]
    if changed:
        raise PointsmanError(
            f"task {found.task!r}: the same router decides otherwise than is on record: {', '.join(changed)} differ; "
            "run `pointsman journal verify`"
        )
    return reasons


def _same(one: Any, other: Any) -> bool:
    """Return whether two JSON values are the same, numbers to the last digit on record but one.

    Another processor may add the same numbers in another order.
    """
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= _TOLERANCE
    return bool(one == other)


def explain(reader: JournalReader, task: str, run: str = "") -> Explanation:
    """Return what the journal says of a task, in the latest run that has it or in the one named.

    Raises:
        PointsmanError: if there is no such task; suggests the nearest.
    """
    from orchestrator.inbox import last_question
    from orchestrator.judgement import read_judgements

    rows = [row for row in reader.rows(run=run, task=task) if row.envelope.topic != TASK_JUDGED]
    if not rows:
        raise PointsmanError(_no_such_task(reader, task, run))
    latest = rows[-1].run
    by_topic = {row.envelope.topic: row for row in rows if row.run == latest}  # the last of each topic
    decided = [row for row in rows if row.run == latest and _holds_decision(row)]
    posed = last_question([row for row in rows if row.run == latest])
    ended = next((row for topic, row in by_topic.items() if topic in ENDINGS), None)
    submitted = by_topic.get(TASK_SUBMITTED)
    record = record_of(max(decided, key=_sequence)) if decided else None
    return Explanation(
        task=task,
        run=latest,
        request=submitted.envelope.body["task"]["request"] if submitted else "",
        record=record,
        asks=posed if posed is not None and posed.waits else None,
        ending=ENDINGS[ended.envelope.topic] if ended else "",
        error=ended.envelope.body.get("error", "") if ended else "",
        judged=tuple(read_judgements(reader.rows, run=latest, task=task)),
        run_under=find_policy(reader, latest, task, record.chosen) if record and record.chosen else None,
    )


def _holds_decision(row: Row) -> bool:
    """Return whether a decision was taken there; one for nobody that people are asked about is in their question."""
    topic = row.envelope.topic
    return topic in (*DECIDED, TASK_ASKED) and "decision" in row.envelope.body


def show_explanation(found: Explanation) -> None:
    """Print an explanation, for people."""
    show(*_heading(found))
    if found.record is None:
        show(cell("nobody was asked who gets it" + (f": {found.error}" if found.error else "")))
        return
    decision = found.record.decision
    show("")
    if "candidates" in decision:
        show(*view_decision(decision))
    else:
        show(cell(_WHO_NAMED_IT.get(decision["policy"], _WHO_NAMED_IT["pinned"])))
    run_under = found.run_under.facts() if found.run_under else ()
    show("", table(("on record", ""), [*_facts(found.record), *run_under, *_words(found.judged)]))


def _words(judged: tuple[Judgement, ...]) -> Iterator[tuple[str, Text]]:
    """Yield the last word on the decision, and how many it replaced."""
    if judged:
        again = cell(f", said {len(judged)} times; the last counts" if len(judged) > 1 else "", "dim")
        yield "judged", view_word(judged[-1]).append_text(again)


def _sequence(row: Row) -> int:
    return row.sequence


def _no_such_task(reader: JournalReader, task: str, run: str) -> str:
    from orchestrator.documents import suggest

    known = {row.envelope.correlation_id for row in reader.rows(run=run, topics=(TASK_SUBMITTED,))}
    where = f"run {run!r} of {reader.path}" if run else str(Path(reader.path))
    return f"no task {task!r} in {where}; {suggest(task, known)}"


def _heading(found: Explanation) -> Iterator[Text]:
    line = cell(found.task, "bold")
    if found.record is not None and found.record.chosen:
        line.append(" → ", "dim").append_text(cell(found.record.chosen, "bold cyan"))
    elif found.record is not None:
        line.append("  nobody: ", "yellow").append_text(cell(found.record.reason, "yellow"))
    yield line
    if found.request:
        yield cell(f"“{shorten(found.request, 300)}”", "italic")
    state = "waits for a person" if found.asks else found.ending.replace("_", " ") or "unfinished"
    yield cell(f"run {found.run}, {state}", "dim")
    if found.asks:
        question = found.asks.asked.question
        yield cell(f"asked: {shorten(question.text, 300)} ({', '.join(question.options) or 'any text'})", "yellow")


def _facts(record: Record) -> Iterator[tuple[str, str]]:
    decision = record.decision
    vetoes = "; ".join(f"{name}: {reason}" for name, reason in decision["vetoes"].items())
    yield "decided", f"{moment(record.at)} UTC, row {record.sequence}"
    if record.route_s is not None:
        yield "took", duration(record.route_s)
    yield "policy", f"{decision['policy']}, propensity {decision['propensity']:g}, seed {decision['seed']}"
    yield "vetoes", vetoes or "none"
    if "shadow" in decision:
        shadow = decision["shadow"]
        yield "in the shadow", f"{shadow['chosen'] or 'nobody'}, confidence {shadow['confidence']:.3f}"
    if "fingerprint" in decision:
        yield "router fingerprint", decision["fingerprint"]
    yield "digest of all cards", decision["registry_digest"]
    yield "digest of the request", decision["input_digest"]
    yield "trace and span", f"{decision['trace_id']} / {decision['span_id']}"
