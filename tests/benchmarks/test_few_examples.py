from benchmarks.router.few_examples import rest, with_names
from router.dataset import Example

SHOWN = [Example("where is my card", "card_arrival"), Example("top up failed", "top_up")]


def test_nothing_shown_is_judged() -> None:
    """A text that was shown is left out of the rest under another label as well, or the figure would flatter."""
    left = Example("when does it arrive", "card_arrival")
    assert rest([*SHOWN, left, Example("top up failed", "card_arrival")], SHOWN) == [left]


def test_a_name_is_one_example_more_of_each_label() -> None:
    """The words of the name follow the examples, once a label, however many examples it has."""
    named = with_names([*SHOWN, SHOWN[0]])
    assert named[:3] == [*SHOWN, SHOWN[0]]
    assert named[3:] == [Example("card arrival", "card_arrival"), Example("top up", "top_up")]
