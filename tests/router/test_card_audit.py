import pytest
from hypothesis import given
from hypothesis import strategies as st

from router import AgentProfile, audit_cards

COOK = AgentProfile("cook", "1", "", ("cook rice and beans", "cook beans for dinner", "rice for dinner, cook"))
RAIL = AgentProfile("rail", "1", "", ("book a train to Rome", "a train to Oslo, book it", "train tickets to Rome"))
WORDS = st.text(alphabet="abcde ", min_size=0, max_size=12)
CARDS = st.lists(st.lists(WORDS, max_size=4), max_size=4).map(
    lambda cards: [AgentProfile(f"a{n}", "1", "", tuple(texts)) for n, texts in enumerate(cards)]
)


def test_a_misplaced_example_is_found() -> None:
    """A train on the cook's card is closer to the railway's card than to the rest of the cook's."""
    cook = AgentProfile("cook", "1", "", (*COOK.examples, "book train tickets to Oslo"))
    audit = audit_cards([cook, RAIL])
    assert [(one.agent, one.example, one.rival) for one in audit.judged if one.contradicted] == [
        ("cook", "book train tickets to Oslo", "rail")
    ]
    assert audit.taken() == {("cook", "rail"): 1}


def test_cards_of_different_words_take_nothing_from_each_other() -> None:
    """Each example is closest to the rest of its own card."""
    audit = audit_cards([COOK, RAIL])
    assert len(audit.judged) == 6
    assert not audit.taken()


def test_an_example_does_not_speak_for_itself() -> None:
    """Strange to both cards, the example has nothing of its own card to be close to: held out means held out."""
    odd = AgentProfile("odd", "1", "", ("zebra", "paint the wall red"))
    held = {one.example: one for one in audit_cards([odd, COOK]).judged}
    assert held["zebra"].score < 0.2


def test_a_summary_helps_to_judge_but_is_not_judged() -> None:
    """What the summary says counts for the card; findings are about examples."""
    only = AgentProfile("rail", "1", "Books train tickets to Rome.", ("book a train to Rome",))
    audit = audit_cards([only, COOK])
    assert [one.example for one in audit.judged if one.agent == "rail"] == ["book a train to Rome"]
    assert not audit.taken()


@pytest.mark.parametrize("cards", [[], [COOK], [COOK, AgentProfile("mute", "1", "", ())]])
def test_one_card_alone_has_nothing_to_be_compared_with(cards: list[AgentProfile]) -> None:
    """Fewer than two agents with texts: an empty audit, no error."""
    assert audit_cards(cards).judged == ()


@given(CARDS)
def test_any_cards_can_be_audited(cards: list[AgentProfile]) -> None:
    """Each judged example is its agent's own, the rival is another one, scores are cosines."""
    examples = {card.name: card.examples for card in cards}
    for one in audit_cards(cards).judged:
        assert one.example in examples[one.agent]
        assert one.rival != one.agent
        assert examples[one.rival]
        assert -1.001 <= one.score <= 1.001
        assert -1.001 <= one.rival_score <= 1.001
