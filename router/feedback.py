"""Owns the feedback: what somebody said of a decision, and what that says of the agents that were not asked."""

from dataclasses import dataclass

from router.errors import RouterError


@dataclass(frozen=True, slots=True)
class Feedback:
    """A thumb up or down on one decision.

    Attributes:
        text: The request.
        agent: Who got it.
        right: Whether that was the right agent.
        should_be: The right agent where whoever judged named it; "" if that is not known.
        propensity: Probability with which the policy took this agent, above 0 and at most 1.

    Raises:
        RouterError: No agent is named, the two names contradict the thumb, or the propensity is no probability.
    """

    text: str
    agent: str
    right: bool
    should_be: str = ""
    propensity: float = 1.0

    def __post_init__(self) -> None:
        if not self.agent:
            raise RouterError("feedback names no agent; say who got the request")
        if self.right and self.should_be not in ("", self.agent):
            raise RouterError(
                f"feedback says that {self.agent!r} was right and should be {self.should_be!r};"
                " leave out the other agent, or say that it was wrong"
            )
        if not self.right and self.should_be == self.agent:
            raise RouterError(
                f"feedback says that {self.agent!r} was wrong and should be the same; name another, or none"
            )
        if not 0 < self.propensity <= 1:
            raise RouterError(f"propensity {self.propensity:g} is no probability; it is above 0 and at most 1")

    @property
    def reward(self) -> float:
        """Return 1 for a thumb up, 0 for a thumb down."""
        return float(self.right)

    @property
    def right_agent(self) -> str:
        """Return who should have got the request; "" where that is not known."""
        return self.agent if self.right else self.should_be


def known_reward(feedback: Feedback, agent: str) -> float | None:
    """Return what any agent would have earned with this request, None where nobody knows.

    One agent is right for a request: where it is known, the others are known to be wrong.
    """
    if feedback.right_agent:
        return float(agent == feedback.right_agent)
    return 0.0 if agent == feedback.agent else None
