"""Owns the instant reasons: a usual request decided on, split over its words and asked again, in one function."""

import math
from collections.abc import Callable, Sequence
from operator import add, sub
from typing import Any, Final, TypeAlias

from router.attribution import Attribution
from router.calibration import Calibration
from router.decision import Roster
from router.encoder import Encoder
from router.explanation import split_both
from router.features import STAMP
from router.instant import Instant
from router.pooling import Parts, Vector
from router.prediction import Abstained, Prediction
from router.reasons import Counterfactual, Reasons, strongest
from router.word_cache import EMPTY, NUMBER

#: From a text to its reasons; None where the text is so unusual that they must be found step by step.
InstantReasons: TypeAlias = Callable[[str], Reasons | None]

_WORD: Final = STAMP * NUMBER.itemsize
_FIRST_WORD: Final = EMPTY * NUMBER.itemsize
#: Odds are exponentials of at most so much: far from what a float holds.
_MOST_EXPONENT: Final = 300.0
_exp: Final = math.exp
_sqrt: Final = math.sqrt
_made: Final[Any] = tuple.__new__  # what a named tuple does when it is called, without the Python in between


def prepare_reasons(
    roster: Roster, rows: Sequence[Vector], calibration: Calibration, encoder: Encoder, instant: Instant
) -> InstantReasons | None:
    """Return what finds reasons as ``find_reasons`` does step by step, but tries first what is foretold to suffice.

    As many words as are foretold are left out first, and one more each time that the choice is still the same.
    There is no such function for an encoder that knows no pairs of words.

    Args:
        roster: The agents, all of them known from training.
        rows: The row of each, shape (width,).
        calibration: From scores to confidence.
        encoder: Reads texts.
        instant: Decides on them.
    """
    if not encoder.vocabulary.word_order:
        return None
    places = {name: at for at, name in enumerate(roster.names)}
    limits = (calibration.scale, calibration.beta.odds_at(calibration.threshold))
    read_text, read_again = encoder.read, encoder.read_again

    def reasons_at_once(text: str) -> Reasons | None:
        keep: list[Parts] = []
        read = read_text(text, keep)
        before = instant(read)
        if before is None:
            return None
        choice, leader, runner_up, *_, board, _, _ = before
        parts = keep[0]
        vector, _, _, tokens = parts
        at = places[leader]
        factor = 1.0 / _sqrt(float(vector.dot(vector)))
        ours, theirs, losses, their_losses = split_both(parts, rows[at], rows[places[runner_up]], factor)
        ahead = list(map(sub, ours, theirs))
        words = strongest(tokens, list(map(add, ours, ahead)), least_first=isinstance(choice, Abstained))
        then, asked = before, text
        without: tuple[str, ...] = ()
        least = _foretell(before, board.scores.item(at), words, (tokens, losses, their_losses), limits)
        for gone in range(least, len(words) + 1):
            without = tuple(words[:gone])
            kept, line = tokens.copy(), bytearray(read[2])
            for word in without:
                while word in kept:
                    place = kept.index(word)
                    del kept[place]
                    begin = _FIRST_WORD + _WORD * place
                    del line[begin : begin + _WORD]
            asked = " ".join(kept)
            answer = instant(read_again(asked, line, read[3]))
            if answer is None:
                return None
            then = answer
            if then[0] != choice:
                break
        found = _made(Counterfactual, (without, asked, then[0], then[4], then[0] != choice))
        reasons = (before, Attribution(tokens, ours), Attribution(tokens, ahead), found)
        return _made(Reasons, reasons)  # type: ignore[no-any-return]  # Reasons

    return reasons_at_once


def _foretell(
    prediction: Prediction,
    best: float,
    words: Sequence[str],
    losses: tuple[Sequence[str], Sequence[float], Sequence[float]],
    limits: tuple[float, float],
) -> int:
    """Return how many words must go, it seems, for the choice to change, at least 1; all where no change is in sight.

    What leader and runner-up lose without a word is known, but for pairs that two of the words make, which count twice,
    and pairs made anew. The text's vector is taken to get shorter as if all words were as long and none like another,
    everybody else to stay where they are.

    Args:
        prediction: With all words; 1 is said of one that abstained, for nothing is known of those.
        best: The leader's score.
        words: Distinct words of the text, but not all.
        losses: All words of the text, and what the scores of leader and runner-up lose with each.
        limits: From scores to odds, and the odds against a leader above which it is not chosen.
    """
    choice, _, _, margin, confidence, _, _, _, _, other = prediction
    if not other or isinstance(choice, Abstained):
        return 1
    (tokens, ours, theirs), (scale, most_odds) = losses, limits
    rest, top = best - margin, best * scale
    odds = _exp(-margin * scale)
    others = odds * (1.0 - confidence) / other - odds  # of all but the two, "none of these" among them
    kept = count = len(tokens)
    for gone, word in enumerate(words, 1):
        at = -1
        for _ in range(tokens.count(word)):
            at = tokens.index(word, at + 1)
            best -= ours[at]
            rest -= theirs[at]
            kept -= 1
        longer = _sqrt(count / kept) * scale
        against = others + _exp(min(rest * longer - top, _MOST_EXPONENT))
        if against * _exp(min(top - best * longer, _MOST_EXPONENT)) > most_odds:
            return gone
    return max(len(words), 1)
