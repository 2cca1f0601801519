"""JSON Schema: what editors and other tools hold scenario and plan files against, made from the models themselves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args

import orjson
from pydantic.json_schema import GenerateJsonSchema

from orchestrator.plan import PlanEntry
from scenarios.scenario import ScenarioEntry

SchemaOf = Literal["scenario", "plan"]
KINDS: Final[tuple[SchemaOf, ...]] = get_args(SchemaOf)
#: The schemas as they come with the package, without the types of plugins; the number counts breaking changes.
FOLDER: Final = Path(__file__).parent / "schema"

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_PLACEHOLDER: Final = {"$ref": "#/$defs/Placeholder"}
#: Of a schema: what says something about it, not about the value.
_ABOUT: Final = frozenset({"description", "default", "title", "examples"})


def path_of(kind: SchemaOf) -> Path:
    """Return the file of a schema that comes with the package."""
    return FOLDER / f"{kind}-1.json"


def schema_of(kind: SchemaOf, scenario: type[ScenarioEntry] = ScenarioEntry) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a kind of file.

    Args:
        kind: of file.
        scenario: the model of a scenario, with the types of plugins or without.
    """
    model = PlanEntry if kind == "plan" else scenario
    made = model.model_json_schema(schema_generator=_WithoutTitles, by_alias=False)
    if kind == "scenario":
        made = _with_placeholders(made)
    return {"$schema": _DIALECT, "title": f"Pointsman {kind}, version 1", **made}


def to_text(schema: Mapping[str, Any]) -> bytes:
    """Return a schema as it is written to a file."""
    return orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


class _WithoutTitles(GenerateJsonSchema):
    """Leaves out the titles of keys, which only repeat them."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - the signature of the base
        return False


def _with_placeholders(schema: dict[str, Any]) -> dict[str, Any]:
    """Let a whole placeholder stand for any value below the top that is no text: a row of the examples replaces it."""
    placeholder = {
        "type": "string",
        "pattern": "^<[A-Za-z_][A-Za-z0-9_-]*>$",
        "description": "stands for the cell of this column, of whatever type, in each row of the examples",
    }
    kinds = {name: _opened(kind) for name, kind in schema.get("$defs", {}).items()}
    return _opened(schema) | {"$defs": {"Placeholder": placeholder, **kinds}}


def _opened(schema: dict[str, Any]) -> dict[str, Any]:
    found = dict(schema)
    if "properties" in schema:
        found["properties"] = {name: _or_placeholder(name, one) for name, one in schema["properties"].items()}
    return found


def _or_placeholder(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    if name in _FIXED or _is_text(schema):
        return schema
    about = {key: value for key, value in schema.items() if key in _ABOUT}
    value = {key: value for key, value in schema.items() if key not in _ABOUT}
    return {**about, "anyOf": [*(value["anyOf"] if set(value) == {"anyOf"} else [value]), _PLACEHOLDER]}


def _is_text(schema: dict[str, Any]) -> bool:
    """Say whether any text may stand here, or anything at all."""
    kinds = [schema, *schema.get("anyOf", ())]
    return not set(schema) - _ABOUT or any(one.get("type") == "string" and "enum" not in one for one in kinds)


#: Keys whose values no row of the examples replaces as a whole: they make the scenario what it is.
_FIXED: Final = frozenset({"type", "kind", "given", "when", "then", "faults", "examples", "scripted"})
