"""JSON Schema: the files that come with the package are those of the models, and say of files what the loader says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from orchestrator.documents import read_document
from scenarios.collector import LIBRARY
from scenarios.json_schema import KINDS, SchemaOf, path_of, schema_of, to_text

BROKEN = Path(__file__).parent.parent / "broken"
#: Not what the shape of a file cannot say: how its parts fit each other, and other files.
SEEN_BY_SCHEMA = (
    "agent-policy-in-task", "condition-misspelt", "cost-of-unknown-resource", "delay-in-words",
    "expectation-without-type", "fault-in-attempt-zero", "fault-kind", "fault-without-agent",
    "missing-then", "negative-wait", "never-without-topic",
    "no-expectations", "norway-true-as-text", "order-mode", "quoted-number", "secret-of-unknown-kind", "text-at-top",
    "unknown-expectation", "unknown-key", "unknown-nested-key", "unknown-not-expectation", "where-as-list",
)  # fmt: skip


def validator(kind: SchemaOf) -> Draft202012Validator:
    """Return what holds files against a schema that comes with the package."""
    return Draft202012Validator(orjson.loads(path_of(kind).read_bytes()))


VALIDATORS = {kind: validator(kind) for kind in KINDS}


def faults(path: Path, data: Any = None) -> list[str]:
    """Return what the schema finds wrong with a file."""
    kind: SchemaOf = "plan" if path.name.endswith(".plan.yaml") else "scenario"
    return [fault.message for fault in VALIDATORS[kind].iter_errors(data or read_document(path).data)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_is_that_of_the_models(kind: SchemaOf) -> None:
    """Write it anew with `pointsman schema KIND --bare > scenarios/schema/KIND-1.json`."""
    assert path_of(kind).read_bytes() == to_text(schema_of(kind))
    Draft202012Validator.check_schema(schema_of(kind))


@pytest.mark.parametrize("path", [*sorted(LIBRARY.glob("*.yaml"))], ids=lambda path: path.name)
def test_what_is_sound_is_sound_by_the_schema(path: Path) -> None:
    """Outlines as well, whose placeholders stand for numbers and more."""
    assert faults(path) == []


@pytest.mark.parametrize("name", SEEN_BY_SCHEMA)
def test_what_an_editor_can_see_it_sees(name: str) -> None:
    """Misspelt keys and types, missing keys, wrong kinds of values."""
    assert faults(BROKEN / f"{name}.scenario.yaml")


def test_a_placeholder_stands_for_a_value_of_any_type_but_only_as_a_whole() -> None:
    """`<column>` where a number is wanted; other text is none."""
    path = LIBRARY / "timeout.scenario.yaml"
    data = read_document(path).data
    for seed, sound in (("<seed>", True), ("7", False), ("<seed> or so", False)):
        assert (faults(path, {**data, "seed": seed}) == []) is sound
