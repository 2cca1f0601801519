"""Shape: which keys, and which kind of value, a model allows where; so that a large document is refused early."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel

if TYPE_CHECKING:
    from orchestrator.places import Loc

Kind = Literal["mapping", "list"]
_WANTED: Final[dict[Kind, tuple[str, str]]] = {
    "mapping": ("a mapping", "write `key: value` lines, indented below it"),
    "list": ("a list", "write a list: `- item` lines or [a, b]"),
}
_WANTED_SINGLE: Final = ("a single value", "write text, a number, true or false")


@dataclass(frozen=True, slots=True)
class Shape:
    """What may stand in one place.

    Attributes:
        kinds: of containers; a single value may stand anywhere, as far as this goes.
        keys: those of a mapping, with what may stand there; None where they are free.
        inner: what may stand under a free key or in a list.
        model: whose keys these are, if any one's.
    """

    kinds: frozenset[Kind] = frozenset(("mapping", "list"))
    keys: Mapping[str, Shape] | None = None
    inner: Shape | None = None
    model: type[BaseModel] | None = None

    def at(self, key: str) -> Shape | None:
        """Return what may stand under a key; None if the key is unknown."""
        return (self.inner or ANY) if self.keys is None else self.keys.get(key)

    def unknown(self, key: str) -> tuple[str, str]:
        """Return the problem with a key that is not one of `keys`, and what to do."""
        from orchestrator.documents import suggest

        found = _belongs_elsewhere(self.model, key) if self.model is not None else None
        return found or (f"unknown key {key!r}", suggest(key, self.keys or ()))

    def misfit(self, key: str, found: str) -> tuple[str, str]:
        """Return the problem with a list or mapping under `key` where there should be something else; what to do."""
        wanted, hint = next((_WANTED[kind] for kind in _WANTED if kind in self.kinds), _WANTED_SINGLE)
        return f"{repr(key) if key else 'the file'} should be {wanted}, not {found}", hint


ANY: Final = Shape()
_SINGLE: Final = Shape(frozenset())


def shape_of(kind: Any) -> Shape:
    """Return the shape of a type as a model states it; where a model has several to choose from, anything goes."""
    kinds = [one for one in _alternatives(kind) if one is not type(None)]
    if len(kinds) != 1:
        return ANY
    kind = kinds[0]
    if _is_model(kind):
        fields = {name: shape_of(one.annotation) for name, one in kind.model_fields.items()}
        keys = fields if kind.model_config.get("extra") == "forbid" else None
        return Shape(frozenset(("mapping",)), keys, model=kind)
    origin, arguments = get_origin(kind), [one for one in get_args(kind) if one is not Ellipsis]
    if origin in (dict, Mapping):
        return Shape(frozenset(("mapping",)), None, shape_of(arguments[-1]))
    if origin in (list, tuple):
        return Shape(frozenset(("list",)), None, shape_of(arguments[0]) if len(set(arguments)) == 1 else ANY)
    return _SINGLE if origin is Literal or _is_single(kind) else ANY


def known_keys(model: type[BaseModel], loc: Loc) -> list[str]:
    """Return the keys that the model allows in the mapping at `loc`."""
    return [name for kind in _models_at(model, loc) for name in kind.model_fields]


def elsewhere(model: type[BaseModel], loc: Loc) -> tuple[str, str] | None:
    """Return problem and hint for a key that a model does not have but knows, by its class variable `elsewhere`."""
    for kind in _models_at(model, loc[:-1]):
        found = _belongs_elsewhere(kind, str(loc[-1]))
        if found:
            return found
    return None


def _belongs_elsewhere(kind: type[BaseModel], name: str) -> tuple[str, str] | None:
    problem, hint = getattr(kind, "elsewhere", {}).get(name, ("", ""))
    return (f"{name!r} {problem}", f"{hint}; known here: {', '.join(sorted(kind.model_fields))}") if problem else None


def _models_at(model: type[BaseModel], loc: Loc) -> list[type[BaseModel]]:
    kinds: list[Any] = [model]
    for part in loc:
        kinds = [inner for kind in kinds for inner in _alternatives(_inside(kind, part))]
    return [kind for kind in kinds if _is_model(kind)]


def _alternatives(kind: Any) -> list[Any]:
    if get_origin(kind) is Annotated:
        return _alternatives(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return [inner for argument in get_args(kind) for inner in _alternatives(argument)]
    return [kind]


def _inside(kind: Any, part: int | str) -> Any:
    if _is_model(kind):
        fields = kind.model_fields
        if part in fields:
            return fields[part].annotation
        return kind if any(part in get_args(field.annotation) for field in fields.values()) else None  # a union's tag
    arguments = [argument for argument in get_args(kind) if argument is not Ellipsis]
    return arguments[-1] if arguments else None  # the item of a list or tuple, the value of a mapping


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _is_single(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, str | int | float | bool | Enum)
