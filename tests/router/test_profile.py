from dataclasses import replace

import pytest

from router import AgentProfile

CARD = AgentProfile("cats", "1", "feeds cats", ("my cat is hungry", "feed the cat"))


@pytest.mark.parametrize(
    "change",
    [
        {"name": "dogs"},
        {"version": "2"},
        {"summary": "feeds cats."},
        {"examples": ("my cat is hungryfeed the cat",)},
        {"examples": CARD.examples[::-1]},
    ],
)
def test_the_digest_covers_everything(change: dict[str, object]) -> None:
    """Any change of a card changes its digest."""
    assert replace(CARD, **change).digest != CARD.digest  # type: ignore[arg-type]


def test_the_digest_is_short_and_stable() -> None:
    """The digest is 16 hexadecimal characters, the same in every run, whatever the text."""
    assert CARD.digest == AgentProfile("cats", "1", "feeds cats", CARD.examples).digest
    assert CARD.digest == "ec1f914a4e01b3ad"
    assert len(replace(CARD, summary="\ud800").digest) == 16


def test_texts_are_examples_and_summary() -> None:
    """An empty summary is no text."""
    assert CARD.texts == ("my cat is hungry", "feed the cat", "feeds cats")
    assert replace(CARD, summary=" ").texts == CARD.examples
