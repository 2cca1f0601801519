from hypothesis import given
from hypothesis import strategies as st

from router.attribution import Attribution, Contribution, as_pairs, columns

_WEIGHTS = st.floats(-10, 10, allow_nan=False)
_PAIRS = st.lists(st.tuples(st.text(max_size=8), _WEIGHTS), max_size=12)


def _attribution(pairs: list[tuple[str, float]]) -> Attribution:
    return Attribution([word for word, _ in pairs], [weight for _, weight in pairs])


@given(_PAIRS)
def test_columns_read_as_the_contributions_they_hold(pairs: list[tuple[str, float]]) -> None:
    """Whoever had a tuple of contributions before finds the same: by iterating, by place, by slice, by comparing."""
    kept, plain = _attribution(pairs), tuple(Contribution(*pair) for pair in pairs)
    assert list(kept) == list(plain)
    assert all(isinstance(part, Contribution) for part in kept)
    assert [kept[at].weight for at in range(len(kept))] == [weight for _, weight in pairs]
    assert kept[1:] == plain[1:]
    assert kept == plain == kept
    assert hash(kept) == hash(plain)
    assert kept != (*plain, Contribution("more", 0.0))


@given(_PAIRS)
def test_records_do_not_tell_columns_from_contributions(pairs: list[tuple[str, float]]) -> None:
    """A stranger's router that gives contributions one by one is recorded like ours, to the last bit."""
    assert as_pairs(_attribution(pairs)) == as_pairs([Contribution(*pair) for pair in pairs])


def test_it_shows_its_contributions() -> None:
    """Who prints it sees words and weights."""
    assert repr(_attribution([("card", 0.5)])) == "Attribution((Contribution(word='card', weight=0.5),))"
    assert _attribution([("card", 0.5)]) != "card"


@given(_PAIRS)
def test_words_and_weights_are_found_in_either_form(pairs: list[tuple[str, float]]) -> None:
    """Who reads the columns need not know how contributions are kept."""
    words, weights = columns([Contribution(*pair) for pair in pairs])
    assert columns(_attribution(pairs)) == (words, weights) == ([word for word, _ in pairs], [one for _, one in pairs])
