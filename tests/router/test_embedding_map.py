import pytest

from router import EmbeddingRouter, Example, KeywordRouter, RouterError, embedding_map, map_requests
from router.trained_model import train
from tests.router.tiny import EXAMPLES, TINY


def test_every_request_is_on_the_map_with_what_became_of_it(keyword: KeywordRouter) -> None:
    """Right, wrong, abstained, and for nobody; agents are those that should get some."""
    examples = [Example("feed the cat", "cats"), Example("feed the cat", "dogs"), Example("xyzzy", "dogs")]
    found = map_requests(keyword, examples, ["walk the dog"])
    became = [(point.text, point.label, point.leader, point.outcome) for point in found.points]
    assert became == [
        ("feed the cat", "cats", "cats", "right"),
        ("feed the cat", "dogs", "cats", "wrong"),
        ("xyzzy", "dogs", found.points[2].leader, "abstained"),
        ("walk the dog", "", "dogs", "wrong"),
    ]
    assert [(agent.name, agent.requests) for agent in found.agents] == [("dogs", 2), ("cats", 1)]
    assert found.left_out == 0
    assert found.to_json()["agents"][0]["name"] == "dogs"


def test_likes_lie_together() -> None:
    """A trained router's own vectors are what is drawn: the labels of its examples fall apart into two halves."""
    trained = train(EXAMPLES, TINY)
    router = EmbeddingRouter(trained.manifest, trained.arrays)
    found = map_requests(router, EXAMPLES)
    sides = {label: {p.x > 0.5 for p in found.points if p.label == label} for label in ("red", "blue")}
    assert sorted(map(sorted, sides.values())) == [[False], [True]]


def test_many_requests_are_thinned_out_evenly(keyword: KeywordRouter, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture of ten thousand says no more than one of hundreds."""
    monkeypatch.setattr(embedding_map, "MOST", 60)
    examples = [Example("feed the cat", "cats")] * 60 + [Example("walk the dog", "dogs")] * 60
    found = map_requests(keyword, examples)
    assert len(found.points) == 60
    assert found.left_out == 60
    assert {agent.requests for agent in found.agents} == {30}


def test_no_requests_no_map(keyword: KeywordRouter) -> None:
    """There is nothing to draw."""
    with pytest.raises(RouterError, match="no examples"):
        map_requests(keyword, [])
