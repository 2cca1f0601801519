from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from router import AgentProfile, EmbeddingRouter, Embeds, Exemplars, RouterError


class Letters:
    """Embeds a text as the counts of a, b and c in it, and counts the texts."""

    def __init__(self) -> None:
        self.embedded = 0

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.embedded += len(texts)
        counts = np.array([[text.count(letter) for letter in "abc"] for text in texts], dtype=np.float32)
        return np.asarray(counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-9), dtype=np.float32)


def profile(name: str, *examples: str) -> AgentProfile:
    return AgentProfile(name, "1", "s", examples)


def test_the_most_alike_come_first_by_hand() -> None:
    """Cosines of (1, 1, 0) with (1, 0, 0), (1, 1, 0) and (0, 0, 1)."""
    found = Exemplars(Letters(), [profile("x", "a", "ab", "c")]).nearest("ab", "x", count=2)
    assert [one.text for one in found] == ["ab", "a"]
    assert [one.likeness for one in found] == pytest.approx([1, 0.5**0.5])


def test_examples_are_embedded_once_and_not_before_they_are_asked_for() -> None:
    """Two agents of two examples, one asked for twice: two examples, and the request each time."""
    letters = Letters()
    exemplars = Exemplars(letters, [profile("x", "a", "b"), profile("y", "c", "c")])
    assert letters.embedded == 0
    exemplars.nearest("a", "x")
    exemplars.nearest("b", "x")
    assert letters.embedded == 2 + 2


def test_what_is_kept_is_bounded() -> None:
    """Of very many agents, the one asked for longest ago is forgotten and computed again; answers stay right."""
    letters = Letters()
    exemplars = Exemplars(letters, [profile(f"x{n}", "a") for n in range(300)])
    for n in range(300):
        exemplars.nearest("a", f"x{n}")
    before = letters.embedded
    assert exemplars.nearest("a", "x299")[0].likeness == pytest.approx(1)
    assert letters.embedded == before + 1
    exemplars.nearest("a", "x0")
    assert letters.embedded == before + 3


def test_an_agent_without_examples_has_none_and_an_unknown_one_is_an_error() -> None:
    """A card may have a summary alone; a name nobody gave is a mistake of the caller's."""
    exemplars = Exemplars(Letters(), [profile("x")])
    assert exemplars.nearest("a", "x") == ()
    with pytest.raises(RouterError, match="'y' are not known"):
        exemplars.nearest("a", "y")


def test_the_trained_router_embeds(either: EmbeddingRouter, six: tuple[AgentProfile, ...]) -> None:
    """A request that is an example finds itself; a text without words is like nothing; no texts, no vectors."""
    assert isinstance(either, Embeds)
    found = Exemplars(either, six).nearest("fix this broken json", "json-medic")
    assert found[0].text == "Fix this broken JSON"
    assert found[0].likeness == pytest.approx(1, abs=1e-5)
    assert not either.embed([""]).any()
    assert len(either.embed([])) == 0
