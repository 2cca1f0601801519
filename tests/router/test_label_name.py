import pytest

from router.label_name import names_in_words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("card_arrival", "card arrival"),
        ("lost-or-stolen card", "lost or stolen card"),
        ("cardArrival", "card Arrival"),
        ("HTTPServerError", "HTTP Server Error"),
        ("PIN", "PIN"),
        ("überweisungÄndern", "überweisung Ändern"),
        ("tickets.create/v2", "tickets create"),
        ("口座", "口座"),
        ("A17", ""),
        ("x", ""),
        ("_", ""),
        ("", ""),
    ],
)
def test_a_name_is_split_where_its_words_begin(name: str, words: str) -> None:
    """Punctuation, digits and capitals divide; single letters and numbers are left out."""
    assert names_in_words([name, "one", "two"])[0] == words


def test_what_most_names_share_says_nothing() -> None:
    """A word in more than half of the names is left out, however it is written; one in half of them stays."""
    assert names_in_words(["intent_1", "Intent_2", "intent_three"]) == ["", "", "three"]
    assert names_in_words(["card_lost", "card_new", "pin", "limit"]) == ["card lost", "card new", "pin", "limit"]
    assert names_in_words([]) == []
