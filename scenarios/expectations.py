"""Expectations: hold what a scenario expects against what its run left behind, and say what happened instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from orchestrator.documents import suggest
from orchestrator.foreign import describe
from orchestrator.redaction import Recounted, Redactor, shape_of
from scenarios.conditions import canonical
from scenarios.evidence import Evidence
from scenarios.expectation import NOT, Expectation, UnjudgedError
from scenarios.history import History
from scenarios.redacting import masked_rows

#: Keys that say what an expectation is about; what is expected of it comes after them.
_FIRST: Final = ("task", "tasks", "of", "topic", "pointer")


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether an expectation was met.

    Attributes:
        expectation: the value from the scenario.
        met: whether it was.
        expected: in words.
        happened: in words.
    """

    expectation: Expectation
    met: bool
    expected: str
    happened: str

    @property
    def message(self) -> str:
        """One line for a report."""
        return f"expected {self.expected}; what happened: {self.happened}"


def judge_all(expectations: Sequence[Expectation], evidence: Evidence) -> tuple[Outcome, ...]:
    """Return the outcomes in the order of the expectations; those of artefacts are judged last, by the report, too."""
    outcomes = {index: judge(one, evidence) for index, one in enumerate(expectations) if not one.of_artefacts}
    report = (*evidence.report, *(outcomes[index].message for index in sorted(outcomes)))
    whole = replace(evidence, report=report)
    outcomes |= {index: judge(one, whole) for index, one in enumerate(expectations) if one.of_artefacts}
    return tuple(outcomes[index] for index in sorted(outcomes))


def judge(expectation: Expectation, evidence: Evidence) -> Outcome:
    """Return whether the run met the expectation.

    The `not-` form is met exactly when the plain one is not. What speaks of a task that the run never had is not met
    in either form, nor what cannot be judged. Where there is redaction it also holds of what it holds of as written:
    of a secret that came from the cassette nothing else is known, in the recording or in a replay.
    """
    expected, tasks = _in_words(expectation), evidence.history.tasks
    for name in expectation.about:
        if name not in tasks:
            happened = f"there was no task {name!r}; {suggest(name, tasks)}"
            return Outcome(expectation, met=False, expected=expected, happened=happened)
    try:
        holds, happened = expectation.check(evidence)
        if not holds and evidence.redact is not None and not expectation.of_artefacts:
            holds = _as_written(expectation, evidence, evidence.redact)
    except UnjudgedError as error:
        return Outcome(expectation, met=False, expected=expected, happened=str(error))
    except Exception as error:  # noqa: BLE001 - right: a type of a plugin's, a stranger's code
        return Outcome(expectation, met=False, expected=expected, happened=f"judging it raised {describe(error)}")
    return Outcome(expectation, holds != expectation.type.startswith(NOT), expected, happened)


def _as_written(expectation: Expectation, evidence: Evidence, redact: Redactor) -> bool:
    """Return whether the expectation without its secrets, if it has any, holds of the run without its secrets."""
    stated, recounted = expectation.model_dump(mode="json", exclude_unset=True), Recounted(redact)
    if not shape_of(redact(stated))[1]:
        return False
    written = History(row.envelope for row in masked_rows(evidence.stored, recounted))
    masked, states = recounted(stated), recounted(dict(evidence.states))
    return type(expectation).model_validate(masked).check(replace(evidence, history=written, states=states))[0]


def _in_words(expectation: Expectation) -> str:
    stated = expectation.model_dump(mode="json", exclude={"type"}, exclude_unset=True)
    ordered = sorted(stated, key=lambda name: name not in _FIRST)
    return " ".join([expectation.type, *(f"{name}={canonical(stated[name])}" for name in ordered)])
