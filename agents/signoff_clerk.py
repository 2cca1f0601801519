"""signoff-clerk: weighs the evidence of a release by written rules and says go or no-go, with reasons and a digest.

It fails closed: evidence that is missing or unreadable is a fail, no evidence at all is a no-go, and a waiver needs a
name, a reason and a last day. A waiver can excuse bad news, never the absence of news.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator
from typing import Any, Final, Literal

from pydantic import BaseModel, Field

from agents._support import Value, Verdict, count_of, excerpt
from orchestrator import AgentError, TaskContext, agent

MAX_EVIDENCE: Final = 1_000
MAX_BUNDLE: Final = 5_000_000

Decision = Literal["go", "go-with-conditions", "no-go"]
Effect = Literal["supports", "condition", "blocks"]


class Waiver(Value):
    """A decision by a person to accept one piece of bad news.

    Attributes:
        evidence: name of the evidence.
        who: the person who answers for it.
        why: the reason.
        until: last day on which it holds.
    """

    evidence: str
    who: str = Field(min_length=1)
    why: str = Field(min_length=1)
    until: dt.date


class Rules(Value):
    """What it takes to go.

    Attributes:
        required: names of evidence that must be there.
        max_warnings: more warnings than this, waived ones aside, are a no-go.
        waivers: accepted bad news.
    """

    required: tuple[str, ...] = Field(default=(), max_length=MAX_EVIDENCE)
    max_warnings: int = Field(default=3, ge=0)
    waivers: tuple[Waiver, ...] = Field(default=(), max_length=MAX_EVIDENCE)


class EvidenceItem(Value):
    """One piece of evidence in the neutral shape.

    Attributes:
        name: unique in the bundle.
        verdict: pass, warn or fail; anything else counts as fail.
        facts: whatever backs the verdict.
    """

    name: str
    verdict: Any = None
    facts: Any = None


class SignoffInput(Value):
    """What to decide on.

    Attributes:
        subject: what would be released.
        evidence: by name, the whole outputs of other agents or any object with a `verdict`; or a list of items.
        rules: what it takes to go.
    """

    subject: str = Field(default="the release", max_length=200)
    evidence: dict[str, Any] | tuple[EvidenceItem, ...] = Field(max_length=MAX_EVIDENCE)
    rules: Rules = Rules()


class Reason(Value):
    """What one piece of evidence did to the decision.

    Attributes:
        evidence: its name.
        verdict: as read; fail where it is missing or unreadable.
        effect: supports, condition or blocks.
        text: one sentence.
        digest: SHA-256 of the evidence, 16 hex digits; empty where it is missing.
    """

    evidence: str
    verdict: Verdict
    effect: Effect
    text: str
    digest: str


class SignoffReport(Value):
    """The decision.

    Attributes:
        verdict: pass for go, warn for go-with-conditions, fail for no-go.
        decision: the same in the words of a release meeting.
        summary: one sentence.
        reasons: what blocks first, then conditions, then support; by name within each.
        conditions: what must be seen to after going.
        decided_on: day as YYYY-MM-DD, UTC, by the run's clock.
        digest: SHA-256 over subject, evidence, rules and day, 64 hex digits.
    """

    verdict: Verdict
    decision: Decision
    summary: str
    reasons: tuple[Reason, ...]
    conditions: tuple[str, ...]
    decided_on: str
    digest: str


@agent(
    "signoff-clerk",
    summary="Decides go or no-go for a release by weighing all evidence against the sign-off rules.",
    examples=(
        "Are we go or no-go for Saturday's release?",
        "Sign off the UAT phase",
        "Weigh the test results and approve or reject the rollout",
        "final release decision please",
        "Do we have all evidence that the change advisory board asks for?",
        "Collect the verdicts of all checks into one approval record",
        "Can the cutover go ahead despite the open warning?",
        "gate the promotion to production on the quality criteria",
        "Which conditions must be met before we ship?",
        "Apply the waiver of the risk officer and tell me the outcome",
        "Is the acceptance complete, and who accepted the remaining risk",
        "prepare the audit-proof sign-off bundle with a digest",
        "Should we postpone the launch?",
        "CAB meeting at noon: I need a recommendation with reasons",
        "Quality gate verdict for the instant payments go-live",
        "Approve change request CHG0041877 if every required proof is there",
        "what is still missing for the release approval",
        "decide whether this build may be deployed tonight",
        "Go or no-go?",
        "Give me a go/no-go decision based on the collected evidence",
        "Approve or reject the release on the evidence we have",
        "sign-off decision with conditions and waivers",
        "Does the evidence satisfy the sign-off rules?",
        "May we go live, yes or no, and under which conditions?",
    ),
)
def signoff_clerk(request: SignoffInput, context: TaskContext) -> SignoffReport:
    """Decide.

    Raises:
        AgentError: if the evidence is not JSON, too large, or names a piece twice.
    """
    evidence = _by_name(request.evidence)
    today = dt.datetime.fromtimestamp(context.clock.now(), dt.UTC).date()
    rules = request.rules.model_dump(mode="json")
    bundle = {"subject": request.subject, "evidence": evidence, "rules": rules, "decided_on": today.isoformat()}
    digest = _digest(bundle)
    reasons = sorted(
        _reasons(evidence, request.rules, today), key=lambda each: (_ORDER.index(each.effect), each.evidence)
    )
    return _report(request, reasons, today, digest)


_ORDER: Final[tuple[Effect, ...]] = ("blocks", "condition", "supports")


def _by_name(evidence: dict[str, Any] | tuple[EvidenceItem, ...]) -> dict[str, Any]:
    if isinstance(evidence, dict):
        return {name: _plain(item) for name, item in evidence.items()}
    named = {item.name: item.model_dump(mode="json") for item in evidence}
    if len(named) < len(evidence):
        raise AgentError("two pieces of evidence have the same name; give each its own")
    return named


def _plain(item: Any) -> Any:
    return item.model_dump(mode="json") if isinstance(item, BaseModel) else item


def _digest(value: Any) -> str:
    try:
        content = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise AgentError(f"the evidence is not JSON: {excerpt(str(error))}") from error
    if len(content) > MAX_BUNDLE:
        raise AgentError(f"the evidence is larger than {MAX_BUNDLE} bytes; give its essence")
    return hashlib.sha256(content).hexdigest()


# --- weighing ---------------------------------------------------------------------------------------------------------


def _reasons(evidence: dict[str, Any], rules: Rules, today: dt.date) -> Iterator[Reason]:
    for name in sorted({*evidence, *rules.required}):
        item = evidence.get(name)
        if item is None:
            text = "it is missing; missing evidence counts as a fail and cannot be waived"
            yield Reason(evidence=name, verdict="fail", effect="blocks", text=text, digest="")
        else:
            yield _weigh(name, item, [each for each in rules.waivers if each.evidence == name], today)


def _weigh(name: str, item: Any, waivers: list[Waiver], today: dt.date) -> Reason:
    verdict, said = _read(item)
    valid = [each for each in waivers if each.until >= today]
    effect: Effect = "supports" if verdict == "pass" else "condition" if verdict == "warn" or valid else "blocks"
    if verdict is None:
        verdict, effect, valid = "fail", "blocks", []
    text = said
    if verdict != "pass" and valid:
        text += f"; waived by {valid[0].who} until {valid[0].until}: {excerpt(valid[0].why)}"
    elif verdict != "pass" and waivers and said != _UNREADABLE:
        text += f"; the waiver by {waivers[0].who} ended on {waivers[0].until}"
    return Reason(evidence=name, verdict=verdict, effect=effect, text=text, digest=_digest(item)[:16])


_UNREADABLE: Final = "it has no verdict of pass, warn or fail; that counts as a fail and cannot be waived"
_VERDICTS: Final[tuple[Verdict, ...]] = ("pass", "warn", "fail")


def _read(item: Any) -> tuple[Verdict | None, str]:
    verdict = item.get("verdict") if isinstance(item, dict) else None
    found = next((each for each in _VERDICTS if each == verdict), None)
    if found is None:
        return None, _UNREADABLE
    summary = item.get("summary")
    return found, excerpt(summary, 200) if isinstance(summary, str) and summary.strip() else f"its verdict is {found}"


# --- the report -------------------------------------------------------------------------------------------------------


def _report(request: SignoffInput, reasons: list[Reason], today: dt.date, digest: str) -> SignoffReport:
    waived = {each.evidence for each in request.rules.waivers if each.until >= today}
    blocking = sum(each.effect == "blocks" for each in reasons)
    conditions = [each for each in reasons if each.effect == "condition"]
    warnings = sum(each.verdict == "warn" and each.evidence not in waived for each in conditions)
    too_many = warnings > request.rules.max_warnings
    decision: Decision = (
        "no-go" if blocking or too_many or not reasons else "go-with-conditions" if conditions else "go"
    )
    verdicts: dict[Decision, Verdict] = {"go": "pass", "go-with-conditions": "warn", "no-go": "fail"}
    excess = f" ({request.rules.max_warnings} allowed)" if too_many else ""
    counts = f"{blocking} blocking, {count_of(warnings, 'warning')}{excess}, {len(reasons)} in all"
    return SignoffReport(
        verdict=verdicts[decision],
        decision=decision,
        summary=f"{decision} for {excerpt(request.subject)}: {counts if reasons else 'there is no evidence'}",
        reasons=tuple(reasons),
        conditions=tuple(f"{each.evidence}: {each.text}" for each in conditions),
        decided_on=today.isoformat(),
        digest=digest,
    )
