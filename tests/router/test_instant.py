from dataclasses import replace
from threading import Thread

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router import EmbeddingRouter, Prediction
from router.beta_map import BetaMap
from router.bundled_model import BUNDLED
from router.calibration import Calibration
from router.decision import FEW, Roster, decide
from router.instant import prepare
from router.snapshot import Entry, Snapshot, take_snapshot

MANY = FEW + 6
PLAIN = Calibration(20.0, 0.3, 0.5, 0.05, BetaMap(1.1, 0.9, -0.2))
WORDS = st.sampled_from(["fetch", "the", "logs", "of", "both", "runs", "zyx", "17", "?", "json", "card"])
TEXTS = st.lists(WORDS, max_size=40).map(" ".join) | st.text(max_size=60) | st.just("fetch the logs")
SCALES = st.sampled_from([2.0, 20.0, 120.0, 4000.0])
CALIBRATIONS = st.builds(
    lambda scale, floor, threshold, beta: Calibration(scale, floor, threshold, 0.05, BetaMap(*beta)),
    SCALES,
    st.floats(0.0, 1.0),
    st.floats(0.0, 1.0),
    st.tuples(st.floats(0.0, 3.0), st.floats(0.0, 3.0), st.floats(-3.0, 3.0)),
)


@pytest.fixture(scope="module")
def router() -> EmbeddingRouter:
    """The bundled model, whose encoder reads texts."""
    return EmbeddingRouter.load(BUNDLED / "router.npz")


def known(router: EmbeddingRouter, calibration: Calibration = PLAIN, agents: int = MANY) -> Snapshot:
    """Return a snapshot of so many agents, as if training had known them.

    Two have the same row; a third one's is a text itself, so that it leads there by far.
    """
    rows = np.random.default_rng(agents).normal(size=(agents, 1, router._encoder.width)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=2, keepdims=True)
    rows[1], rows[2] = rows[0], router.embed(["fetch the logs"])
    entries = {f"agent-{at:02}": Entry(f"agent-{at:02}", "1", row, stranger=False) for at, row in enumerate(rows)}
    return take_snapshot("m", entries, router._encoder, router._strangers, None, (calibration, calibration))


def same(one: Prediction, other: Prediction) -> bool:
    """Return whether all of two predictions is the same, to the bit."""
    ours, theirs = one.scoreboard, other.scoreboard
    scores = (ours.scores.tobytes(), ours.scores.dtype) == (theirs.scores.tobytes(), theirs.scores.dtype)
    return scores and one._replace(scoreboard=ours._replace(scores=theirs.scores)) == other


@settings(deadline=None, max_examples=80)
@given(text=TEXTS, calibration=CALIBRATIONS)
def test_it_decides_as_the_plain_way_does_to_the_bit(
    router: EmbeddingRouter, text: str, calibration: Calibration
) -> None:
    """Whatever the request and the calibration: choice, scores, margin, both confidences and the record."""
    snapshot, encoded = known(router, calibration), router._encoder.encode(text)
    told = snapshot.decide(encoded, {})
    plain = decide(snapshot.roster, snapshot.scores(encoded), {}, calibration)
    assert same(told, plain)
    assert told.to_json() == plain.to_json()


def test_it_answers_the_usual_request_itself(router: EmbeddingRouter) -> None:
    """Else the test above would compare the plain way with itself."""
    instant = known(router).instant
    assert instant is not None
    assert instant(router._encoder.encode("compare the logs of both runs")) is not None


def test_a_text_without_words_is_left_to_the_plain_way(router: EmbeddingRouter) -> None:
    """It has no length to divide by, nor has one whose words come to nothing."""
    snapshot, encoded = known(router), router._encoder.encode("compare the logs")
    nothing = encoded._replace(vector=np.zeros_like(encoded.vector))
    assert snapshot.instant is not None
    for empty in (router._encoder.encode(" \n"), nothing):
        assert snapshot.instant(empty) is None
        assert not snapshot.decide(empty, {}).scoreboard.scores.any()


def test_who_leads_by_far_is_left_to_the_plain_way(router: EmbeddingRouter) -> None:
    """Odds below a millionth are told apart by rounding errors only."""
    snapshot, encoded = known(router, replace(PLAIN, scale=40.0)), router._encoder.encode("fetch the logs")
    assert snapshot.instant is not None
    assert snapshot.instant(encoded) is None
    assert snapshot.decide(encoded, {}).leader == "agent-02"


@pytest.mark.parametrize(
    "wild", [replace(PLAIN, floor=90.0), replace(PLAIN, beta=BetaMap(1.0, 9.0, 0.0)), replace(PLAIN, scale=1e9)]
)
def test_what_might_overflow_is_not_prepared(router: EmbeddingRouter, wild: Calibration) -> None:
    """Such a calibration is decided with in the plain way, which knows what to do with extremes."""
    snapshot, encoded = known(router, wild), router._encoder.encode("compare the logs")
    assert snapshot.instant is None
    assert same(snapshot.decide(encoded, {}), decide(snapshot.roster, snapshot.scores(encoded), {}, wild))


def test_few_agents_are_not_prepared_for() -> None:
    """Up to so many, Python alone is quicker."""
    names = tuple(f"agent-{at}" for at in range(FEW))
    assert prepare(Roster(names, names, "f"), np.ones((FEW, 4), dtype=np.float32), 4, PLAIN) is None


def test_vetoes_hold(router: EmbeddingRouter) -> None:
    """Who is vetoed does not lead, and keeps its score."""
    snapshot, encoded = known(router), router._encoder.encode("compare the logs of both runs")
    free = snapshot.decide(encoded, {})
    told = snapshot.decide(encoded, {free.leader: "its breaker is open"})
    assert told.leader == free.runner_up
    assert told.scoreboard.scores.tolist() == free.scoreboard.scores.tolist()


def test_a_prediction_is_not_touched_by_later_ones(router: EmbeddingRouter) -> None:
    """No memory is shared between decisions, nor with the text that was read."""
    snapshot, encoded = known(router), router._encoder.encode("compare the logs of both runs")
    kept = snapshot.decide(encoded, {})
    scores = kept.scoreboard.scores.tolist()
    snapshot.decide(router._encoder.encode("fix this json"), {})
    assert not np.shares_memory(kept.scoreboard.scores, snapshot.decide(encoded, {}).scoreboard.scores)
    assert kept.scoreboard.scores.tolist() == scores


def test_threads_get_the_same_bits(router: EmbeddingRouter) -> None:
    """Many threads may decide at once by what was prepared."""
    snapshot = known(router)
    texts = [f"fetch box{at} of the logs and jar{at % 7}?" for at in range(60)]
    expected = [snapshot.decide(router._encoder.encode(text), {}) for text in texts]
    wrong: list[str] = []

    def ask() -> None:
        wrong.extend(
            text
            for text, one in zip(texts, expected, strict=True)
            if not same(snapshot.decide(router._encoder.encode(text), {}), one)
        )

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
