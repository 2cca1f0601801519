"""Owns the exploration: whom to try although another leads, rarely, and with which probability.

Off unless asked for. Careful where it is on: the router's own refusals stand, a leader that is as good as sure keeps
the request, and what is tried is an eligible agent with a real chance, the likelier the more often. The probability is
that of the agent taken, whoever it is: without it no log says what another policy would have earned.
"""

import math
from typing import Final, NamedTuple

from router.errors import RouterError
from router.prediction import Abstained, Prediction

#: Confidence in the leader from which nobody else is tried.
SURE: Final = 0.95
#: Least calibrated probability of being right that an agent is tried with.
REAL_CHANCE: Final = 0.05


class Explored(NamedTuple):
    """Who gets the request, and with which probability it was this agent."""

    agent: str
    propensity: float


def explore(prediction: Prediction, rate: float, draw: float) -> Explored | None:
    """Return who gets the request, None where the router abstained; pure, the chance comes from the caller.

    Args:
        prediction: The answer of a router.
        rate: Probability of trying another agent than the leader where one may be tried, at least 0 and below 1.
        draw: A random number, at least 0 and below 1, a fresh one for each request.

    Raises:
        RouterError: The rate or the draw is out of its range.
    """
    for name, value in (("rate", rate), ("draw", draw)):
        if not 0 <= value < 1:
            raise RouterError(f"exploration {name} {value:g} is out of range; it is at least 0 and below 1")
    if isinstance(prediction.choice, Abstained):
        return None
    others = worth_trying(prediction) if rate else {}
    if not others:
        return Explored(prediction.choice, 1.0)
    total = sum(others.values())
    reached = 0.0
    for agent, chance in others.items():
        propensity = rate * chance / total
        reached += propensity
        if draw < min(reached, rate):
            return Explored(agent, propensity)
    return Explored(prediction.choice, 1 - rate)


def worth_trying(prediction: Prediction) -> dict[str, float]:
    """Return the agents that may be tried instead of the leader, with the calibrated probability that each is right."""
    if prediction.confidence >= SURE:
        return {}
    chances = agent_chances(prediction)
    return {agent: chance for agent, chance in chances.items() if agent != prediction.leader and chance >= REAL_CHANCE}


def agent_chances(prediction: Prediction) -> dict[str, float]:
    """Return the calibrated probability of being right of every eligible agent, best first.

    Probabilities fall with the score by one factor, which leader and runner-up give: ``confidence_of_other`` in
    ``router.calibration``, from the record alone. With "none of these" they sum to 1. Where the map of the confidences
    leaves the leader no more than the runner-up, no factor is known, and the others count as without a chance.
    """
    lead, other = prediction.confidence, prediction.runner_up_confidence
    known = prediction.margin > 0 and 0 < other < lead
    scale = math.log(lead / other) / prediction.margin if known else math.inf
    eligible = [candidate for candidate in prediction.candidates() if candidate.eligible]
    best = eligible[0].score if eligible else 0.0
    chances = {c.name: lead if c.score >= best else lead * math.exp(-(best - c.score) * scale) for c in eligible}
    if prediction.margin > 0 and prediction.runner_up in chances:
        chances[prediction.runner_up] = other
    return chances
