"""Owns the text study: a request that is read once, for its decision, its reasons and what it is without some words."""

from collections.abc import Container, Mapping, Sequence

from router.attribution import Contribution
from router.encoder import Encoder
from router.features import STAMP
from router.pooling import Parts
from router.prediction import Prediction
from router.snapshot import Snapshot
from router.word_cache import EMPTY


class TextStudy:
    """What a trained router makes of one request, all of it with the same agents; see ``Study``."""

    __slots__ = ("_encoder", "_known", "_parts", "_snapshot", "_vetoes", "_words", "prediction")

    def __init__(self, encoder: Encoder, snapshot: Snapshot, text: str, vetoes: Mapping[str, str]) -> None:
        """Read a request and decide on it.

        Args:
            encoder: Reads it.
            snapshot: The agents.
            text: The request.
            vetoes: As in ``Router.predict``; they hold without some words, too.
        """
        self._encoder = encoder
        self._snapshot = snapshot
        self._vetoes = vetoes
        keep: list[Parts] = []
        read = encoder.read(text, keep)
        self._parts = keep[0]
        _, _, line, self._known = read
        tokens = self._known.tokens
        self._words = [(tokens[place], place) for place in line[EMPTY::STAMP].tolist()]
        self.prediction = snapshot.decide(read, vetoes)

    def shares(self) -> tuple[Sequence[Contribution], Sequence[Contribution]]:
        """Return each word's share of the leader's score and of the margin; see ``Study.shares``."""
        _, leader, runner_up, *_ = self.prediction
        if not leader:
            return (), ()
        ours = self._snapshot.entries[leader]
        theirs = self._snapshot.entries[runner_up] if runner_up else None
        return self._snapshot.shares(self._parts, ours, theirs)

    def without(self, words: Container[str]) -> tuple[str, Prediction]:
        """Take words away, each wherever it stands, and decide on the others as on any request."""
        left = [word for word in self._words if word[0] not in words]
        known = self._known
        line = bytearray(known.edges + b"".join([known.stamps[place] for _, place in left]))
        text = " ".join([token for token, _ in left])
        return text, self._snapshot.decide(self._encoder.read_again(text, line, known), self._vetoes)
