"""Owns the decision taken again from its record alone: under another threshold, without some agents, or just as it was.

A record holds all scores, and what leader and runner-up were worth, rounded to 6 places. So a number from it stands for
a small interval, and what follows from one is a set of answers: nearly always of one answer, and of several where the
record does not tell.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from router.beta_map import LEAST_ODDS
from router.calibration import Calibration
from router.prediction import Abstained, Prediction
from router.recalled import recall

#: Half a unit of the last place on record.
HALF: Final = 0.5e-6
#: How far a margin on record may be from the difference of two scores on record: three numbers were rounded.
MARGIN_SLACK: Final = 3 * HALF + 1e-7
_SINGLE: Final = 2e-5  # relative error of odds that were added in single precision
_MOST: Final = 700.0

Choice = str | Abstained


class Interval(NamedTuple):
    """The least and the greatest that a number may be."""

    least: float
    greatest: float


class Again(NamedTuple):
    """A decision, taken again.

    Attributes:
        possible: What it may be; one choice, or those between which the record does not tell.
        leader: The best eligible agent; "" if none, or none that is known.
        runner_up: The second best; "" if none.
        margin: Score of the leader minus that of the runner-up; the leader's where it stands alone.
        confidence: How likely the leader is right; None where the record does not tell.
        other: The same of the runner-up.
        why_unknown: What the record would have to hold to tell; empty where it tells.
    """

    possible: frozenset[Choice]
    leader: str
    runner_up: str
    margin: float
    confidence: Interval | None
    other: Interval | None
    why_unknown: str = ""

    @property
    def choice(self) -> Choice | None:
        """Return the choice; None where the record does not tell."""
        return next(iter(self.possible)) if len(self.possible) == 1 else None


def under(prediction: Prediction, threshold: float) -> Again:
    """Return what another threshold would have given, exactly as ``Prediction.under`` does where the record tells.

    Args:
        prediction: From ``recall``.
        threshold: Not rounded.
    """
    return _judge(prediction, Interval(threshold, threshold))


def without(
    prediction: Prediction,
    gone: Collection[str],
    calibration: Calibration | None = None,
    threshold: float | None = None,
) -> Again:
    """Return what the router would have decided with these agents vetoed as well, all scores being what they were.

    Where nothing says how scores become a confidence, that of a new leader is not known. Of one who stays it is known
    that it does not fall: no router of this package is less sure when a rival is gone.

    Args:
        prediction: From ``recall``.
        gone: Agents that are not eligible either.
        calibration: Of the router; None where it is not known.
        threshold: None for that on record.
    """
    least = _around(prediction.threshold) if threshold is None else Interval(threshold, threshold)
    eligible, others = _eligible(prediction, ()), _eligible(prediction, gone)
    if len(others) == len(eligible):
        return _judge(prediction, least) if threshold is not None else _as_it_was(prediction)
    if not others:
        nobody = frozenset({Abstained.ALL_VETOED})
        return Again(nobody, "", "", 0.0, Interval(0.0, 0.0), Interval(0.0, 0.0))
    ranked = _rank(prediction, others)
    leader, runner_up, margin = ranked[0], ranked[1] if len(ranked) > 1 else "", _margin(others, ranked)
    if len(tied := _tied(others, ranked, prediction)) > 1:
        told = f"{' and '.join(tied)} have the same score to six places, and the record does not say who led"
        return Again(frozenset({*tied, Abstained.BELOW_THRESHOLD}), "", "", margin, None, None, told)
    if calibration is None:
        return _unjudged(prediction, least, leader, runner_up, margin)
    sure, other = sureness(others, leader, runner_up, calibration)
    return _told(outcomes(leader, sure, other, least), leader, runner_up, margin, sure, other)


def disagreements(record: Mapping[str, Any], calibration: Calibration | None = None) -> list[str]:
    """Return what of a decision does not follow from the scores and the confidence on its record; empty if all does.

    Leader, runner-up and margin follow from the scores and the vetoes, the choice from the confidence and the
    threshold, and the confidence from the scores and the calibration, where that is known.

    Args:
        record: As ``Prediction.to_json`` gives it.
        calibration: Of the router; None where it is not known.
    """
    return list(_disagreements(recall(record), calibration))


def outcomes(leader: str, sure: Interval, other: Interval, threshold: Interval) -> frozenset[Choice]:
    """Return what ``choose`` may give for a leader, if three numbers are somewhere in these intervals."""
    found: set[Choice] = set()
    if sure.greatest >= threshold.least:
        found.add(leader)
    if sure.least < threshold.greatest:
        most = min(sure.greatest, threshold.greatest)
        near = most + other.greatest >= threshold.least and most + 2 * other.greatest >= 1
        far = sure.least + other.least < threshold.greatest or sure.least + 2 * other.least < 1
        found |= {reason for reason, may in ((Abstained.NEAR_TIE, near), (Abstained.BELOW_THRESHOLD, far)) if may}
    return frozenset(found)


def sureness(
    scores: Mapping[str, float], leader: str, runner_up: str, calibration: Calibration
) -> tuple[Interval, Interval]:
    """Return how likely leader and runner-up are right, from scores on record: see ``Calibration.judge``.

    Args:
        scores: Of all eligible agents, rounded to 6 places.
        leader: The best of them.
        runner_up: The second best; "" for none.
        calibration: Of the router.
    """
    scale, best = calibration.scale, scores[leader]
    against = sum(math.exp((score - best) * scale) for name, score in scores.items() if name != leader)
    against += math.exp(min((calibration.floor - best) * scale, _MOST))
    slack = math.expm1(scale * 2 * HALF) + _SINGLE
    odds = Interval(against / (1 + slack), against * (1 + slack))
    sure = Interval(calibration.beta.confidence(odds.greatest), calibration.beta.confidence(odds.least))
    if not runner_up:
        return sure, Interval(0.0, 0.0)
    share = math.exp((scores[runner_up] - best) * scale)
    low = min(1.0, share / (1 + slack) / max(LEAST_ODDS, odds.greatest))
    high = min(1.0, share * (1 + slack) / max(LEAST_ODDS, odds.least))
    return sure, Interval((1 - sure.greatest) * low, (1 - sure.least) * high)


def _disagreements(prediction: Prediction, calibration: Calibration | None) -> Iterator[str]:
    eligible = _eligible(prediction, ())
    if not eligible:
        nobody = Abstained.ALL_VETOED if prediction.scoreboard.names else Abstained.NO_CANDIDATES
        if (prediction.choice, prediction.leader) != (nobody, ""):
            yield f"choice: {_name(prediction.choice)} where nobody was eligible"
        return
    ranked = _rank(prediction, eligible)
    second = ranked[1] if len(ranked) > 1 else ""
    for what, said, found in (("leader", prediction.leader, ranked[0]), ("runner_up", prediction.runner_up, second)):
        if said != found:
            yield f"{what}: {said or 'nobody'} on record, {found or 'nobody'} by the scores"
    margin = _margin(eligible, ranked)
    if abs(margin - prediction.margin) > MARGIN_SLACK:
        yield f"margin: {prediction.margin:g} on record, {margin:.6f} by the scores"
    if calibration is not None and prediction.leader in eligible:
        sure, other = sureness(eligible, ranked[0], second, calibration)
        for what, value, within in (
            ("confidence", prediction.confidence, sure),
            ("runner_up_confidence", prediction.runner_up_confidence, other),
        ):
            if not within.least - HALF <= value <= within.greatest + HALF:
                yield f"{what}: {value:g} on record, {within.least:.6f} to {within.greatest:.6f} by the scores"
    again = _judge(prediction, _around(prediction.threshold))
    if prediction.choice not in again.possible:
        told = " or ".join(sorted(map(_name, again.possible)))
        yield f"choice: {_name(prediction.choice)} on record, {told} by confidence and threshold"


def _judge(prediction: Prediction, threshold: Interval) -> Again:
    """Return what the leader's confidence on record gives under a threshold."""
    sure, other = _around(prediction.confidence), _around(prediction.runner_up_confidence)
    about = (prediction.leader, prediction.runner_up, prediction.margin)
    if not prediction.leader:
        return Again(frozenset({prediction.choice}), *about, sure, other)
    return _told(outcomes(prediction.leader, sure, other, threshold), *about, sure, other)


def _as_it_was(prediction: Prediction) -> Again:
    about = (prediction.leader, prediction.runner_up, prediction.margin)
    sure, other = _around(prediction.confidence), _around(prediction.runner_up_confidence)
    return Again(frozenset({prediction.choice}), *about, sure, other)


def _told(
    possible: frozenset[Choice], leader: str, runner_up: str, margin: float, sure: Interval, other: Interval
) -> Again:
    near = "its confidence is nearer to where the choice changes than the record tells"
    return Again(possible, leader, runner_up, margin, sure, other, near if len(possible) > 1 else "")


def _unjudged(prediction: Prediction, threshold: Interval, leader: str, runner_up: str, margin: float) -> Again:
    told = "the record does not say how scores become a confidence"
    possible: frozenset[Choice] = frozenset({leader, Abstained.BELOW_THRESHOLD, Abstained.NEAR_TIE})
    if leader == prediction.leader and prediction.confidence - HALF >= threshold.greatest:
        possible, told = frozenset({leader}), ""
    return Again(possible, leader, runner_up, margin, None, None, told)


def _eligible(prediction: Prediction, gone: Collection[str]) -> dict[str, float]:
    """Return the scores of those who are eligible and not gone, in the order of the candidates."""
    board = prediction.scoreboard
    pairs = zip(board.names, board.scores.tolist(), strict=True)
    return {name: score for name, score in pairs if name not in board.vetoes and name not in gone}


def _rank(prediction: Prediction, scores: Mapping[str, float]) -> list[str]:
    """Return names, best first; of equal scores the order on record counts, then that of the candidates."""
    first = {prediction.leader: 0, prediction.runner_up: 1}
    return sorted(scores, key=lambda name: (-scores[name], first.get(name, 2)))


def _tied(scores: Mapping[str, float], ranked: Sequence[str], prediction: Prediction) -> list[str]:
    """Return those who may lead: one, where the record tells."""
    best = [name for name in ranked if scores[name] == scores[ranked[0]]]
    return best[:1] if best[0] in (prediction.leader, prediction.runner_up) else best


def _margin(scores: Mapping[str, float], ranked: Sequence[str]) -> float:
    return scores[ranked[0]] - scores[ranked[1]] if len(ranked) > 1 else scores[ranked[0]]


def _around(value: float) -> Interval:
    return Interval(max(0.0, value - HALF), min(1.0, value + HALF))


def _name(choice: Choice) -> str:
    return choice if isinstance(choice, str) else choice.reason
