"""Owns the contract of a router: predict and explain, and, for those that can, learn an agent on the spot."""

from collections.abc import Container, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Protocol, runtime_checkable

from router.attribution import Contribution
from router.calibration import Calibration
from router.prediction import Prediction
from router.profile import AgentProfile

NO_VETOES: Final[Mapping[str, str]] = MappingProxyType({})


@runtime_checkable
class Router(Protocol):
    """Picks one of the agents it knows for a text; a pure function of the text, the vetoes and the fingerprint."""

    @property
    def fingerprint(self) -> str:
        """Return a digest of the weights and of every registered row: same fingerprint, same scores."""
        ...

    def predict(self, text: str, vetoes: Mapping[str, str] = NO_VETOES) -> Prediction:
        """Decide on one request.

        Args:
            text: The request, any string.
            vetoes: Agent name to the reason why it is not eligible now; names not registered are ignored.
        """
        ...

    def explain(self, text: str, agent: str) -> Sequence[Contribution]:
        """Split an agent's score over the words of the text, in their order; the weights sum to that score.

        Raises:
            RouterError: The agent is not registered.
        """
        ...


class Study(Protocol):
    """One request as a router has decided on it, with what its reasons are made of."""

    @property
    def prediction(self) -> Prediction:
        """Return the decision."""
        ...

    def shares(self) -> tuple[Sequence[Contribution], Sequence[Contribution]]:
        """Return each word's share of the leader's score, as ``Router.explain`` does, and of the margin.

        Both are empty where nobody leads, and the same where nobody came second.
        """
        ...

    def without(self, words: Container[str]) -> tuple[str, Prediction]:
        """Take words away, each wherever it stands, and decide on the others; return these, joined by spaces, too."""
        ...


@runtime_checkable
class Studies(Protocol):
    """A router that gives the reasons of a request without reading it again and again."""

    def study(self, text: str, vetoes: Mapping[str, str] = NO_VETOES) -> Study:
        """Decide on one request, as ``Router.predict`` does, and keep what its reasons are made of."""
        ...


@runtime_checkable
class Respells(Protocol):
    """A router that reads some misspelt words as those that were meant."""

    def read_as(self, text: str) -> Mapping[str, str]:
        """Return the words of a text that are read as others, each with the word that is meant."""
        ...


@runtime_checkable
class LearnsAgents(Protocol):
    """A router to which agents can be added, and from which they can be taken, while it serves."""

    def add(self, profile: AgentProfile) -> None:
        """Make the agent a candidate from now on; an agent of the same name is replaced."""
        ...

    def remove(self, name: str) -> None:
        """Take the agent away: scores and fingerprint are those of a router that never had it.

        Raises:
            RouterError: The agent is not registered.
        """
        ...


@runtime_checkable
class Calibrated(Protocol):
    """A router whose confidence follows from its scores by a calibration that stays, whoever is registered."""

    @property
    def calibration(self) -> Calibration | None:
        """Return it, None where there is none; the threshold of a decision may be another one."""
        ...
