"""Shapes: what a model allows where, as far as it can be said before the whole is read."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.plan import PlanEntry
from orchestrator.policy import TaskPolicy
from orchestrator.settings import Settings
from orchestrator.shapes import ANY, Shape, elsewhere, known_keys, shape_of
from scenarios.scenario import ScenarioEntry


class Leaf(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: Literal["leaf"] = "leaf"
    size: Annotated[float, Field(ge=0)] = 0


class Loose(BaseModel):
    one: int


class Tree(BaseModel):
    model_config = ConfigDict(extra="forbid")

    leaves: tuple[Leaf, ...]
    by_name: dict[str, Leaf]
    either: Leaf | str
    maybe: Leaf | None
    loose: Loose
    pair: tuple[int, str]
    anything: Any


TREE = shape_of(Tree)


def _at(*way: str) -> Shape:
    shape: Shape | None = TREE
    for key in way:
        assert shape is not None
        shape = (shape.inner or ANY) if key == "[]" else shape.at(key)
    assert shape is not None
    return shape


@pytest.mark.parametrize(
    ("way", "kinds", "keys"),
    [
        ((), {"mapping"}, set(Tree.model_fields)),
        (("leaves",), {"list"}, None),
        (("leaves", "[]"), {"mapping"}, {"kind", "size"}),
        (("leaves", "[]", "kind"), set(), None),
        (("leaves", "[]", "size"), set(), None),
        (("by_name",), {"mapping"}, None),
        (("by_name", "any name"), {"mapping"}, {"kind", "size"}),
        (("maybe",), {"mapping"}, {"kind", "size"}),
        (("loose",), {"mapping"}, None),
        (("pair", "[]"), {"mapping", "list"}, None),
        (("either",), {"mapping", "list"}, None),
        (("anything", "below"), {"mapping", "list"}, None),
    ],
)
def test_a_shape_says_what_may_stand_where(way: tuple[str, ...], kinds: set[str], keys: set[str] | None) -> None:
    """Containers by kind, keys where the model forbids others; where there is a choice, anything."""
    shape = _at(*way)
    assert shape.kinds == kinds
    assert (None if shape.keys is None else set(shape.keys)) == keys


def test_an_unknown_key_is_none() -> None:
    """And its problem is worded as where a whole document is validated."""
    assert TREE.at("leavs") is None
    assert TREE.unknown("leavs")[0] == "unknown key 'leavs'"
    assert "did you mean 'leaves'?" in TREE.unknown("leavs")[1]


def test_a_key_that_belongs_elsewhere_is_said_to() -> None:
    """A large plan hears the same of an agent's field as a small one: where it is to be stated."""
    problem, hint = shape_of(TaskPolicy).unknown("concurrency")
    assert (problem, hint) == elsewhere(PlanEntry, ("policy", "concurrency"))
    assert "unknown" not in problem


@pytest.mark.parametrize("model", [PlanEntry, ScenarioEntry, Settings])
def test_every_key_of_our_files_is_known(model: type[BaseModel]) -> None:
    """The shape lets pass what the model knows, at the top as below."""
    assert set(shape_of(model).keys or ()) == set(known_keys(model, ()))
