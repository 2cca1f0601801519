"""Owns the reward model: how likely each agent is to be right for a request, from routers' own probabilities."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from router.exploration import agent_chances
from router.feedback import Feedback
from router.protocol import Router

RewardModel: TypeAlias = Callable[[str], Mapping[str, float]]

_SURE: Final = 1e-4  # a probability is taken to be this far from 0 and from 1 at least
_STEPS: Final = 25


def calibrated(router: Router) -> RewardModel:
    """Return the router's calibrated probabilities of every agent, whatever it would choose itself."""
    return lambda text: agent_chances(router.predict(text))


def combine(
    models: Sequence[RewardModel], logged: Sequence[Feedback], wanted: Sequence[Iterable[str]]
) -> list[dict[str, float]]:
    """Fit models to a log together, and return what they then expect of some agents for each of its requests.

    Logistic regression on their log-odds, which is the calibration of Platt (1999) for more than one score, with a
    pull towards their mean. The log is cut in two, and each half is judged by what was fitted to the other: else what
    was taken would be in the model, and a doubly robust estimate with it no longer right on average (cross-fitting;
    Chernozhukov et al. 2018).

    Args:
        models: At least one, such as ``calibrated(champion)`` and ``calibrated(challenger)``.
        logged: Decisions with what was said of them.
        wanted: For each decision, the agents to return.

    Returns:
        For each decision, the probability of each wanted agent to be right.
    """
    told = [[model(feedback.text) for model in models] for feedback in logged]
    taken = np.array([_log_odds(one, f.agent) for one, f in zip(told, logged, strict=True)])
    rewards = np.array([feedback.reward for feedback in logged])
    half = np.random.default_rng(0).permutation(len(logged)) % 2  # not by turns, as requests may come
    weights = [_fit(taken[half != part], rewards[half != part]) for part in (0, 1)]
    return [
        {agent: _sigmoid(_log_odds(one, agent) @ weights[part]) for agent in agents}
        for one, agents, part in zip(told, wanted, half.tolist(), strict=True)
    ]


def _log_odds(told: Sequence[Mapping[str, float]], agent: str) -> NDArray[np.float64]:
    """Return a one and what each model says of an agent, shape (1 + models,)."""
    chances = np.clip([one.get(agent, 0.0) for one in told], _SURE, 1 - _SURE)
    return np.append(1.0, np.log(chances / (1 - chances)))


def _fit(inputs: NDArray[np.float64], rewards: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights of the log-odds by Newton's method, shape (1 + models,); a mean where nothing is logged."""
    mean = np.full(inputs.shape[-1], 1 / (inputs.shape[-1] - 1))
    mean[0] = 0.0
    weights = mean
    for _ in range(_STEPS):
        chances = 1 / (1 + np.exp(-(inputs @ weights)))
        slope = inputs.T @ (chances - rewards) + weights - mean
        curve = (inputs * (chances * (1 - chances))[:, None]).T @ inputs + np.eye(len(mean))
        weights = weights - np.linalg.solve(curve, slope)
    return weights


def _sigmoid(value: float) -> float:
    return float(1 / (1 + np.exp(-value)))
