"""Judge policies on decisions that another one took: how far off the estimates are, and whom the promotion lets in.

Run ``python -m benchmarks.router.off_policy [--seeds 0 1 ...] [--simulations 100] [--json]``; the data is found by
``POINTSMAN_DATA``. The champion has learnt ten examples an intent of BANKING77, the worse one five, the equal one the
same ten with other random numbers, the better one the ten and 5,000 other texts of ``train.jsonl`` with their labels.
None abstains. The rest of ``train.jsonl`` and ``dev.jsonl``, of which nobody has learnt, is what is asked: a log is
1,500 of these requests, decided with 95% of the champion's calibrated probabilities and 5% of an equal chance for all,
and of each decision only a thumb is seen. The doubly robust estimate combines the champion's probabilities with those
of the router that is judged. The truth that an estimate is held against is the accuracy on all that is asked, not on
the 1,500, so that the chance of the draw is in the error.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.router.data import DATA
from benchmarks.router.feedback import build_world
from router import EmbeddingRouter, Example, Feedback, Policy, calibrated, estimate, greedy, judge, read_examples
from router.exploration import agent_chances
from router.off_policy import Method
from router.trained_model import train
from router.training_config import FEW_EXAMPLES, TrainingConfig, recipe

DECISIONS: Final = 1500
AT_RANDOM: Final = 0.05
_ASKED: Final = {"worse": "worse", "same": "champion", "better": "better"}  # what a policy is called, and whose it is
METHODS: Final[tuple[Method, ...]] = ("ips", "snips", "dr")
NAMED: Final = 0.3  # share of the thumbs down that name the right agent, in the simulated promotions
_ROUTES_ALL: Final = replace(FEW_EXAMPLES, threshold=0.0)


@dataclass(frozen=True, slots=True)
class Players:
    """The routers, what is asked of them, and which share of it each has right, in percent."""

    asked: Sequence[Example]
    routers: Mapping[str, EmbeddingRouter]
    truth: Mapping[str, float]


def build_players() -> Players:
    """Train everybody."""
    world = build_world(0, 0.0, 0.0)
    learnt = {example.text for example in [*world.shown, *world.requests]}
    others = read_examples(DATA / "banking77" / "train.jsonl")
    asked = [*(example for example in others if example.text not in learnt), *world.dev]
    labelled = [Feedback(request.text, request.label, right=True) for request in world.requests]
    many = recipe(_ROUTES_ALL, len(world.shown), len(labelled))
    quick = replace(_ROUTES_ALL, cross_validate=False, folds=5)
    routers = {
        "champion": _serve(world.shown, _ROUTES_ALL),
        "worse": _serve(read_examples(DATA / "banking77" / "train_5.jsonl"), quick),
        "equal": _serve(world.shown, replace(quick, seed=1)),
        "better": _serve(world.shown, replace(many, cross_validate=False), labelled),
    }
    truth = {name: _accuracy(greedy(router), asked) for name, router in routers.items()}
    return Players(asked, routers, truth)


class Log:
    """Draws decisions of a router that takes its agents by chance."""

    def __init__(self, router: EmbeddingRouter, asked: Sequence[Example]) -> None:
        """Compute once with which probability each agent would be taken for each request."""
        chances = [agent_chances(router.predict(example.text)) for example in asked]
        self.agents = sorted(chances[0])
        table = np.array([[one[agent] for agent in self.agents] for one in chances])
        self._table = (1 - AT_RANDOM) * table / table.sum(axis=1, keepdims=True) + AT_RANDOM / len(self.agents)
        self._asked = asked

    def draw(self, generator: np.random.Generator, named: float = 0.0) -> list[Feedback]:
        """Return 1,500 decisions with their thumbs, of which a share names the right agent where it was another."""
        chosen = generator.permutation(len(self._asked))[:DECISIONS].tolist()
        return [self._decide(self._asked[at], self._table[at], generator, named) for at in chosen]

    def _decide(
        self, example: Example, chances: NDArray[np.float64], generator: np.random.Generator, named: float
    ) -> Feedback:
        at = int(generator.choice(len(chances), p=chances))
        agent, right = self.agents[at], self.agents[at] == example.label
        tells = not right and generator.random() < named
        should_be = example.label if tells else ""
        return Feedback(example.text, agent, right=right, should_be=should_be, propensity=float(chances[at]))


@dataclass(frozen=True, slots=True)
class Errors:
    """How one method of estimating did over some logs.

    Attributes:
        mean: Mean absolute error over policies and logs, in points.
        of: The same for each policy.
        held: In how many logs the interval of each policy holds the truth.
        ordered: In how many logs worse, same and better come out in this order.
    """

    mean: float
    of: Mapping[str, float]
    held: Mapping[str, int]
    ordered: int


def measure_errors(players: Players, seeds: Sequence[int]) -> dict[Method, Errors]:
    """Return how every method did on every policy, a log for each seed."""
    log = Log(players.routers["champion"], players.asked)
    policies = {name: cache(greedy(players.routers[of])) for name, of in _ASKED.items()}
    models = {name: cache(calibrated(players.routers[of])) for name, of in _ASKED.items()}
    logs = [log.draw(np.random.default_rng(seed)) for seed in seeds]
    errors: dict[Method, Errors] = {}
    for method in METHODS:
        found = [
            {
                name: estimate(policy, decisions, method=method, reward_model=[models["same"], models[name]])
                for name, policy in policies.items()
            }
            for decisions in logs
        ]
        truth = {name: players.truth[of] for name, of in _ASKED.items()}
        off = {name: [abs(100 * one[name].value - truth[name]) for one in found] for name in _ASKED}
        errors[method] = Errors(
            statistics.fmean(value for values in off.values() for value in values),
            {name: statistics.fmean(values) for name, values in off.items()},
            {name: sum(100 * one[name].low <= truth[name] <= 100 * one[name].high for one in found) for name in _ASKED},
            sum(one["worse"].value < one["same"].value < one["better"].value for one in found),
        )
    return errors


def simulate_promotions(players: Players, simulations: int) -> dict[str, tuple[float, int]]:
    """Return by pair the true gain in points and how often the gate of ``judge`` lets the challenger in."""
    less, more = sorted(("champion", "equal"), key=lambda name: players.truth[name])
    pairs = {"A/A, another seed": (more, less), "A/worse": ("champion", "worse"), "A/better": ("champion", "better")}
    found = {}
    for name, (champion, challenger) in pairs.items():
        log = Log(players.routers[champion], players.asked)
        let_in = 0
        for seed in range(simulations // 2):
            held_back = log.draw(np.random.default_rng(1000 + seed), NAMED)
            let_in += judge(players.routers[champion], players.routers[challenger], held_back, ()).passed
        found[name] = (players.truth[challenger] - players.truth[champion], let_in)
    return found


def figures(seed: int, models: Mapping[str, Path], simulations: int = 100) -> dict[str, float]:
    """Return the mean errors in points, right orders and bad promotions; the ten logs have seeds of their own."""
    del seed, models
    players = build_players()
    errors = measure_errors(players, range(10))
    promoted = simulate_promotions(players, simulations)
    return {
        "mean_error": errors["dr"].mean,
        "mean_error_ips": errors["ips"].mean,
        "mean_error_snips": errors["snips"].mean,
        "right_orders": errors["dr"].ordered,
        "bad_promotions": sum(let_in for name, (_, let_in) in promoted.items() if name != "A/better"),
        "good_promotions_of_50": promoted["A/better"][1],
    }


def main() -> int:
    """Measure the errors of the estimates, then the promotions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--simulations", type=int, default=100, help="of equal and worse challengers, half each")
    parser.add_argument("--json", action="store_true", help="the figures of the table as JSON")
    options = parser.parse_args()
    if not DATA.is_dir():
        print(f"{DATA}: no data; set POINTSMAN_DATA", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(figures(0, {}, options.simulations)))
        return 0
    players = build_players()
    for method, errors in measure_errors(players, options.seeds).items():
        print(_line(method, errors, players, len(options.seeds)), flush=True)
    for name, (gained, let_in) in simulate_promotions(players, options.simulations).items():
        print(f"{name} (true gain {gained:+.1f} points): let in {let_in} of {options.simulations // 2}", flush=True)
    return 0


def _line(method: Method, errors: Errors, players: Players, logs: int) -> str:
    cells = [
        f"{name} ({players.truth[of]:.1f}) {errors.of[name]:.2f}, interval holds it {errors.held[name]} of {logs}"
        for name, of in _ASKED.items()
    ]
    order = f"right order in {errors.ordered} of {logs}"
    return f"{method}: mean error {errors.mean:.2f} points; {'; '.join(cells)}; {order}"


def _serve(shown: Sequence[Example], config: TrainingConfig, feedback: Sequence[Feedback] = ()) -> EmbeddingRouter:
    model = train(shown, config, feedback=feedback)
    return EmbeddingRouter(model.manifest, model.arrays)


def _accuracy(policy: Policy, asked: Sequence[Example]) -> float:
    return 100 * statistics.fmean(policy(example.text).get(example.label, 0.0) for example in asked)


if __name__ == "__main__":
    sys.exit(main())
