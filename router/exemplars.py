"""Owns the exemplars: which example requests of an agent are most like a request."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from router.errors import RouterError
from router.profile import AgentProfile

#: Agents whose vectors are kept; beyond it the one asked for longest ago is computed again when asked for.
_KEPT: Final = 256


@runtime_checkable
class Embeds(Protocol):
    """A router that places texts in a space where likeness is the cosine."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the unit vectors of texts, shape (texts, width); that of a text without words is zero."""
        ...


class Exemplar(NamedTuple):
    """An example request of an agent, and its cosine with the request, -1 to 1."""

    text: str
    likeness: float


class Exemplars:
    """The example requests of agents. Those of one agent are embedded when they are first asked for."""

    def __init__(self, router: Embeds, profiles: Iterable[AgentProfile]) -> None:
        """Keep the profiles' examples; nothing is computed yet."""
        self._router = router
        self._examples = {profile.name: profile.examples for profile in profiles}
        self._vectors: dict[str, NDArray[np.float32]] = {}

    def nearest(self, text: str, agent: str, count: int = 3) -> tuple[Exemplar, ...]:
        """Return those examples of an agent that are most like a text, the most alike first.

        Raises:
            RouterError: The agent is not among the profiles.
        """
        if agent not in self._examples:
            raise RouterError(f"the examples of agent {agent!r} are not known; give its profile")
        examples = self._examples[agent]
        if not examples:
            return ()
        likeness = self._embedded(agent) @ self._router.embed([text])[0]
        best = np.argsort(-likeness, kind="stable")[:count].tolist()
        return tuple(Exemplar(examples[at], float(likeness[at])) for at in best)

    def _embedded(self, agent: str) -> NDArray[np.float32]:
        vectors = self._vectors.pop(agent, None)
        if vectors is None:
            vectors = self._router.embed(self._examples[agent])
            while len(self._vectors) >= _KEPT:
                del self._vectors[next(iter(self._vectors))]
        self._vectors[agent] = vectors  # the last in order is the one asked for last
        return vectors
