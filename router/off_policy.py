"""Owns the off-policy estimate: what another policy would have earned on logged decisions, and how sure that is.

A log says what one agent earned, not what the others would have. Where the log took its agents by chance, dividing by
the probability of what was taken makes up for what was not: inverse propensity scores (Horvitz and Thompson 1952), the
same normalised by their sum (Swaminathan and Joachims 2015), or added to a model of the rewards as the correction of
its errors, doubly robust (Dudik, Langford and Li 2011). Where it took them for sure, the agents not taken earned
something that nobody knows, unless a thumb names the right one: the interval then spans whatever that may have been.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from router.errors import RouterError
from router.feedback import Feedback, known_reward
from router.prediction import Abstained
from router.protocol import Router
from router.reward_model import RewardModel, combine

Policy: TypeAlias = Callable[[str], Mapping[str, float]]
Method: TypeAlias = Literal["ips", "snips", "dr"]

_Z: Final = 1.959964  # 97.5% of a normal distribution lie below
_Z_OF_TWO: Final = 2.241403  # 98.75%: of two intervals that shall both hold at 95%
#: Weights above are cut where that can only lower the estimate (Bottou et al. 2013): one lucky draw decides nothing.
_MOST_WEIGHT: Final = 20.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean reward, or a difference of two, with its 95% interval.

    Attributes:
        value: Of a policy from 0 to 1, of a difference from -1 to 1.
        low: Lower end of the interval.
        high: Upper end.
        method: How it was found.
        decisions: Number of logged decisions it rests on.
    """

    value: float
    low: float
    high: float
    method: str
    decisions: int


def greedy(router: Router) -> Policy:
    """Return what a served router does: its choice with probability 1, nobody where it abstains."""

    def policy(text: str) -> dict[str, float]:
        choice = router.predict(text).choice
        return {} if isinstance(choice, Abstained) else {choice: 1.0}

    return policy


def estimate(
    policy: Policy,
    logged: Sequence[Feedback],
    *,
    method: Method = "dr",
    reward_model: RewardModel | Sequence[RewardModel] | None = None,
) -> Estimate:
    """Return the share of requests that a policy would have given to the right agent.

    A request that the policy gives to nobody earns nothing.

    Args:
        policy: Judged here.
        logged: At least one decision of another policy, with its true propensity.
        method: Inverse propensity scores, self-normalised ones, or doubly robust.
        reward_model: For the last: the probability of each agent to be right, 0 where it is not named. Best are those
            of the router that decided and of the one that is judged, ``calibrated``, together: several models are
            fitted to the log first, see ``combine``. Without any, the probability is the same for all.

    Raises:
        RouterError: There are no decisions.
    """
    if not logged:
        raise RouterError("no logged decisions to estimate from; give at least one")
    taken = [policy(feedback.text) for feedback in logged]
    terms = _terms(taken, logged, method, reward_model)
    unknown = float(np.mean([_unknown(p, f) for p, f in zip(taken, logged, strict=True)]))
    value, spread = float(terms.mean()), _Z * _standard_error(terms)
    low, value, high = np.clip([value - spread - unknown, value, value + spread + unknown], 0, 1).tolist()
    return Estimate(value, low, high, method, len(logged))


def gain(challenger: Policy, champion: Policy, logged: Sequence[Feedback]) -> Estimate:
    """Return how much more the challenger would have earned than the champion, decision by decision.

    A decision on which both agree counts 0 whatever came of it. Where both rewards are known, their difference counts.
    Where one is not, the lower end counts the worst it can be and the upper end the best; the value counts it as
    nothing. If the log was taken by chance, and the champion's choices were among those that could be taken, inverse
    propensities make up for what is not known and may raise the lower end. An interval includes two made-up decisions,
    one for each side (after Agresti and Min 2005): so no challenger wins by fewer than six to nothing.

    Args:
        challenger: Who wants to be let in.
        champion: Who serves now.
        logged: Decisions with what was said of them, at least one.

    Raises:
        RouterError: There are no decisions.
    """
    if not logged:
        raise RouterError("no logged decisions to estimate from; give at least one")
    stakes = [_stakes(challenger(feedback.text), champion(feedback.text)) for feedback in logged]
    worst, known, best = np.array([_sure(s, f) for s, f in zip(stakes, logged, strict=True)]).T
    high = min(_upper_end(best), 1.0)
    if (worst == best).all() or not _could_be_taken(champion, logged):
        low = max(-_upper_end(-worst), -1.0)
        return Estimate(float(known.mean()), low, high, "known rewards", len(logged))
    weighted = np.array([_weighted(s, f, least) for s, f, least in zip(stakes, logged, worst.tolist(), strict=True)])
    low = max(-_upper_end(-worst, _Z_OF_TWO), -_upper_end(-weighted, _Z_OF_TWO), -1.0)
    value = float(np.clip(weighted.mean(), low, high))
    return Estimate(value, low, high, "known rewards and propensities", len(logged))


def _terms(
    taken: Sequence[Mapping[str, float]],
    logged: Sequence[Feedback],
    method: Method,
    reward_model: RewardModel | Sequence[RewardModel] | None,
) -> NDArray[np.float64]:
    """Return what each decision adds to the estimate, which is their mean, shape (decisions,)."""
    rewards = np.array([feedback.reward for feedback in logged])
    weights = np.array([p.get(f.agent, 0.0) / f.propensity for p, f in zip(taken, logged, strict=True)])
    if method == "ips":
        return np.asarray(weights * rewards)
    if method == "dr" and reward_model is not None:
        beliefs = _beliefs(taken, logged, reward_model)
        expected = np.array([_expected(p, b, f) for p, b, f in zip(taken, beliefs, logged, strict=True)])
        errors = rewards - np.array([_believed(b, f, f.agent) for b, f in zip(beliefs, logged, strict=True)])
        return np.asarray(expected + weights * errors)
    total = float(weights.sum()) or 1.0
    share = float(weights @ rewards) / total
    routed = np.array([math.fsum(policy.values()) for policy in taken])
    return np.asarray(routed * share + weights * (rewards - share) * (len(logged) / total))


def _beliefs(
    taken: Sequence[Mapping[str, float]], logged: Sequence[Feedback], model: RewardModel | Sequence[RewardModel]
) -> Sequence[Mapping[str, float]]:
    """Return how likely the model holds each agent to be right, those that the policy or the log took, by decision."""
    if isinstance(model, Sequence):
        return combine(model, logged, [{*p, f.agent} for p, f in zip(taken, logged, strict=True)])
    return [model(feedback.text) for feedback in logged]


def _expected(policy: Mapping[str, float], model: Mapping[str, float], feedback: Feedback) -> float:
    return math.fsum(chance * _believed(model, feedback, agent) for agent, chance in policy.items())


def _believed(model: Mapping[str, float], feedback: Feedback, agent: str) -> float:
    """Return what the model expects; what is known instead only of decisions that could not have gone otherwise.

    Elsewhere what is known depends on who was taken, and the correction would no longer be right on average.
    """
    known = known_reward(feedback, agent) if feedback.propensity == 1 else None
    return min(max(model.get(agent, 0.0), 0.0), 1.0) if known is None else known


def _unknown(policy: Mapping[str, float], feedback: Feedback) -> float:
    """Return the probability of taking an agent of which this decision, taken for sure, says nothing."""
    if feedback.propensity < 1:
        return 0.0
    return math.fsum(chance for agent, chance in policy.items() if known_reward(feedback, agent) is None)


def _stakes(challenger: Mapping[str, float], champion: Mapping[str, float]) -> dict[str, float]:
    """Return how much more often the challenger takes each agent, those left out that both take as often."""
    agents = {**challenger, **champion}
    stakes = {agent: challenger.get(agent, 0.0) - champion.get(agent, 0.0) for agent in agents}
    return {agent: stake for agent, stake in stakes.items() if stake}


def _sure(stakes: Mapping[str, float], feedback: Feedback) -> tuple[float, float, float]:
    """Return the least, the known and the most that the challenger gains here; at most one agent is right."""
    rewards = {agent: known_reward(feedback, agent) for agent in stakes}
    known = math.fsum(stakes[agent] * reward for agent, reward in rewards.items() if reward)
    unknown = [stakes[agent] for agent, reward in rewards.items() if reward is None]
    return known + min(0.0, *unknown, 0.0), known, known + max(0.0, *unknown, 0.0)


def _weighted(stakes: Mapping[str, float], feedback: Feedback, worst: float) -> float:
    """Return the gain here by inverse propensity, gains cut; where nothing was left to chance, the worst it can be."""
    if feedback.propensity == 1:
        return worst
    return min(stakes.get(feedback.agent, 0.0) * feedback.reward / feedback.propensity, _MOST_WEIGHT)


def _could_be_taken(champion: Policy, logged: Sequence[Feedback]) -> bool:
    """Return whether chance was at work, and no decision shows that the champion's choice was not the log's leader."""
    likely = [feedback for feedback in logged if 0.5 < feedback.propensity < 1]
    others = (chance for f in likely for agent, chance in champion(f.text).items() if agent != f.agent)
    return any(feedback.propensity < 1 for feedback in logged) and not any(others)


def _upper_end(terms: NDArray[np.float64], z: float = _Z) -> float:
    """Return the upper end of an interval for the mean, two made-up terms included, one for each side."""
    made_up = max(1.0, float(np.abs(terms).max()))
    return float(terms.sum() / (len(terms) + 2)) + z * _standard_error(np.append(terms, [made_up, -made_up]))


def _standard_error(terms: NDArray[np.float64]) -> float:
    return float(terms.std() / math.sqrt(len(terms)))
