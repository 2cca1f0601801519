"""log-sentinel: compares a candidate's log with the last good one, template by template.

Templates come from Drain (He et al., "Drain: An Online Log Parsing Approach with Fixed Depth Tree", ICWS 2017). Counts
are compared by the conditional binomial test of two Poisson rates (Przyborowski and Wilenski, 1940): given the sum,
the candidate's share is binomial. The threshold is divided by the number of templates (Bonferroni).
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import Field

from agents._statistics import binomial_test
from agents._support import Value, Verdict, count_of, excerpt, libraries, text_or_file
from orchestrator import AgentError, TaskContext, agent

MAX_RECORDS: Final = 100_000
MAX_LINE: Final = 2_000
MAX_KINDS: Final = 1_000  # Drain looks at all of them for each line in the worst case
EXAMPLES: Final = 3

_MASKS: Final = (
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?|\d\d:\d\d:\d\d(?:[.,]\d+)?", "TIME"),
    (r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}", "ID"),
    (r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[A-Z0-9]{4}){2,7}[A-Z0-9]{0,3}(?![A-Za-z0-9])", "IBAN"),
    (r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?(?![\w.])", "IP"),
    (r"(?<![A-Za-z0-9])0[xX][0-9a-fA-F]+|(?<![A-Za-z0-9])(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{6,}(?![A-Za-z0-9])", "HEX"),
    (r"(?<![A-Za-z0-9.])[-+]?\d+(?:[.,]\d+)*", "NUM"),
)
_ALARM: Final = re.compile(
    r"\b(?:ERROR|FATAL|CRITICAL|SEVERE|ALERT|EMERG|PANIC|panic)\b|Exception\b|Traceback|OutOfMemory|deadlock|segfault"
)


class SentinelInput(Value):
    """Two logs; each as text or as a file in the workspace.

    Attributes:
        baseline: log of the last good release, as text; or
        baseline_path: a file.
        candidate: log of the release under test, as text; or
        candidate_path: a file.
        alpha: chance of one false shift in a whole comparison.
        min_ratio: a rate must change by this factor to count as shifted.
    """

    baseline: str = ""
    baseline_path: str = ""
    candidate: str = ""
    candidate_path: str = ""
    alpha: float = Field(default=0.01, gt=0, lt=1)
    min_ratio: float = Field(default=1.5, ge=1, le=1000)


class LogExample(Value):
    """One line.

    Attributes:
        line: 1-based number in its log.
        text: its beginning.
    """

    line: int
    text: str


class TemplateChange(Value):
    """One kind of line whose rate changed.

    Attributes:
        template: the line with its variable parts replaced by <*>, <NUM>, <TIME>, ...
        baseline: times in the baseline.
        candidate: times in the candidate.
        ratio: rate in the candidate by rate in the baseline; null where the baseline has none.
        p_value: chance of a difference this large between two logs of the same system.
        significant: whether that is below the threshold.
        alarming: whether it speaks of an error.
        examples: its first lines, in the candidate if it occurs there, in the baseline otherwise.
    """

    template: str
    baseline: int
    candidate: int
    ratio: float | None
    p_value: float
    significant: bool
    alarming: bool
    examples: tuple[LogExample, ...]


class SentinelReport(Value):
    """What changed.

    Attributes:
        verdict: fail if a new or more frequent template speaks of an error, warn on any other new template or
            significant change, pass otherwise.
        summary: one sentence.
        baseline_records: records read; a line that begins with a blank belongs to the record above it.
        candidate_records: the same for the candidate.
        templates: kinds of line in both logs together.
        new: templates that the baseline lacks.
        vanished: templates that the candidate lacks.
        shifted: templates in both whose rate changed significantly.
    """

    verdict: Verdict
    summary: str
    baseline_records: int
    candidate_records: int
    templates: int
    new: tuple[TemplateChange, ...]
    vanished: tuple[TemplateChange, ...]
    shifted: tuple[TemplateChange, ...]


@agent(
    "log-sentinel",
    summary="Compares the log of a new release with the last good one: new, vanished and shifted messages.",
    examples=(
        "Compare the logs of the release candidate with yesterday's",
        "What new errors showed up after the deployment?",
        "Did any message disappear from the log since the last good build?",
        "log anomaly check, baseline versus candidate",
        "Are there more timeouts than before in the gateway output?",
        "Look for unusual patterns in the application server trace",
        "Diff the two journald dumps and tell me what changed",
        "has the warning rate gone up since we switched to version 8",
        "Are there exceptions in the UAT run that we have never seen?",
        "Watch the canary's output for anything out of the ordinary",
        "Group the lines of settlement.log by template and count them",
        "After tonight's rollout the heartbeat line is missing, please confirm",
        "compare stdout of the blue and the green instance",
        "Which log messages became significantly more frequent?",
        "Spot regressions in the mainframe bridge's syslog",
        "does the candidate log look healthy",
        "anything suspicious in the pod logs since the upgrade",
        "Detect a spike of retry lines between the two test runs",
        "Compare the candidate log with the baseline log",
        "Find new error messages and exceptions in the log after the upgrade",
        "which log lines are more frequent than in the baseline",
        "Are there unusual warnings or timeouts in the server logs since the rollout?",
        "detect anomalies in the application log",
        "Which messages vanished from the log lines of the last run?",
    ),
)
def log_sentinel(request: SentinelInput, context: TaskContext) -> SentinelReport:
    """Compare two logs.

    Raises:
        AgentError: if a log cannot be had, has no lines or too many.
    """
    with libraries("log-sentinel"):
        import drain3  # noqa: F401 - asked for here, so that a missing library is said before any work
    baseline = _read(context, request.baseline, request.baseline_path, "baseline")
    candidate = _read(context, request.candidate, request.candidate_path, "candidate")
    return _compare(_mine(baseline, candidate), (len(baseline), len(candidate)), request)


def _read(context: TaskContext, text: str, path: str, which: str) -> list[LogExample]:
    log = textwrap.dedent(text_or_file(context, text, path, f"the {which} log", strict=False))
    records = [
        LogExample(line=number, text=line[:MAX_LINE])
        for number, line in enumerate(log.split("\n"), 1)
        if line.strip() and not line[0].isspace()
    ]
    if not records:
        raise AgentError(f"the {which} log has no lines; give one that has")
    if len(records) > MAX_RECORDS:
        raise AgentError(f"the {which} log has more than {MAX_RECORDS} records; give a part of it")
    return records


# --- templates --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Kind:
    """One template: its records in both logs."""

    template: str = ""
    baseline: list[LogExample] = field(default_factory=list)
    candidate: list[LogExample] = field(default_factory=list)


def _mine(baseline: list[LogExample], candidate: list[LogExample]) -> list[_Kind]:
    miner = _miner()
    kinds: dict[int, _Kind] = {}
    for name, records in (("baseline", baseline), ("candidate", candidate)):
        for record in records:
            cluster = miner.add_log_message(record.text)["cluster_id"]
            if cluster > MAX_KINDS:
                raise AgentError(f"the logs hold more than {MAX_KINDS} kinds of line; give logs of one program")
            getattr(kinds.setdefault(cluster, _Kind()), name).append(record)
    for cluster in miner.drain.clusters:
        kinds[cluster.cluster_id].template = cluster.get_template()
    return list(kinds.values())


def _miner() -> Any:
    from drain3 import TemplateMiner
    from drain3.masking import MaskingInstruction
    from drain3.template_miner_config import TemplateMinerConfig

    config = TemplateMinerConfig()
    config.drain_sim_th = 0.5
    config.drain_depth = 5  # two words deeper than the time stamp: level and component keep templates apart
    config.masking_instructions = [MaskingInstruction(pattern, name) for pattern, name in _MASKS]
    return TemplateMiner(None, config)


# --- the comparison ---------------------------------------------------------------------------------------------------


def _compare(kinds: list[_Kind], sizes: tuple[int, int], request: SentinelInput) -> SentinelReport:
    changes = sorted(_changes(kinds, sizes, request.alpha), key=lambda each: (each.p_value, each.template))
    new = tuple(each for each in changes if not each.baseline)
    vanished = tuple(each for each in changes if not each.candidate)
    shifted = tuple(each for each in changes if _has_shifted(each, request.min_ratio))
    moved = f"{len(new)} new, {len(vanished)} vanished, {len(shifted)} shifted"
    return SentinelReport(
        verdict=_verdict(new, vanished, shifted),
        summary=f"{moved} of {count_of(len(kinds), 'template')}",
        baseline_records=sizes[0],
        candidate_records=sizes[1],
        templates=len(kinds),
        new=new,
        vanished=vanished,
        shifted=shifted,
    )


def _changes(kinds: list[_Kind], sizes: tuple[int, int], alpha: float) -> Iterator[TemplateChange]:
    share = sizes[1] / sum(sizes)
    for kind in kinds:
        before, after = len(kind.baseline), len(kind.candidate)
        p_value = binomial_test(after, before + after, share)
        yield TemplateChange(
            template=excerpt(kind.template, 300),
            baseline=before,
            candidate=after,
            ratio=round(after / sizes[1] / (before / sizes[0]), 3) if before else None,
            p_value=float(f"{p_value:.3g}"),
            significant=p_value < alpha / len(kinds),
            alarming=_ALARM.search(kind.template) is not None,
            examples=tuple(
                LogExample(line=each.line, text=excerpt(each.text, 200))
                for each in (kind.candidate or kind.baseline)[:EXAMPLES]
            ),
        )


def _has_shifted(change: TemplateChange, min_ratio: float) -> bool:
    if not change.ratio or not change.significant:
        return False
    return max(change.ratio, 1 / change.ratio) >= min_ratio


def _verdict(
    new: tuple[TemplateChange, ...], vanished: tuple[TemplateChange, ...], shifted: tuple[TemplateChange, ...]
) -> Verdict:
    risen = [each for each in shifted if each.ratio and each.ratio > 1]
    if any(each.alarming for each in (*new, *risen)):
        return "fail"
    return "warn" if new or shifted or any(each.significant for each in vanished) else "pass"
