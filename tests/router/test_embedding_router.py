import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router import Abstained, AgentProfile, BudgetError, EmbeddingRouter, LearnsAgents, Prediction, Router, RouterError
from router.budget import HeldOut, find_threshold
from router.trained_model import TrainedModel

TEXTS = st.text(alphabet=st.characters(exclude_categories=()), max_size=80)
SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


def scores(router: EmbeddingRouter, text: str) -> dict[str, float]:
    """Return every agent's score."""
    return {candidate.name: candidate.score for candidate in router.predict(text).candidates()}


def test_it_keeps_the_contract(router: EmbeddingRouter) -> None:
    """The trained router is a Router that learns agents."""
    assert isinstance(router, Router)
    assert isinstance(router, LearnsAgents)


def test_paraphrases_reach_their_agent(router: EmbeddingRouter, paraphrases: tuple[tuple[str, str], ...]) -> None:
    """Requests in other words than the card's are led by the right agent, nearly all with confidence."""
    answers = [(router.predict(text), label) for text, label in paraphrases]
    assert sum(answer.leader == label for answer, label in answers) >= 28
    assert sum(answer.choice == label for answer, label in answers) >= 26


def test_requests_for_nobody_are_refused(router: EmbeddingRouter, outside: tuple[str, ...]) -> None:
    """Small talk, errands, unknown words and empty text make the router abstain."""
    assert sum(router.predict(text).abstained for text in outside) >= len(outside) - 1


@pytest.mark.parametrize("text", ["", " \n", "xyzzy plugh frobozz", "\ud800"])
def test_the_unknown_abstains(router: EmbeddingRouter, text: str) -> None:
    """Where no word is known there is nothing to decide on."""
    assert router.predict(text).choice is Abstained.BELOW_THRESHOLD


def test_a_new_agent_is_routable_at_once(
    router: EmbeddingRouter, exchange: AgentProfile, exchange_requests: tuple[str, ...]
) -> None:
    """An agent of another domain gets its requests from its card alone, without training."""
    assert sum(router.predict(text).abstained for text in exchange_requests) >= 4
    router.add(exchange)
    answers = [router.predict(text) for text in exchange_requests]
    assert all(answer.leader == exchange.name for answer in answers)
    assert sum(answer.choice == exchange.name for answer in answers) >= 4


def test_a_new_agent_steals_nothing(
    router: EmbeddingRouter,
    exchange: AgentProfile,
    paraphrases: tuple[tuple[str, str], ...],
    outside: tuple[str, ...],
) -> None:
    """The requests of the others stay theirs, and those of nobody stay nobody's."""
    router.add(exchange)
    assert not [text for text, _ in paraphrases if router.predict(text).leader == exchange.name]
    assert not [text for text in outside if router.predict(text).choice == exchange.name]


def test_removal_is_exact(router: EmbeddingRouter, exchange: AgentProfile) -> None:
    """After an agent was added and removed, scores and fingerprint are as before, to the bit."""
    before, text = router.fingerprint, "compare the logs of both runs"
    first = scores(router, text)
    router.add(exchange)
    assert router.fingerprint != before
    router.remove(exchange.name)
    assert router.fingerprint == before
    assert scores(router, text) == first


def test_the_order_of_registration_does_not_matter(trained: TrainedModel, six: tuple[AgentProfile, ...]) -> None:
    """Two routers with the same agents have the same names, scores and fingerprint."""
    one, two = (EmbeddingRouter(trained.manifest, trained.arrays, use_trained_labels=False) for _ in range(2))
    for left, right in zip(six, reversed(six), strict=True):
        one.add(left)
        two.add(right)
    assert one.names == two.names
    assert one.fingerprint == two.fingerprint
    assert scores(one, "fix this json") == scores(two, "fix this json")


def test_the_trained_row_belongs_to_the_very_card(router: EmbeddingRouter, six: tuple[AgentProfile, ...]) -> None:
    """A card that changed since training is known by its texts, not by the row of the old card."""
    before = scores(router, "repair the json")["json-medic"]
    changed = replace(six[1], summary="Repairs JSON.")
    router.add(changed)
    assert scores(router, "repair the json")["json-medic"] != before
    router.add(six[1])
    assert scores(router, "repair the json")["json-medic"] == before


def test_trained_labels_are_candidates_when_asked(trained: TrainedModel, tmp_path: Path) -> None:
    """A model file alone is enough to route; without its labels the router starts empty."""
    path = tmp_path / "model.npz"
    trained.save(path)
    full = EmbeddingRouter.load(path)
    assert full.predict("fix this broken json").choice == "json-medic"
    assert full.manifest == trained.manifest
    empty = EmbeddingRouter.load(path, use_trained_labels=False)
    assert empty.names == ()
    assert empty.predict("fix this broken json").choice is Abstained.NO_CANDIDATES


def test_an_error_budget_takes_the_place_of_the_threshold(trained: TrainedModel, tmp_path: Path) -> None:
    """Any budget that the held-out requests prove can be chosen when the model is loaded, without training again."""
    path = tmp_path / "model.npz"
    trained.save(path)
    plain = EmbeddingRouter.load(path).predict("fix this broken json")
    bound = EmbeddingRouter.load(path, error_budget=0.25).predict("fix this broken json")
    assert (plain.threshold, plain.budget) == (trained.manifest.threshold, None)
    assert (bound.threshold, bound.budget) == (find_threshold(trained.arrays.held_out, 0.25), 0.25)
    assert plain.scoreboard.scores.tolist() == bound.scoreboard.scores.tolist()
    assert plain.fingerprint == bound.fingerprint


def test_a_budget_that_cannot_be_proved_is_refused(trained: TrainedModel) -> None:
    """A model that cannot keep a promise does not serve under it."""
    with pytest.raises(BudgetError, match=r"error_budget 0.001 is not proved .* the smallest that is proved is 0\."):
        EmbeddingRouter(trained.manifest, trained.arrays, error_budget=0.001)


def test_a_stranger_makes_the_threshold_of_a_budget_stricter(trained: TrainedModel, exchange: AgentProfile) -> None:
    """While an agent is registered that training did not know, the rehearsals must prove the budget too."""
    spoilt = HeldOut.sort(np.repeat([0.99, 0.8], 200), np.repeat([False, True], 200))
    arrays = trained.arrays.with_held_out(trained.arrays.held_out, spoilt)
    router = EmbeddingRouter(trained.manifest, arrays, error_budget=0.25)
    before = router.predict("fix this broken json")
    router.add(exchange)
    among = router.predict("fix this broken json")
    assert before.budget == among.budget == router.error_budget == 0.25
    assert before.threshold < among.threshold == pytest.approx(0.805)
    router.remove(exchange.name)
    assert router.predict("fix this broken json").to_json() == before.to_json()


def test_nothing_is_promised_among_strangers_that_nobody_played(trained: TrainedModel, exchange: AgentProfile) -> None:
    """Six agents are too few to rehearse: with a stranger the threshold stays, and no budget is on record."""
    router = EmbeddingRouter(trained.manifest, trained.arrays, error_budget=0.25)
    before = router.predict("fix this broken json").threshold
    router.add(exchange)
    among = router.predict("fix this broken json")
    assert (among.threshold, among.budget, router.error_budget) == (before, None, None)


def test_a_budget_can_be_asked_for_whatever_the_mix(trained: TrainedModel) -> None:
    """Six agents promise for a steady mix, unless told otherwise; 242 requests an agent do not prove 5% then."""
    certain = HeldOut.sort(np.full(1452, 0.99), np.zeros(1452, dtype=np.bool_))
    arrays = trained.arrays.with_held_out(certain, HeldOut.none())
    assert EmbeddingRouter(trained.manifest, arrays, error_budget=0.05).error_budget == 0.05
    with pytest.raises(BudgetError, match="set budget_mix to steady"):
        EmbeddingRouter(trained.manifest, arrays, error_budget=0.05, budget_mix="shifting")


def test_vetoes_are_obeyed(router: EmbeddingRouter) -> None:
    """A vetoed agent cannot lead; its reason is on record."""
    answer = router.predict("fix this broken json", {"json-medic": "budget spent"})
    assert answer.leader != "json-medic"
    assert next(c.why_not for c in answer.candidates() if c.name == "json-medic") == "budget spent"


def test_unknown_agents_are_refused(router: EmbeddingRouter) -> None:
    """Explaining or removing an agent that is not registered names it."""
    with pytest.raises(RouterError, match="'nobody' is not registered"):
        router.remove("nobody")
    with pytest.raises(RouterError, match="'nobody' is not registered"):
        router.explain("text", "nobody")


def test_a_card_without_texts_is_refused(router: EmbeddingRouter) -> None:
    """There is nothing to know an agent by if its card is silent."""
    with pytest.raises(RouterError, match="neither summary nor examples"):
        router.add(AgentProfile("mute", "1", " ", ()))


def test_agents_added_at_once_are_those_added_one_by_one(trained: TrainedModel, six: tuple[AgentProfile, ...]) -> None:
    """``add_all`` is ``add`` for each, to the bit; of two cards of a name the last counts."""
    one, two = (EmbeddingRouter(trained.manifest, trained.arrays, use_trained_labels=False) for _ in range(2))
    profiles = [*(replace(profile, name=f"{profile.name}-2") for profile in six), *six]
    for profile in profiles:
        one.add(profile)
    two.add_all(iter([replace(six[0], summary="Something else."), *profiles]))
    assert one.fingerprint == two.fingerprint
    assert scores(one, "fix this json") == scores(two, "fix this json")


def test_all_are_added_or_none(router: EmbeddingRouter, exchange: AgentProfile) -> None:
    """A card that is refused leaves the router as it was, whatever came before the card."""
    before = router.fingerprint
    with pytest.raises(RouterError, match="'mute' has neither summary nor examples"):
        router.add_all([exchange, AgentProfile("mute", "1", "", ())])
    assert router.fingerprint == before


@SHARED
@given(TEXTS)
def test_explanations_sum_to_the_score(either: EmbeddingRouter, exchange: AgentProfile, text: str) -> None:
    """For every agent, trained or added, the words' weights sum to its score."""
    either.add(exchange)
    for name, score in scores(either, text).items():
        assert sum(part.weight for part in either.explain(text, name)) == pytest.approx(score, abs=1e-5)


def test_explanations_follow_the_text(either: EmbeddingRouter) -> None:
    """Words come in the order of the text, and the telling word weighs most."""
    parts = either.explain("please repair the json", "json-medic")
    assert [part.word for part in parts] == ["please", "repair", "the", "json"]
    assert max(parts, key=lambda part: part.weight).word in {"json", "repair"}


def test_scores_are_cosines_by_the_naive_reference(either: EmbeddingRouter) -> None:
    """The served scores are the cosines between a text's vector and the rows, computed one by one."""
    vector = either._encoder.encode("find the backup script").vector.astype(np.float64)
    for name, score in scores(either, "find the backup script").items():
        row = either._entries[name].rows[0].astype(np.float64)
        expected = (vector @ row) / (np.linalg.norm(vector) * np.linalg.norm(row))
        assert score == pytest.approx(expected, abs=1e-5)


@SHARED
@given(TEXTS)
def test_any_text_gives_a_sound_answer(router: EmbeddingRouter, text: str) -> None:
    """No text raises, and confidence is a probability."""
    answer = router.predict(text)
    assert 0.0 <= answer.confidence <= 1.0
    assert answer.margin >= 0.0
    assert len(answer.candidates()) == 6


def test_importing_the_router_never_imports_torch() -> None:
    """Serving needs NumPy only."""
    program = "import sys, router; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def record(prediction: Prediction) -> dict[str, Any]:
    """Return a decision without what rounding moves: scores and probabilities."""
    moved = {"margin": 0.0, "confidence": 0.0, "runner_up_confidence": 0.0, "candidates": None}
    return {**prediction.to_json(), **moved}


@SHARED
@given(st.lists(TEXTS, max_size=5))
def test_in_bulk_every_text_is_decided_as_by_itself(either: EmbeddingRouter, texts: list[str]) -> None:
    """Bulk routing is the single path, result by result, in order."""
    many = [*texts, "", *(40 * ["repair this json", "which of these is it?", " ".join(f"w{at}" for at in range(40))])]
    found = either.predict_many(many)
    assert len(found) == len(many)
    for text, ours in zip(many, found, strict=True):
        alone = either.predict(text)
        assert record(ours) == record(alone)
        assert np.allclose(ours.scoreboard.scores, alone.scoreboard.scores, rtol=0, atol=1e-6)
        assert ours.confidence == pytest.approx(alone.confidence, abs=1e-5)


def test_bulk_routing_obeys_vetoes_and_knows_added_agents(router: EmbeddingRouter, exchange: AgentProfile) -> None:
    """What holds for one request holds for many; no requests give no answers."""
    router.add(exchange)
    found = router.predict_many(["exchange rate of the dollar today", "fix this json"], {"json-medic": "breaker open"})
    assert found[0].leader == "fx-desk"
    assert found[1].leader != "json-medic"
    assert router.predict_many([]) == []


def test_threads_give_the_same_answers(trained_on_pairs: TrainedModel) -> None:
    """Many threads that meet the same new words at once decide as one does, to the last digit."""
    texts = [f"repair {word} number {at}" for at in range(60) for word in ("json", "migrations", f"thing{at}")]
    alone = EmbeddingRouter(trained_on_pairs.manifest, trained_on_pairs.arrays)
    expected = [alone.predict(text).to_json() for text in texts]
    shared = EmbeddingRouter(trained_on_pairs.manifest, trained_on_pairs.arrays)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: [shared.predict(text).to_json() for text in texts], range(8)))
    assert answers == [expected] * 8
