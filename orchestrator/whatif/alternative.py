"""The alternative: another threshold, agents that are not there, another model; each decision taken again under it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.clock import seeded_random
from orchestrator.whatif.answer import Answer, Side
from orchestrator.whatif.recorded import Decided

if TYPE_CHECKING:
    from router import Prediction, Router
    from router.again import Again

_GONE = "not there"


@dataclass(frozen=True, slots=True)
class Alternative:
    """What is supposed to have been otherwise.

    Attributes:
        threshold: below this confidence the router abstains; None leaves the one on record, or the model's own.
        without: agents that are not there.
        router: that is asked instead of the records, about the candidates on record.
        knows: the agents that the router knows.
    """

    threshold: float | None = None
    without: frozenset[str] = frozenset()
    router: Router | None = None
    knows: frozenset[str] = frozenset()

    def answer(self, decided: Decided) -> Answer:
        """Take one decision again."""
        before = Side.on_record(decided.decision)
        after, why_unknown = self._after(decided, before)
        return Answer(decided.task, decided.sequence, decided.request, before, after, why_unknown)

    def rewrite(self, decided: Decided) -> dict[str, Any]:
        """Return the record as it would have been under another threshold, to the last digit.

        Only for an alternative that is a threshold and nothing else.
        """
        record = dict(decided.decision)
        side = self.answer(decided).after
        if self.threshold is None or not decided.asked_router:
            return record
        choice = side.leader if not side.abstained else None
        record |= {"choice": choice, "abstained": side.abstained or None, "budget": None}
        record |= {"threshold": round(self.threshold * 1e6) / 1e6, "chosen": side.chosen or None}
        return record | {"policy": side.policy, "fallback": side.chosen if side.policy == "fallback" else None}

    # -- inside ------------------------------------------------------------------------------------------------------

    def _after(self, decided: Decided, before: Side) -> tuple[Side, str]:
        if not decided.asked_router:
            return self._named(before)
        prediction, again = self._again(decided)
        if again.choice is None:
            return _side(again, self._threshold(prediction), "", "learned"), again.why_unknown
        return self._dealt(decided, before, prediction, again)

    def _named(self, before: Side) -> tuple[Side, str]:
        """Return what becomes of a decision that somebody else than the router took."""
        if before.chosen not in self.without:
            return before, ""
        if who := {"answered": "a person", "replaced": "the fork"}.get(before.policy):
            return before, f"{who} named {before.chosen}, and would have to name somebody else"
        return Side("", "refused"), ""

    def _again(self, decided: Decided) -> tuple[Prediction, Again]:
        """Return what the decision is made again from, and what it is then: of agents that there were."""
        gone = set(self.without)
        while True:
            prediction, again = self._once(decided, gone)
            choice = again.choice
            if not isinstance(choice, str) or not decided.registered or choice in decided.registered | gone:
                return prediction, again
            gone.add(choice)

    def _once(self, decided: Decided, gone: set[str]) -> tuple[Prediction, Again]:
        from router.again import under, without
        from router.recalled import recall

        if self.router is not None:
            absent = sorted(gone | (self.knows - decided.candidates))
            vetoes = {**decided.decision["vetoes"], **dict.fromkeys(absent, _GONE)}
            prediction = self.router.predict(decided.request, vetoes)
            prediction = prediction if self.threshold is None else prediction.under(self.threshold)
            return prediction, _as_predicted(prediction)
        prediction = recall(decided.decision)
        if not gone and self.threshold is not None:
            return prediction, under(prediction, self.threshold)
        return prediction, without(prediction, gone, decided.calibration, self.threshold)

    def _dealt(self, decided: Decided, before: Side, prediction: Prediction, again: Again) -> tuple[Side, str]:
        """Return what the run does with the router's answer: by its rules, and by chance where these say so."""
        choice, threshold = again.choice, self._threshold(prediction)
        record = decided.decision
        same = (choice if isinstance(choice, str) else None) == record["choice"] and before.chosen not in self.without
        untouched = self.router is None and not self.without
        if same and isinstance(choice, str) and (untouched or not (decided.rules.explore or record["propensity"] < 1)):
            return _side(again, threshold, before.chosen, before.policy), ""
        if not isinstance(choice, str):
            stays = same and before.abstained
            chosen = before.chosen if stays else self._fallback(decided)
            return _side(again, threshold, chosen, "fallback" if chosen else "learned"), ""
        return self._explored(decided, _side(again, threshold, choice, "learned"), prediction, again)

    def _fallback(self, decided: Decided) -> str:
        fallback = decided.rules.fallback
        return fallback if fallback in decided.registered and fallback not in self.without else ""

    def _explored(self, decided: Decided, side: Side, prediction: Prediction, again: Again) -> tuple[Side, str]:
        """Return who gets what is routed: perhaps another than the leader, as the run and its seed draw."""
        from router import explore

        if not decided.rules.explore:
            unknown = "the run tried other agents than the leader, and how often is not on record"
            return side, "" if decided.rules.known or decided.decision["propensity"] == 1 else unknown
        sure, other = _middle(again.confidence), _middle(again.other)
        if sure is None or other is None:
            return side, "the run tries others than the leader, and how likely they are is not known"
        gone = dict.fromkeys(self.without, _GONE)
        board = prediction.scoreboard._replace(vetoes={**prediction.scoreboard.vetoes, **gone})
        drawn = prediction._replace(
            choice=side.chosen,
            leader=again.leader,
            runner_up=again.runner_up,
            margin=again.margin,
            confidence=sure,
            runner_up_confidence=other,
            scoreboard=board,
        )
        draw = seeded_random(decided.seed, decided.run, "explore", decided.task).random()
        taken = explore(drawn, decided.rules.explore, draw)
        if taken is None or taken.agent == side.chosen:
            return side, ""
        return side._replace(chosen=taken.agent, policy="explored"), ""

    def _threshold(self, prediction: Prediction) -> float:
        return prediction.threshold if self.threshold is None else self.threshold


def _side(again: Again, threshold: float, chosen: str, policy: str) -> Side:
    choice = again.choice
    reason = "" if choice is None or isinstance(choice, str) else choice.reason
    about = (again.leader, again.runner_up, again.margin)
    return Side(chosen, policy, reason, *about, _middle(again.confidence), threshold)


def _middle(interval: tuple[float, float] | None) -> float | None:
    return None if interval is None else (interval[0] + interval[1]) / 2


def _as_predicted(prediction: Prediction) -> Again:
    from router.again import Again, Interval

    sure, other = prediction.confidence, prediction.runner_up_confidence
    about = (prediction.leader, prediction.runner_up, prediction.margin)
    return Again(frozenset({prediction.choice}), *about, Interval(sure, sure), Interval(other, other))
