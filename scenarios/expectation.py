"""Expectation: the contract of what a scenario may expect, ours or a plugin's."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Final

from orchestrator.errors import PointsmanError
from scenarios.entry import Entry
from scenarios.evidence import Evidence

NOT: Final = "not-"
Check = tuple[bool, str]


class UnjudgedError(PointsmanError):
    """Raised when there is nothing to judge by: then an expectation is met in neither form; says what is missing."""


class Expectation(Entry):
    """One entry of `then`: a subclass states `type: Literal["x", "not-x"]`, its keys, and `check`.

    Its `not-` form is met exactly when the plain one is not. Keys named `task`, `tasks`, `to` and `agent` hold names of
    tasks and agents: those that the scenario does not have are refused with their line and column.
    """

    #: Judged after the others, for it looks at what is logged and reported, too.
    of_artefacts: ClassVar[bool] = False

    type: str

    @abstractmethod
    def check(self, evidence: Evidence) -> Check:
        """Return whether the plain form holds, and what happened, in words.

        Raises:
            UnjudgedError: if there is nothing to judge by.
        """

    @property
    def about(self) -> Sequence[str]:
        """Tasks that it speaks of: of one that the run never had nothing is proved, in either form."""
        return [task] if (task := getattr(self, "task", "")) else getattr(self, "tasks", ())

    @property
    def reads(self) -> Sequence[str]:
        """Providers of the states that it reads."""
        return ()

    @property
    def redacts_by(self) -> str:
        """Profile of redaction that it names under its key `profile`: `default`, or a file beside the scenario."""
        return ""

    @property
    def files(self) -> Sequence[str]:
        """Files beside the scenario that it looks into, under its key `file`; they need not be there yet."""
        return ()
