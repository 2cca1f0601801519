"""Owns the text study: a request that is read once, for its decision, its reasons and what it is without some words."""

from collections.abc import Container, Mapping

from router.calibration import Calibration
from router.decision import decide
from router.encoder import Encoder
from router.features import WORDS
from router.prediction import Contribution, Prediction
from router.snapshot import Snapshot


class TextStudy:
    """What a trained router makes of one request, all of it with the same agents; see ``Study``."""

    __slots__ = ("_calibration", "_encoded", "_encoder", "_places", "_snapshot", "_tokens", "_vetoes", "prediction")

    def __init__(
        self, encoder: Encoder, snapshot: Snapshot, calibration: Calibration, text: str, vetoes: Mapping[str, str]
    ) -> None:
        """Read a request and decide on it.

        Args:
            encoder: Reads it.
            snapshot: The agents.
            calibration: From scores to confidence.
            text: The request.
            vetoes: As in ``Router.predict``; they hold without some words, too.
        """
        self._encoder = encoder
        self._snapshot = snapshot
        self._calibration = calibration
        self._vetoes = vetoes
        self._encoded = encoded = encoder.encode(text)
        reading = encoded.reading
        self._places = reading.frame.tolist()[WORDS:]
        self._tokens = reading.tokens
        scores = snapshot.scores(reading, encoded.vector)
        self.prediction = decide(snapshot.roster, scores, vetoes, calibration)

    def shares(self) -> tuple[tuple[Contribution, ...], tuple[Contribution, ...]]:
        """Return each word's share of the leader's score and of the margin; see ``Study.shares``."""
        _, leader, runner_up, *_ = self.prediction
        if not leader:
            return (), ()
        ours = self._snapshot.entries[leader]
        theirs = self._snapshot.entries[runner_up] if runner_up else None
        return self._snapshot.shares(self._encoder.parts(self._encoded), ours, theirs)

    def without(self, words: Container[str]) -> tuple[str, Prediction]:
        """Take words away, each wherever it stands, and decide on the others.

        They are read as any text is, by the same code, from the cache of words on; what they give is what the router
        gives for them, to the bit.
        """
        left = [at for at, token in enumerate(self._tokens) if token not in words]
        reading, vector = self._encoder.again(self._encoded.reading.known, [self._places[at] for at in left])
        scores = self._snapshot.scores(reading, vector)
        prediction = decide(self._snapshot.roster, scores, self._vetoes, self._calibration)
        return " ".join([self._tokens[at] for at in left]), prediction
