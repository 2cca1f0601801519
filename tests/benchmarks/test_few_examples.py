from benchmarks.router.few_examples import rest
from router.dataset import Example

SHOWN = [Example("where is my card", "card_arrival"), Example("top up failed", "top_up")]


def test_nothing_shown_is_judged() -> None:
    """A text that was shown is left out of the rest under another label as well, or the figure would flatter."""
    left = Example("when does it arrive", "card_arrival")
    assert rest([*SHOWN, left, Example("top up failed", "card_arrival")], SHOWN) == [left]
