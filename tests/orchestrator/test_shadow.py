from collections.abc import Mapping
from typing import Any

import pytest

from orchestrator.journal import MemoryJournal
from orchestrator.messages import EMPTY
from orchestrator.shadow import decide_in_shadow, disagrees
from orchestrator.testing import FixedRouter, ScriptedAgent, in_virtual_time
from router import AgentProfile, Prediction
from tests.orchestrator.runs import make


def test_the_shadow_says_whom_it_would_have_chosen() -> None:
    """Who, how sure, which model; null for nobody."""
    router = FixedRouter()
    router.add(AgentProfile("a", "1", "a", ("a",)))
    assert decide_in_shadow(router, "a please", EMPTY) == {"chosen": "a", "confidence": 1.0, "fingerprint": "fixed"}
    assert decide_in_shadow(router, "other", EMPTY)["chosen"] is None


@pytest.mark.parametrize(
    ("decision", "differs"),
    [
        ({"choice": "a", "shadow": {"chosen": "a"}}, False),
        ({"choice": "a", "shadow": {"chosen": "b"}}, True),
        ({"choice": "a", "shadow": {"chosen": None}}, True),
        ({"choice": None, "chosen": "fallback", "shadow": {"chosen": None}}, False),
        ({"choice": "a"}, False),
        ({"chosen": "a"}, False),
    ],
)
def test_it_disagrees_with_the_router_not_with_what_became_of_its_choice(
    decision: dict[str, Any], *, differs: bool
) -> None:
    """A fallback or an agent that was tried is no disagreement; a decision without shadow is none either."""
    assert disagrees(decision) is differs


class Contrary(FixedRouter):
    """A model that sends everything to b, and remembers who left."""

    def __init__(self) -> None:
        super().__init__()
        self.left: list[str] = []

    def predict(self, text: str, vetoes: Mapping[str, str] = EMPTY) -> Prediction:
        """Choose b."""
        return super().predict("b", vetoes)

    def remove(self, name: str) -> None:
        """Know an agent no longer."""
        self.left.append(name)
        super().remove(name)


@in_virtual_time
async def test_a_shadow_is_on_record_and_has_no_say() -> None:
    """The task goes where the router says; agents that come and go are known to both."""
    journal = MemoryJournal("r")
    shadow = Contrary()
    o = make([ScriptedAgent("a", ["mine"]), ScriptedAgent("b")], journal)
    o._shadow, o._routers = shadow, (o._router, shadow)
    async with o:
        assert (await (await o.submit("a please", id="t")).result()).output == "mine"
        await o.unregister("b")
    (routed,) = journal.select(task="t", topics=("task.routed",))
    decision = routed.envelope.body["decision"]
    assert (decision["chosen"], decision["shadow"]["chosen"]) == ("a", "b")
    assert disagrees(decision)
    assert shadow.left == ["b"]


@in_virtual_time
async def test_without_a_shadow_nothing_of_it_is_on_record() -> None:
    """Records are what they were before there were shadows."""
    journal = MemoryJournal("r")
    async with make([ScriptedAgent("a")], journal) as o:
        await o.submit("a please", id="t")
    assert all("shadow" not in row.envelope.body.get("decision", {}) for row in journal.rows)
