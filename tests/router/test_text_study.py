import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router import AgentProfile, EmbeddingRouter
from router.tokenizer import MAX_CHARS, MAX_TOKENS, tokenize

WORDS = ["fix", "this", "broken", "json", "find", "the", "backup", "script", "my", "?", "zebra"]
TEXTS = st.text(max_size=40) | st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join)
any_router = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@any_router
@given(TEXTS, st.sets(st.sampled_from(WORDS), max_size=3))
def test_what_is_left_is_decided_as_the_router_decides_it(either: EmbeddingRouter, text: str, gone: set[str]) -> None:
    """To the bit: the words that are left are read and scored by the same code as a request of these words."""
    left, told = either.study(text).without(gone)
    asked = either.predict(left)
    assert left == " ".join(token for token in tokenize(text) if token not in gone)
    assert np.array_equal(told.scoreboard.scores, asked.scoreboard.scores)
    assert told._replace(scoreboard=asked.scoreboard) == asked


@any_router
@given(TEXTS)
def test_a_study_decides_as_the_router_does(either: EmbeddingRouter, text: str) -> None:
    """Reasons are those of the decision that the router takes."""
    study, asked = either.study(text), either.predict(text)
    assert np.array_equal(study.prediction.scoreboard.scores, asked.scoreboard.scores)
    assert study.prediction._replace(scoreboard=asked.scoreboard) == asked


@any_router
@given(TEXTS)
def test_shares_are_those_of_both_agents(either: EmbeddingRouter, text: str) -> None:
    """A word's share of the margin is what it gives the leader less what it gives the runner-up."""
    study = either.study(text)
    words, separation = study.shares()
    ours = either.explain(text, study.prediction.leader)
    theirs = either.explain(text, study.prediction.runner_up)
    assert words == ours
    assert [word for word, _ in separation] == [word for word, _ in ours]
    differences = [one - other for (_, one), (_, other) in zip(ours, theirs, strict=True)]
    assert [weight for _, weight in separation] == pytest.approx(differences, abs=1e-5)


def test_a_study_keeps_its_agents_and_vetoes(either: EmbeddingRouter) -> None:
    """An agent that comes later changes nothing that was said of a request; who was vetoed stays so."""
    leader = either.predict("fix this broken json").leader
    study = either.study("fix this broken json", {leader: "its breaker is open"})
    either.add(AgentProfile("latecomer", "1", "", ("fix this broken json",)))
    left, told = study.without(("this",))
    assert left == "fix broken json"
    assert leader not in (study.prediction.leader, told.leader)
    assert "latecomer" not in {one.name for one in told.candidates()}


def test_without_agents_a_study_has_no_shares(either: EmbeddingRouter) -> None:
    """Nobody leads: there is nothing to share out."""
    for name in either.names:
        either.remove(name)
    assert either.study("fix this").shares() == ((), ())


def test_an_agent_that_stands_alone_leads_by_its_score(either: EmbeddingRouter) -> None:
    """Where nobody came second, the margin is the leader's score."""
    for name in either.names[1:]:
        either.remove(name)
    words, separation = either.study("fix this").shares()
    assert words == separation != ()


@pytest.mark.parametrize("text", ["x" * MAX_CHARS, "!" * MAX_CHARS, "fix " * 200, "汉字" * MAX_TOKENS])
def test_long_texts_are_cut_as_any_request_is(either: EmbeddingRouter, text: str) -> None:
    """Words with spaces between may be longer than the text was: what counts of them is what counts of a request."""
    left, told = either.study(text).without(("zebra",))
    assert left == " ".join(tokenize(text))
    asked = either.predict(left)
    assert np.array_equal(told.scoreboard.scores, asked.scoreboard.scores)
    assert told._replace(scoreboard=asked.scoreboard) == asked


def test_a_study_does_not_forget_the_text_that_was_read_last(either: EmbeddingRouter) -> None:
    """What is read without some words is no request: who explains the request finds it as it was read."""
    study = either.study("fix this broken json")
    kept = either._encoder.recall("fix this broken json").vector
    study.without(("this",))
    assert either._encoder.recall("fix this broken json").vector is kept
