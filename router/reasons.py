"""Owns the reasons: what separates leader and runner-up, and without which words the choice would be another."""

from collections.abc import Callable, Container, Mapping, Sequence
from operator import add
from typing import Any, Final, NamedTuple

from router.attribution import Contribution, as_pairs, columns
from router.explanation import lead
from router.prediction import Abstained, Prediction
from router.protocol import NO_VETOES, Router, Study
from router.tokenizer import tokenize

#: So many words are taken away at most, to see whether the choice changes.
_MOST_REMOVED: Final = 3


class Counterfactual(NamedTuple):
    """What the router decides without some words of a request; found by asking it, never inferred.

    Attributes:
        without: The words taken away, each wherever it stands; empty where a request has no word to spare.
        text: What was asked instead.
        choice: The agent chosen then, or why nobody was.
        confidence: How sure the router was of its leader then, 0 to 1.
        changed: Whether that is another choice than the one with all words.
    """

    without: tuple[str, ...]
    text: str
    choice: str | Abstained
    confidence: float
    changed: bool

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON types; ``choice`` is null and ``abstained`` the reason where nobody was chosen."""
        choice = self.choice
        return {
            "without": list(self.without),
            "text": self.text,
            "choice": choice if isinstance(choice, str) else None,
            "abstained": None if isinstance(choice, str) else choice.value,
            "confidence": round(self.confidence, 6),
            "changed": self.changed,
        }


class Reasons(NamedTuple):
    """Why a request was decided as it was.

    Attributes:
        prediction: The decision.
        words: Each word's share of the leader's score; they sum to it. Empty where there is no leader.
        separation: Each word's share of the margin between leader and runner-up; they sum to it. Of the leader's score
            where nobody came second.
        counterfactual: As few of the strongest words as are known without which the choice is another: the fewest
            where each number was tried, and more in one request of a hundred where it was foretold how many must go and
            fewer were not tried. Where no three of them change the choice, what is decided without all three.
    """

    prediction: Prediction
    words: Sequence[Contribution]
    separation: Sequence[Contribution]
    counterfactual: Counterfactual

    def to_json(self) -> dict[str, Any]:
        """Return the prediction and its reasons as plain JSON types, weights rounded to 6 places."""
        return {
            **self.prediction.to_json(),
            "attribution": as_pairs(self.words),
            "separation": as_pairs(self.separation),
            "counterfactual": self.counterfactual.to_json(),
        }


def find_reasons(router: Router, text: str, vetoes: Mapping[str, str] = NO_VETOES) -> Reasons:
    """Decide on a request and say why, by two explanations and at most three further decisions on fewer words.

    A router that gives the reasons of a usual request at once (``EmbeddingRouter.reasons_at_once``) is let do so.

    Args:
        router: Any router.
        text: The request.
        vetoes: As in ``Router.predict``; they hold without the words, too.
    """
    quick: Callable[[str, Mapping[str, str]], Reasons | None] | None = getattr(router, "reasons_at_once", None)
    if quick and (at_once := quick(text, vetoes)):
        return at_once
    begin: Callable[[str, Mapping[str, str]], Study] | None = getattr(router, "study", None)  # isinstance takes 11 us
    study = begin(text, vetoes) if begin else _AskedAnew(router, text, vetoes)
    words, separation = study.shares()
    told, weights = columns(words)
    sums = list(map(add, weights, columns(separation)[1]))
    removable = strongest(told, sums, least_first=study.prediction.abstained)
    return Reasons(study.prediction, words, separation, _ask_without(study, text, removable))


class _AskedAnew:
    """Any router's request, studied by asking the router each time."""

    def __init__(self, router: Router, text: str, vetoes: Mapping[str, str]) -> None:
        self._router = router
        self._text = text
        self._vetoes = vetoes
        self.prediction = router.predict(text, vetoes)

    def shares(self) -> tuple[Sequence[Contribution], Sequence[Contribution]]:
        leader, runner_up = self.prediction.leader, self.prediction.runner_up
        words = self._router.explain(self._text, leader) if leader else ()
        return words, lead(words, self._router.explain(self._text, runner_up)) if runner_up else words

    def without(self, words: Container[str]) -> tuple[str, Prediction]:
        rest = " ".join([token for token in tokenize(self._text) if token not in words])
        return rest, self._router.predict(rest, self._vetoes)


def strongest(words: Sequence[str], weights: Sequence[float], *, least_first: bool) -> list[str]:
    """Return a few distinct words, but never all, those first that speak most for what was decided.

    Where the router abstained, these are the words that speak least for its leader, or most for the runner-up.

    Args:
        words: The words of a request, in order.
        weights: Share of the leader's score and share of the margin together: either may have decided.
        least_first: Whether the router abstained.
    """
    total = dict(zip(words, weights, strict=True))
    if len(total) < len(words):
        total = dict.fromkeys(words, 0.0)
        for word, weight in zip(words, weights, strict=True):
            total[word] += weight
    order = sorted(total, key=total.__getitem__, reverse=not least_first)
    found = []
    for word in order:
        if word.isalnum() or any(map(str.isalnum, word)):
            found.append(word)
            if len(found) > _MOST_REMOVED:
                break
    return found[:-1]


def _ask_without(study: Study, text: str, removable: Sequence[str]) -> Counterfactual:
    """Take away one word, then two, then three, until the choice changes (Wachter et al. 2017, by search)."""
    then = before = study.prediction
    without: tuple[str, ...] = ()
    for word in removable:
        without += (word,)
        text, then = study.without(without)
        if then.choice != before.choice:
            break
    return Counterfactual(without, text, then.choice, then.confidence, changed=then.choice != before.choice)
