"""Owns the promotion: what a challenger must show before it is let in."""

from collections.abc import Sequence
from dataclasses import dataclass

from router.dataset import Example
from router.feedback import Feedback
from router.off_policy import Estimate, gain, greedy
from router.protocol import Router


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a challenger is let in, and what speaks against it.

    Attributes:
        gain: What it would have earned more than the champion on what was held back.
        lost: Requests whose right agent is known, which the champion leads rightly and the challenger does not.
        reasons: What speaks against it, a sentence each; empty if it is let in.
    """

    gain: Estimate
    lost: tuple[Example, ...]
    reasons: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Return whether the challenger is let in."""
        return not self.reasons


def judge(champion: Router, challenger: Router, held_back: Sequence[Feedback], known: Sequence[Example]) -> Verdict:
    """Let a challenger in only if the 95% lower bound of its gain is above zero and nothing known is lost.

    Args:
        champion: Who serves now.
        challenger: Who wants to.
        held_back: Judged decisions that the challenger has not learnt from, at least one.
        known: Requests that must stay right.

    Raises:
        RouterError: Nothing was held back.
    """
    found = gain(greedy(challenger), greedy(champion), held_back)
    lost = tuple(example for example in known if _leads(champion, example) and not _leads(challenger, example))
    return Verdict(found, lost, tuple(_objections(found, lost)))


def _leads(router: Router, example: Example) -> bool:
    return router.predict(example.text).leader == example.label


def _objections(found: Estimate, lost: Sequence[Example]) -> list[str]:
    objections = []
    if found.low <= 0:
        objections.append(
            f"its gain on {found.decisions} judged decisions is {100 * found.value:+.1f} points,"
            f" 95% interval {100 * found.low:+.1f} to {100 * found.high:+.1f}: not above zero for sure"
        )
    if lost:
        objections.append(
            f"{len(lost)} known request(s) no longer go to the right agent,"
            f" such as {lost[0].text!r} to {lost[0].label!r}"
        )
    return objections
