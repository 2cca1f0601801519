import pytest

from orchestrator.agent import AgentCard
from orchestrator.errors import CardError, DuplicateAgentError, UnknownAgentError
from orchestrator.registry import AgentRegistry
from orchestrator.testing import ScriptedAgent


def test_agents_come_back_in_the_order_of_registration() -> None:
    """The registry is a mapping from name to agent that keeps its order."""
    registry = AgentRegistry()
    first, second = registry.add(ScriptedAgent("zeta")), registry.add(ScriptedAgent("alpha"))
    assert list(registry) == [first, second]
    assert len(registry) == 2
    assert "zeta" in registry
    assert registry.get("alpha") is second
    assert registry.remove("zeta") is first
    assert "zeta" not in registry


def test_a_taken_name_is_refused() -> None:
    """Two agents of one name could not be told apart in any record."""
    registry = AgentRegistry()
    registry.add(ScriptedAgent("a"))
    with pytest.raises(DuplicateAgentError, match="'a' is already registered"):
        registry.add(ScriptedAgent("a"))


def test_an_unknown_name_brings_up_the_nearest() -> None:
    """A misspelt name is answered with a suggestion, another one without."""
    registry = AgentRegistry()
    registry.add(ScriptedAgent("sql-checker"))
    with pytest.raises(UnknownAgentError, match="did you mean 'sql-checker'"):
        registry.get("sql-cheker")
    with pytest.raises(UnknownAgentError, match=r"no agent 'zzz' is registered$"):
        registry.remove("zzz")


def test_the_digest_depends_on_the_cards_and_not_on_their_order() -> None:
    """Equal sets of cards, equal digests; another example, another digest; removed, the old digest again."""
    ab, ba = AgentRegistry(), AgentRegistry()
    for names, registry in (("ab", ab), ("ba", ba)):
        for name in names:
            registry.add(ScriptedAgent(name))
    before = ab.digest
    assert before == ba.digest
    ab.add(ScriptedAgent("c", examples=["another request"]))
    assert ab.digest != before
    ab.remove("c")
    assert ab.digest == before


def test_what_is_no_agent_is_refused_and_named() -> None:
    """An object without a card, or without a handle, does not get in."""

    class NoHandle:
        card = AgentCard(name="half", summary="s", examples=("e",))

    registry = AgentRegistry()
    with pytest.raises(CardError, match="no `card`"):
        registry.add(object())
    with pytest.raises(CardError, match="'half': it has no method `handle"):
        registry.add(NoHandle())
    assert len(registry) == 0
