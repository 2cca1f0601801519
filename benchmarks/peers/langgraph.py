"""langgraph: a state graph, run in supersteps."""
# ruff: noqa: ARG001, ARG005
# mypy: disable-error-code="import-not-found,misc,untyped-decorator"
# The peer is installed in an environment of its own, where mypy does not look; it prescribes the signatures.

import operator
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from benchmarks.peers.harness import main
from benchmarks.work import SUBSCRIBERS, Contestant, Cost, Meter, Node, Sizes, require

# Annotations of nodes are read at run time: no `from __future__ import annotations` here.


class State(TypedDict, total=False):
    """How many nodes have run, and how many should."""

    seen: Annotated[int, operator.add]
    n: int


async def count(state: State) -> State:
    """Run one node."""
    return {"seen": 1}


async def nothing(state: State) -> State:
    """Run one node that is not counted."""
    return {}


async def publish(n: int) -> Cost:
    """Send to one node; beyond a few thousand in one superstep the cost per Send grows, so the size is 2,000."""
    return await _send(n, 1)


async def fan_out(n: int) -> Cost:
    """Send to 20 nodes."""
    return await _send(n, SUBSCRIBERS)


async def request(n: int) -> Cost:
    """Go to a node and back: two supersteps a round trip."""
    builder = StateGraph(State)
    builder.add_node("ask", nothing)
    builder.add_node("answer", count)
    builder.add_edge(START, "ask")
    builder.add_conditional_edges("ask", _ask_until(n), ["answer", END])
    builder.add_edge("answer", "ask")
    return await _run(builder.compile(), n, limit=2 * n + 10)


async def graph(nodes: Sequence[Node]) -> Cost:
    """Run a graph of nodes with joins; building it is not counted."""
    builder = StateGraph(State)
    for node in nodes:
        builder.add_node(node.id, count)
    for node in nodes:
        builder.add_edge(list(node.after) or START, node.id)
    return await _run(builder.compile(), len(nodes), limit=len(nodes) + 10)


async def _send(n: int, readers: int) -> Cost:
    names = [f"reader{number}" for number in range(readers)]
    builder = StateGraph(State)
    builder.add_node("source", nothing)
    for name in names:
        builder.add_node(name, count)
    builder.add_edge(START, "source")
    sends = [Send(name, {"n": i}) for i in range(n) for name in names]
    builder.add_conditional_edges("source", lambda state: sends, names)
    return await _run(builder.compile(), n * readers, limit=10)


def _ask_until(n: int) -> Callable[[State], str]:
    return lambda state: "answer" if state["seen"] < n else END


async def _run(compiled: Any, nodes: int, limit: int) -> Cost:
    with Meter() as meter:
        state = await compiled.ainvoke({"seen": 0, "n": nodes}, {"recursion_limit": limit})
    require(state["seen"] == nodes, f"{state['seen']} of {nodes} nodes ran")
    return meter.cost


if __name__ == "__main__":
    main(
        Contestant("langgraph", publish, fan_out, request, graph),
        "langgraph",
        Sizes(publish=2_000, fan_out=100, request=500),
    )
