"""Owns the card audit: what cards would do to each other, judged on each example by the cards without it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from router.assembly import unit
from router.features import word_buckets
from router.profile import AgentProfile
from router.sketch import sketch_word
from router.tokenizer import tokenize

_SIZE: Final = 1024
_BITS: Final = 24
# By so much must another card be closer to an example than its own, and so near must it be, for the example to look
# misplaced; how often that is right: `python -m benchmarks.router.misplaced`.
_CLOSER: Final = 0.25
_NEAR: Final = 0.2


class JudgedExample(NamedTuple):
    """An example of an agent, judged by all cards without it.

    Attributes:
        agent: Whose example it is.
        example: The request.
        score: Cosine with what the rest of its card says, -1 to 1.
        rival: The other agent whose card is closest to it.
        rival_score: Cosine with that card.
    """

    agent: str
    example: str
    score: float
    rival: str
    rival_score: float

    @property
    def taken(self) -> bool:
        """Whether the rival would get it."""
        return self.rival_score > self.score

    @property
    def contradicted(self) -> bool:
        """Whether the rival is near, and so much nearer that the example looks misplaced."""
        return self.rival_score > _NEAR and self.rival_score - self.score > _CLOSER


class CardAudit(NamedTuple):
    """All examples, each judged by the cards without it; empty with fewer than two agents.

    An agent of which nothing is left without the example has no part in it.
    """

    judged: tuple[JudgedExample, ...]

    def taken(self) -> Mapping[tuple[str, str], int]:
        """Return how many examples of one agent another would get: (whose, by whom) to their number."""
        return Counter((one.agent, one.rival) for one in self.judged if one.taken)


def audit_cards(profiles: Sequence[AgentProfile]) -> CardAudit:
    """Judge every example by nearest prototype, its own agent's prototype being made without it.

    No trained model has a part in this: one that was trained on the cards would remember the examples. Words count by
    their inverse document frequency in these cards, and words that share n-grams are alike, as in the router's sketch.

    Args:
        profiles: Cards with names of their own.
    """
    owners = [at for at, profile in enumerate(profiles) for _ in profile.texts]
    vectors = _embed([text for profile in profiles for text in profile.texts])
    if len(set(owners)) < 2:
        return CardAudit(())
    owner = np.array(owners)
    background = vectors.mean(axis=0)
    sums = np.zeros((len(profiles), _SIZE), dtype=np.float32)
    np.add.at(sums, owner, vectors)
    sizes = np.bincount(owner, minlength=len(profiles))
    scores = vectors @ _prototypes(sums, sizes, background).T
    without = _prototypes(sums[owner] - vectors, sizes[owner] - 1, background)
    own = np.einsum("ij,ij->i", without, vectors)
    scores[:, sizes == 0] = -np.inf
    scores[np.arange(len(owner)), owner] = -np.inf
    rival = scores.argmax(axis=1)
    nearest = scores[np.arange(len(owner)), rival]
    texts = [(at, text) for profile in profiles for at, text in enumerate(profile.texts)]
    return CardAudit(
        tuple(
            JudgedExample(
                profiles[mine].name, text, float(own[place]), profiles[rival[place]].name, float(nearest[place])
            )
            for place, (mine, (at, text)) in enumerate(zip(owners, texts, strict=True))
            if sizes[mine] > 1 and at < len(profiles[mine].examples)  # what comes after the examples is the summary
        )
    )


def _prototypes(
    sums: NDArray[np.float32], sizes: NDArray[np.int64], background: NDArray[np.float32]
) -> NDArray[np.float32]:
    means = np.divide(sums, np.maximum(sizes, 1)[:, None], dtype=np.float32)
    return unit(np.asarray(means - background, dtype=np.float32))


def _embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Return unit vectors of texts, shape (texts, size): sketches of their words, weighted by IDF in these texts."""
    lines = [tokenize(text) for text in texts]
    spread = Counter(word for line in lines for word in set(line))
    idf = {word: np.log((1 + len(texts)) / (1 + count)) + 1 for word, count in spread.items()}
    words = {word: sketch_word(word_buckets(word, _BITS), _SIZE) * np.float32(idf[word]) for word in spread}
    vectors = np.zeros((len(texts), _SIZE), dtype=np.float32)
    for at, line in enumerate(lines):
        for word in line:
            vectors[at] += words[word]
    return unit(vectors)
