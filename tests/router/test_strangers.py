from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router import AgentProfile, EmbeddingRouter
from router.bundled_model import BUNDLED
from router.kinds import MOST_KINDS
from router.model_file import read_model
from router.strangers import MAY_TAKE, Measure, Rehearsal, Strangers, learn_strangers, rehearse

SIZES = (2, 0, 64)
NOBODY = np.zeros((1, 4), dtype=np.float32)  # training knew nobody that any row is like


def made(seed: int, noise: float = 0.1) -> Rehearsal:
    """Return 400 held-out requests of three old and two pretended agents: their own sees 0.3 more of them."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 5, 400)
    own = np.eye(5, dtype=np.float32)[truth] * 0.3 + generator.normal(0, noise, (400, 5)).astype(np.float32)
    strangers = own[:, 3:, None] * np.array([1.0, 0.0, 0.5], dtype=np.float32)
    likeness = np.stack([strangers, strangers - 0.2], axis=2)  # a second kind, less like any request
    return Rehearsal((own[:, :3] + 0.4).astype(np.float32), likeness.astype(np.float32), truth)


def test_a_row_is_the_weighted_prototypes_of_the_parts() -> None:
    """By hand, examples that are all alike: less the background, each part brought to its weight."""
    strangers = Strangers((2, 0, 2), (0.5, 0.0, 2.0), 0.1)
    examples = np.array([[0.6, 0.0, 0.0, 0.8], [0.6, 0.0, 0.0, 0.8]], dtype=np.float32)
    background = np.array([0.1, 0.0, 0.0, 0.3], dtype=np.float32)
    assert strangers.rows(examples, background, NOBODY) == pytest.approx(np.array([[0.5, 0.0, 0.0, 2.0]] * 2))


def test_each_kind_of_examples_has_a_row_by_hand() -> None:
    """Six tenths of the prototype of all, four tenths of its own."""
    strangers = Strangers((2, 0, 2), (0.0, 0.0, 2.0), 0.0)
    examples = np.array([[0, 0, 1, 0], [0, 0, 0, 1]], dtype=np.float32)
    middle = 0.6 * 2**-0.5
    rows = strangers.rows(examples, np.zeros(4, dtype=np.float32), NOBODY)
    assert rows == pytest.approx(2 * np.array([[0, 0, middle + 0.4, middle], [0, 0, middle, middle + 0.4]]))


def test_a_row_is_turned_away_from_the_trained_agents_it_is_most_like_by_hand() -> None:
    """Less three tenths of the mean of the three nearest, as long as they may be; the fourth has no part in it."""
    strangers = Strangers((4, 0, 0), (2.0, 0.0, 0.0), 0.0)
    head = np.array([[0.8, 0.6, 0, 0], [2, 0, 0, 0], [0, 0, 0, 1], [0.6, 0, 0.8, 0]], dtype=np.float32)
    (row,) = strangers.rows(np.array([[1, 0, 0, 0]], dtype=np.float32), np.zeros(4, dtype=np.float32), head)
    assert row == pytest.approx([2 * (1 - 0.3 * 2.4 / 3), -2 * 0.3 * 0.6 / 3, -2 * 0.3 * 0.8 / 3, 0])


def test_sketches_are_not_turned_away() -> None:
    """What training learnt of old agents lies in the trained part: the others stay the plain prototype."""
    strangers = Strangers((2, 0, 2), (1.0, 0.0, 1.0), 0.0)
    head = np.array([[0.6, 0, 0.8, 0]], dtype=np.float32)
    (row,) = strangers.rows(np.array([[1, 0, 1, 0]], dtype=np.float32), np.zeros(4, dtype=np.float32), head)
    assert row == pytest.approx([0.7, 0, 1, 0])


def test_where_no_part_has_a_say_a_stranger_is_like_nothing() -> None:
    """A rehearsal may find that no likeness tells anything: the agent still has a row, and the bias for its score."""
    strangers = Strangers((2, 0, 2), (0.0, 0.0, 0.0), -0.1)
    assert not strangers.rows(np.ones((3, 4), dtype=np.float32), np.zeros(4, dtype=np.float32), NOBODY).any()


def test_each_part_is_measured_by_its_own_length() -> None:
    """By hand: one over the part's length; nothing where a part is empty or has no say."""
    strangers = Strangers((2, 1, 2), (1.0, 0.0, 1.0), 0.0)
    assert strangers.factors(np.array([3, 4, 9, 0, 0], dtype=np.float32)) == pytest.approx([0.2, 0.2, 0, 0, 0])


def test_a_rehearsal_scores_by_rows_and_by_likeness() -> None:
    """The known agent's score is its row's product; a stranger's likenesses are those of the parts to its rows."""
    asked = np.array([[0.6, 0.0, 0.8, 0.0], [0.0, 0.6, 0.0, 0.8]], dtype=np.float32)
    head = np.array([[0.0, 1.0, 0.0, 0.0]], dtype=np.float32)
    one = rehearse(asked, head, np.zeros(4, dtype=np.float32), [asked[:1]], np.array([1, 0]), (2, 0, 2))
    assert one.known[:, 0] == pytest.approx([0.0, 0.6])
    assert one.likeness.shape == (2, 1, MOST_KINDS, 3)
    for kind in range(MOST_KINDS):
        # The trained part of the row is (1, 0) less 0.3 of the one known agent's (0, 1).
        assert one.likeness[:, 0, kind] == pytest.approx(np.array([[1, 0, 1], [-0.3, 0, 0]]))


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 1000))
def test_strangers_take_little_of_what_is_anothers(seed: int) -> None:
    """On the requests it was learnt from, the share of old agents' requests that strangers lead is bounded."""
    one = made(seed)
    learnt = learn_strangers([one])
    others = one.truth < 3
    taken = one.scores(learnt)[others].argmax(axis=1) >= 3
    assert taken.mean() <= MAY_TAKE + 1 / others.sum()


def test_the_bias_is_learnt() -> None:
    """Old agents score 0.4 higher by construction; what is learnt makes up for it, so that strangers get theirs."""
    one = made(0, noise=0.03)
    learnt = learn_strangers([one])
    assert (one.scores(learnt).argmax(axis=1) == one.truth).mean() > 0.95
    assert (one.scores(Measure((1.0, 0.0, 0.0), 0.0)).argmax(axis=1) == one.truth).mean() < 0.9


def test_a_part_that_tells_nothing_is_not_leant_on() -> None:
    """A likeness that is noise gets less weight than one that tells the agents apart."""
    one = made(1)
    one.likeness[..., 2] = np.random.default_rng(2).normal(0, 0.3, one.likeness.shape[:3])
    learnt = learn_strangers([one])
    assert learnt.weights[2] < learnt.weights[0] / 2


def test_a_rehearsal_is_scored_as_it_would_be_served() -> None:
    """By hand: those known first, then the weighted likeness of the likest kind, and the constant."""
    likeness = np.array([[[[0.5, 0.1, 0.1], [0.5, 0.2, 0.1]]]], dtype=np.float32)
    one = Rehearsal(np.array([[0.4]], dtype=np.float32), likeness, np.array([0]))
    assert one.scores(Measure((1.0, 0.5, 2.0), -0.1)) == pytest.approx(np.array([[0.4, 0.7]]))


def test_a_rehearsal_survives_being_kept() -> None:
    """What a checkpoint gives back is what it was given, to the bit."""
    one = made(3)
    again = Rehearsal.unpack(one.pack(), one.known.shape[1], one.likeness.shape[1])
    assert all(np.array_equal(getattr(one, name), getattr(again, name)) for name in ("known", "likeness", "truth"))


@pytest.fixture(scope="module")
def biased() -> EmbeddingRouter:
    """The model that ships with all three parts weighed, a constant added, and two agents it was not trained on."""
    manifest, arrays = read_model(BUNDLED / "router.npz")
    manifest = replace(manifest, stranger_weights=(0.3, 0.4, 0.5), stranger_bias=0.15)
    router = EmbeddingRouter(manifest, arrays)
    router.add(AgentProfile("cats", "1", "", ("feed the cat", "my kitten is hungry")))
    router.add(AgentProfile("dogs", "1", "", ("walk the dog",)))
    return router


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=60))
def test_words_share_a_strangers_score_with_its_constant(biased: EmbeddingRouter, text: str) -> None:
    """The constant is shared out too: the words' weights sum to the score of agents old and new."""
    for candidate in biased.predict(text).candidates():
        weights = sum(part.weight for part in biased.explain(text, candidate.name))
        assert weights == pytest.approx(candidate.score, abs=1e-6)


def test_old_agents_score_as_if_there_were_no_strangers(biased: EmbeddingRouter) -> None:
    """Adding an agent changes no other agent's score, to the bit."""
    alone = EmbeddingRouter.load(BUNDLED / "router.npz")
    theirs = {one.name: one.score for one in biased.predict("compare the logs of both runs").candidates()}
    for one in alone.predict("compare the logs of both runs").candidates():
        assert theirs[one.name] == one.score


NAMES = st.lists(st.sampled_from("abcdef"), max_size=12)


@settings(deadline=None, max_examples=30)
@given(NAMES)
def test_unregistering_is_exact(names: list[str]) -> None:
    """Whatever is added and removed in whatever order: fingerprint and scores are those of who is left, to the bit."""
    manifest, arrays = read_model(BUNDLED / "router.npz")
    busy, fresh = (EmbeddingRouter(manifest, arrays) for _ in range(2))
    left: set[str] = set()
    for name in names:
        if name in left:
            busy.remove(name)
        else:
            busy.add(_agent(name))
        left ^= {name}
    for name in left:
        fresh.add(_agent(name))
    assert busy.fingerprint == fresh.fingerprint
    one, two = (router.predict("feed the dog and the log").scoreboard for router in (busy, fresh))
    assert (list(one.names), one.scores.tolist()) == (list(two.names), two.scores.tolist())


def _agent(name: str) -> AgentProfile:
    return AgentProfile(name, "1", f"Does {name} and feeds the dog.", (f"please {name}",))
