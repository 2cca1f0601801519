from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router import EmbeddingRouter, Example, RouterError
from router.learning_curve import SHARES, learning_curve, part_of
from router.trained_model import train
from router.training_config import Progress, TrainingConfig
from tests.router.tiny import EXAMPLES, TINY, silent

ASKED = [Example("paint a wall", "red"), Example("sail our boat", "blue"), Example("feed the cat", "green")]


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=60), st.sampled_from(SHARES), st.sampled_from(SHARES))
def test_parts_lie_within_one_another_and_keep_every_label(labels: list[str], one: float, other: float) -> None:
    """Of each label its share, rounded, at least one, in the order of the file; less is always part of more."""
    examples = [Example(f"text {at}", label) for at, label in enumerate(labels)]
    small, large = (part_of(examples, share) for share in sorted((one, other)))
    assert [example for example in large if example in small] == small
    assert [example for example in examples if example in large] == large
    whole, found = Counter(labels), Counter(example.label for example in small)
    assert found == {label: max(round(min(one, other) * times), 1) for label, times in whole.items()}
    assert part_of(examples, 1.0) == examples


def test_the_last_point_is_the_router_that_learns_everything() -> None:
    """On all examples, the curve ends at the accuracy of what `train` makes; strangers are never right."""
    points = learning_curve(EXAMPLES, ASKED, lambda _: TINY, silent)
    model = train(EXAMPLES, TINY)
    router = EmbeddingRouter(model.manifest, model.arrays)
    right = sum(router.predict(request.text).leader == request.label for request in ASKED)
    assert points[-1][:2] == (1.0, 8)
    assert points[-1].accuracy == pytest.approx(right / 3)
    assert [point.examples for point in points] == [2, 2, 4, 8]
    assert all(0 <= point.accuracy <= 1 for point in points)


def test_the_recipe_is_chosen_for_each_part_and_every_epoch_is_told() -> None:
    """Few examples may be learnt otherwise than many; a bar can be moved."""
    sizes: list[int] = []
    seen: list[Progress] = []

    def recipe(some: Sequence[Example]) -> TrainingConfig:
        sizes.append(len(some))
        return TINY

    learning_curve(EXAMPLES, ASKED, recipe, seen.append, (0.5, 1.0))
    assert sizes == [4, 8]
    assert [done.epoch for done in seen] == [*range(1, TINY.epochs + 1)] * 2


@pytest.mark.parametrize(("examples", "asked"), [(EXAMPLES[:4], ASKED), ([], ASKED), (EXAMPLES, [])])
def test_one_label_or_no_request_is_refused(examples: list[Example], asked: list[Example]) -> None:
    """There is nothing to learn from a single label, and nothing to say without requests."""
    with pytest.raises(RouterError, match="two labels at least, and a request to judge by"):
        learning_curve(examples, asked, lambda _: TINY, silent)
