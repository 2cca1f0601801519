from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router import AgentProfile, EmbeddingRouter
from router.bundled_model import BUNDLED
from router.model_file import read_model
from router.rarity import Heard
from router.snapshot import Entry, Snapshot, take_snapshot
from router.word_scores import MANY

VERBS = ("fetch", "count", "weigh", "paint", "sort")


def clerks(count: int) -> list[AgentProfile]:
    """Return so many agents of a few words each."""
    return [
        AgentProfile(f"clerk-{at:03}", "1", "", (f"{VERBS[at % 5]} the box{at}", f"please {VERBS[at % 5]} jar{at}"))
        for at in range(count)
    ]


def serve(weights: tuple[float, float, float]) -> EmbeddingRouter:
    """Serve the bundled model with other weights of strangers, and a crowd of them."""
    manifest, arrays = read_model(BUNDLED / "router.npz")
    router = EmbeddingRouter(replace(manifest, stranger_weights=weights, stranger_bias=0.01), arrays)
    router.add_all(clerks(MANY))
    return router


@pytest.fixture(scope="module", params=[(0.0, 0.0, 1.0), (0.4, 0.0, 0.6)], ids=["sketch", "trained and sketch"])
def crowded(request: pytest.FixtureRequest) -> EmbeddingRouter:
    """A router with so many strangers that they are scored by word."""
    weights: tuple[float, float, float] = request.param
    return serve(weights)


def as_product(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot as it scores few strangers: by one product."""
    crowd = snapshot.crowd
    assert crowd is not None
    assert crowd.words is not None
    return replace(snapshot, crowd=replace(crowd, words=None, parts=()))


WORDS = st.sampled_from(["fetch", "the", "box7", "please", "jar12", "logs", "of", "both", "runs", "zyx", "17"])
TEXTS = st.one_of(st.lists(WORDS, max_size=140).map(" ".join), st.text(max_size=60))


@settings(deadline=None, max_examples=80)
@given(text=TEXTS)
def test_many_strangers_score_as_few_do(crowded: EmbeddingRouter, text: str) -> None:
    """By word or by one product, each agent's score is the same within a millionth."""
    encoded, snapshot = crowded._encoder.encode(text), crowded._current()
    by_word = snapshot.scores(encoded)
    by_product = as_product(snapshot).scores(encoded)
    np.testing.assert_allclose(by_word, by_product, rtol=0, atol=1e-6)
    assert crowded.predict(text).scoreboard.scores.tolist() == by_word.tolist()


def test_few_strangers_are_scored_by_one_product() -> None:
    """Below the crossover no columns are kept."""
    router = EmbeddingRouter.load(BUNDLED / "router.npz")
    router.add_all(clerks(MANY - 1))
    crowd = router._current().crowd
    assert crowd is not None
    assert crowd.words is None


def test_a_stranger_is_scored_by_its_rows_and_by_its_words_by_hand() -> None:
    """0.65 of what its rows give, 0.6 of the cosine of its words as heavy as all parts together, and the constant."""
    router = serve_few(rare_words=True)
    crowd, encoded = router._current().crowd, router._encoder.encode("please unload the gondola")
    assert crowd is not None
    assert crowd.shared is not None
    plain = replace(crowd, shared=None, measure=replace(crowd.measure, bias=0.0))
    by_rows, by_words = plain.scores(encoded), crowd.shared.score(["please", "unload", "the", "gondola"])
    assert 0 < float(by_words[0]) < 1
    assert crowd.scores(encoded) == pytest.approx(0.65 * by_rows + 0.6 * (0.0 + 0.6 + 0.8) * by_words - 0.05)


def test_where_training_rehearsed_words_are_no_score_of_their_own() -> None:
    """Words weigh as training weighed them, and a card is not even listened to."""
    router = serve_few(rare_words=False)
    snapshot = router._current()
    assert snapshot.crowd is not None
    assert snapshot.crowd.shared is None
    assert not snapshot.entries["gondolier"].heard.texts


def serve_few(*, rare_words: bool) -> EmbeddingRouter:
    """Serve the bundled model with an agent that it does not know."""
    manifest, arrays = read_model(BUNDLED / "router.npz")
    router = EmbeddingRouter(replace(manifest, rare_words=rare_words), arrays)
    router.add(AgentProfile("gondolier", "1", "Rows people about.", ("unload the gondola", "wash the gondola")))
    return router


def test_a_crowd_in_bulk_is_decided_as_one_by_one(crowded: EmbeddingRouter) -> None:
    """Bulk routing uses the same columns: the leaders are those of single requests."""
    texts = ["fetch the box7", "paint jar13", "", "compare the logs of both runs"]
    many, alone = crowded.predict_many(texts), [crowded.predict(text) for text in texts]
    assert [one.leader for one in many] == [one.leader for one in alone]
    for one, other in zip(many, alone, strict=True):
        np.testing.assert_allclose(one.scoreboard.scores, other.scoreboard.scores, rtol=0, atol=1e-6)


def test_an_agent_added_to_a_crowd_is_found_at_once_and_removed_without_trace(crowded: EmbeddingRouter) -> None:
    """The columns belong to one moment: nobody is scored by those of another."""
    before, text = crowded.fingerprint, "unload the gondola"
    scores = crowded.predict(text).scoreboard.scores.tolist()
    crowded.add(AgentProfile("gondolier", "1", "", ("unload the gondola", "wash the gondola")))
    assert crowded.predict(text).leader == "gondolier"
    crowded.remove("gondolier")
    assert crowded.fingerprint == before
    assert crowded.predict(text).scoreboard.scores.tolist() == scores


def test_the_fingerprint_depends_on_everything_but_the_order() -> None:
    """Model, name, version, rows and kind of every agent count; the order of registration does not."""
    router = EmbeddingRouter.load(BUNDLED / "router.npz")
    rows = np.arange(2 * router._encoder.width, dtype=np.float32).reshape(2, -1)
    one, two = Entry("one", "1", rows, stranger=True), Entry("two", "1", rows + 1, stranger=True)

    def fingerprint(*entries: Entry, model: str = "m") -> str:
        named = {entry.name: entry for entry in entries}
        calibrations = router._calibration, router._among_strangers
        taken = take_snapshot(model, named, router._encoder, router._strangers, router._rarity, calibrations)
        return taken.roster.fingerprint

    same = fingerprint(one, two)
    assert fingerprint(two, one) == same
    others = [
        fingerprint(one, two, model="n"),
        fingerprint(one),
        fingerprint(one, replace(two, version="2")),
        fingerprint(one, replace(two, name="twp")),
        fingerprint(one, replace(two, stranger=False)),
        fingerprint(one, replace(two, heard=Heard(1, {"word": 1}))),
        fingerprint(one, replace(two, heard=Heard(1, {"word": 1}, 0.5))),
        fingerprint(one, replace(two, rows=np.nextafter(two.rows, np.float32(9e9), dtype=np.float32))),
    ]
    assert len({same, *others}) == len(others) + 1
