import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.assembly import unit
from router.kinds import MOST_KINDS, sort_into_kinds

GROUPS = np.eye(8, dtype=np.float32)


def test_few_examples_are_a_kind_each() -> None:
    """Up to the most there may be, nothing is put together."""
    assert [kind.tolist() for kind in sort_into_kinds(GROUPS[:3])] == [[0], [1], [2]]


def test_like_examples_are_of_one_kind() -> None:
    """By hand: three directions, each said four times in slightly other words."""
    noise = np.random.default_rng(0).normal(0, 0.05, (12, 8)).astype(np.float32)
    vectors = unit(GROUPS[[0, 1, 2] * 4] + noise)
    kinds = sort_into_kinds(vectors, most=3)
    assert sorted(kind.tolist() for kind in kinds) == [[0, 3, 6, 9], [1, 4, 7, 10], [2, 5, 8, 11]]


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 40), st.integers(0, 1000), st.integers(1, 8))
def test_every_example_is_of_exactly_one_kind(examples: int, seed: int, most: int) -> None:
    """Whatever the vectors, repeated and zero ones included: no kind is empty, and the same vectors give the same."""
    vectors = unit(np.random.default_rng(seed).integers(-1, 2, (examples, 4)).astype(np.float32))
    kinds = sort_into_kinds(vectors, most)
    assert sorted(np.concatenate(kinds).tolist()) == list(range(examples))
    assert 1 <= len(kinds) <= most
    assert all(len(kind) for kind in kinds)
    assert [kind.tolist() for kind in sort_into_kinds(vectors, most)] == [kind.tolist() for kind in kinds]


@pytest.mark.parametrize("examples", [MOST_KINDS + 1, 200])
def test_kinds_are_bounded(examples: int) -> None:
    """However many examples an agent has, what it costs to score it is bounded."""
    vectors = unit(np.random.default_rng(1).normal(0, 1, (examples, 16)).astype(np.float32))
    assert len(sort_into_kinds(vectors)) <= MOST_KINDS
