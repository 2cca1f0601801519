import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.manifest import Manifest, ManifestError, TrainedLabel, parse, version_of

GOOD = Manifest(
    schema_version=6,
    bits=20,
    word_order=True,
    features=3,
    size=8,
    sketch_size=64,
    sketch_weight=0.5,
    base="0123456789abcdef",
    base_size=64,
    base_weight=0.25,
    unseen_idf=7.0,
    stranger_weights=(0.3, 0.0, 0.4),
    rare_words=False,
    stranger_bias=-0.05,
    labels=(TrainedLabel("card", "1.0", "ab"), TrainedLabel("Überweisung")),
    scale=20.0,
    floor=-0.1,
    rise=0.75,
    fall=1.25,
    shift=-0.5,
    threshold=0.5,
    error_budget=None,
    held_out=4,
    rehearsed=0,
    config={"epochs": 3, "min_df": [1, 2]},
    metrics={"held_out_accuracy": 0.5},
    history=((1.5, 1.25, 0.5),),
    training_digest="00",
    digest="11",
)


def changed(**values: Any) -> bytes:
    """Return the good manifest as JSON with some fields changed."""
    return json.dumps({**json.loads(GOOD.to_json()), **values}).encode()


def test_a_manifest_survives_its_json() -> None:
    """What is read is what was written, and writing it again gives the same characters."""
    again = parse(GOOD.to_json().encode())
    assert again == GOOD
    assert again.to_json() == GOOD.to_json()


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("bits", [7, 25, 20.0, "20", True, None]),
        ("word_order", [1, "yes", None]),
        ("features", [-1, 1.5]),
        ("size", [0, 4097]),
        ("sketch_size", [0, 65, 4160]),
        ("sketch_weight", [0, -1, "1", None, True]),
        ("base", ["xyz", "0123456789ABCDEF", 3]),
        ("base_size", [-64, 63]),
        ("base_weight", [-0.1]),
        ("unseen_idf", [0]),
        ("labels", [{}, None, [3], [{"name": "a"}], [{"name": 1, "version": "", "profile_digest": ""}]]),
        ("scale", [0, 1e7]),
        ("floor", ["0", None]),
        ("stranger_weights", [[1, 2], [1, 2, "3"], 1, None]),
        ("stranger_bias", ["0", None]),
        ("history", [[[1, 2]], [1], None]),
        ("rise", [-0.1, 2e6, "1"]),
        ("fall", [-0.1, 2e6, None]),
        ("shift", ["0", None]),
        ("threshold", [-0.1, 1.1]),
        ("error_budget", [0, 1, "0.05"]),
        ("held_out", [-1]),
        ("config", [[], None]),
        ("metrics", [[], {"a": "1"}, {"a": None}]),
        ("training_digest", [None, 3, "\ud800"]),
        ("digest", [None]),
    ],
)
def test_a_field_that_is_not_what_it_should_be_is_named(field: str, values: list[Any]) -> None:
    """Every field is checked for kind and range, and the error names it."""
    for value in values:
        with pytest.raises(ManifestError, match=f"^{field}: "):
            parse(changed(**{field: value}))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_none_are_refused(number: str) -> None:
    """NaN and infinities, which JSON does not know and Python reads, are no weights and no thresholds."""
    text = GOOD.to_json().replace('"sketch_weight":0.5', f'"sketch_weight":{number}')
    with pytest.raises(ManifestError):
        parse(text.encode())


def test_missing_and_unknown_fields_are_named() -> None:
    """A manifest has exactly the fields of its version."""
    values = json.loads(GOOD.to_json())
    del values["bits"]
    with pytest.raises(ManifestError, match="missing or unknown: bits, extra"):
        parse(json.dumps({**values, "extra": 1}).encode())


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"3", b"\xff", b"[" * 100_000, b'{"a":' * 100_000])
def test_what_is_no_object_is_refused(text: bytes) -> None:
    """No bytes make the reading of a manifest fail in any other way than by its own error."""
    with pytest.raises(ManifestError):
        parse(text)
    assert version_of(text) is None


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_read(text: bytes) -> None:
    """Bytes from anywhere give a manifest or our own error."""
    with pytest.raises(ManifestError):
        parse(text)


def test_the_version_is_read_whatever_else_there_is() -> None:
    """The version of a manifest with other fields is known, so that people are told of it first."""
    assert version_of(b'{"schema_version": 3, "what": 1}') == 3
    assert version_of(b'{"schema_version": "3"}') is None
    assert version_of(b"{}") is None


def test_more_lists_than_any_manifest_has_are_not_parsed() -> None:
    """Refused by their count, which takes a moment; the cap is named."""
    with pytest.raises(ManifestError, match="more than 50000 objects and lists"):
        parse(changed(config={"x": [[]] * 50_000}))
