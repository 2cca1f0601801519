import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.dependencies import Dependencies

Rows = list[tuple[str, list[str]]]


@st.composite
def rows(draw: st.DrawFn) -> Rows:
    """Draw new tasks in order, each with what it waits for, perhaps named twice."""
    size = draw(st.integers(0, 12))
    return [
        (str(n), [str(draw(st.integers(0, n - 1))) for _ in range(draw(st.integers(0, 4)) if n else 0)])
        for n in range(size)
    ]


@given(rows())
def test_adding_tasks_gives_the_graph_that_networkx_builds_edge_by_edge(drawn: Rows) -> None:
    """Written in one step or through the public methods: same nodes, same edges in the same order, both ways."""
    ours, theirs = Dependencies(), nx.DiGraph()
    for name, after in drawn:
        assert list(ours.add_task(name, after)) == list(dict.fromkeys(after))
        theirs.add_node(name)
        theirs.add_edges_from((other, name) for other in after)
    assert list(ours.nodes(data=True)) == list(theirs.nodes(data=True))
    assert list(ours.edges(data=True)) == list(theirs.edges(data=True))
    assert [list(ours.predecessors(name)) for name in ours] == [list(theirs.predecessors(name)) for name in theirs]


def test_what_is_added_later_through_networkx_fits() -> None:
    """The rows are ordinary ones: an edge added or removed by the public methods is seen from both of its ends."""
    graph = Dependencies()
    graph.add_task("a", ())
    graph.add_task("b", ["a"])
    graph.add_task("c", ())
    graph.add_edge("c", "b")
    graph.remove_edge("a", "b")
    assert list(graph.predecessors("b")) == ["c"]
    assert list(graph.successors("a")) == []
    assert nx.descendants(graph, "c") == {"b"}
    assert nx.is_directed_acyclic_graph(graph)
