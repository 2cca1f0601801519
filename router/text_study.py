"""Owns the text study: a request that is read once, for its decision, its reasons and what it is without some words."""

from collections.abc import Container, Mapping, Sequence

from router.attribution import Contribution
from router.calibration import Calibration
from router.decision import decide
from router.encoder import Encoder
from router.prediction import Prediction
from router.snapshot import Snapshot


class TextStudy:
    """What a trained router makes of one request, all of it with the same agents; see ``Study``."""

    __slots__ = ("_calibration", "_encoded", "_encoder", "_snapshot", "_tokens", "_vetoes", "prediction")

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
        self._tokens = encoded.reading.tokens
        self.prediction = decide(snapshot.roster, snapshot.scores(encoded), vetoes, calibration)

    def shares(self) -> tuple[Sequence[Contribution], Sequence[Contribution]]:
        """Return each word's share of the leader's score and of the margin; see ``Study.shares``."""
        _, leader, runner_up, *_ = self.prediction
        if not leader:
            return (), ()
        ours = self._snapshot.entries[leader]
        theirs = self._snapshot.entries[runner_up] if runner_up else None
        return self._snapshot.shares(self._encoder.parts(self._encoded), ours, theirs)

    def without(self, words: Container[str]) -> tuple[str, Prediction]:
        """Take words away, each wherever it stands, and decide on the others as on any request."""
        left = " ".join([token for token in self._tokens if token not in words])
        snapshot = self._snapshot
        scores = snapshot.scores(self._encoder.encode(left))
        return left, decide(snapshot.roster, scores, self._vetoes, self._calibration)
