"""Vocabulary: the types of expectation that there are: ours, and those that plugins bring by an entry point."""

from __future__ import annotations

import functools
import importlib.metadata
import inspect
from collections.abc import Iterable
from importlib.metadata import EntryPoint
from typing import Annotated, Any, Final, Literal, Union, get_args

from pydantic import ConfigDict, Field, create_model, model_validator

from orchestrator.foreign import describe
from scenarios.expectation import NOT, Expectation
from scenarios.scenario import BUILT_IN, ScenarioEntry

#: The entry-point group: the name of an entry point is the type, what it leads to a subclass of `Expectation`.
GROUP: Final = "pointsman.expectations"


class BrokenExpectation(Expectation):
    """Stands in for a type whose plugin cannot be used: a scenario that states it is refused with the reason."""

    model_config = ConfigDict(extra="allow")

    @model_validator(mode="before")
    @classmethod
    def _is_broken(cls, _stated: Any) -> Any:
        raise ValueError(cls.__doc__)


@functools.cache
def scenario_model() -> type[ScenarioEntry]:
    """Return the model of a scenario file, the types of installed plugins included; they are looked for once."""
    types = expectation_types(importlib.metadata.entry_points(group=GROUP))
    if not types:
        return ScenarioEntry
    union: Any = Union[(*BUILT_IN, *types)]
    then: Any = (tuple[Annotated[union, Field(discriminator="type")], ...], Field(min_length=1))
    return create_model("ScenarioEntry", __base__=ScenarioEntry, __doc__=ScenarioEntry.__doc__, then=then)


def expectation_types(entry_points: Iterable[EntryPoint]) -> tuple[type[Expectation], ...]:
    """Return the types that entry points bring, in the order of their names; of two with one name the first counts.

    A broken one is no error before a scenario states its type.
    """
    taken = {name for kind in BUILT_IN for name in types_of(kind)}
    found: list[type[Expectation]] = []
    for entry_point in sorted(entry_points, key=lambda one: (one.name, one.value)):
        if entry_point.name in taken:
            continue
        taken |= {entry_point.name, NOT + entry_point.name}
        found.append(_load(entry_point))
    return tuple(found)


def types_of(kind: type[Expectation]) -> tuple[str, ...]:
    """Return the types that a class stands for: `("state", "not-state")`."""
    return get_args(kind.model_fields["type"].annotation)


def _load(entry_point: EntryPoint) -> type[Expectation]:
    name = entry_point.name
    try:
        kind: object = entry_point.load()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - right: importing a plugin runs a stranger's code
        return _broken(entry_point, f"loading {entry_point.value!r} raised {describe(error)}")
    if not (isinstance(kind, type) and issubclass(kind, Expectation)):
        return _broken(entry_point, f"{entry_point.value!r} is no subclass of `scenarios.Expectation`")
    if set(types_of(kind)) != {name, NOT + name}:
        return _broken(entry_point, f'its `type` is not Literal["{name}", "{NOT}{name}"]')
    if inspect.isabstract(kind):
        return _broken(entry_point, f"{entry_point.value!r} has no method `check`")
    return kind


def _broken(entry_point: EntryPoint, problem: str) -> type[Expectation]:
    name = entry_point.name
    owner = entry_point.dist.name if entry_point.dist else "?"
    said = f"type {name!r} comes from the distribution {owner!r}, and {problem}; repair or remove it"
    kind: Any = Literal[name, f"{NOT}{name}"]
    return create_model(f"Broken_{name}", __base__=BrokenExpectation, __doc__=said, type=(kind, ...))
