"""Reading a row without its body: the same as decoding it, for every row that can be written."""

from __future__ import annotations

import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestrator.journal import encode
from orchestrator.messages import Envelope
from scenarios.glance import body_of, glance

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
TRICKY = st.sampled_from(['","cause":"', ',"cause":"x","id":"y"', '"}', "\\", '\\"', ',"body":', "é€😀", "\n\0"])
VALUE = st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | TEXT | TRICKY, st.lists, max_leaves=4)
BODY = st.dictionaries(TEXT | TRICKY, VALUE, max_size=3)


@settings(max_examples=50, deadline=None)
@given(TEXT | TRICKY, TEXT | TRICKY, TEXT, TEXT, TEXT | TRICKY, st.floats(0, 2e9), BODY)
@example("r", "task.completed", "t", "2", "1", 1.5, {"cause": "9", "id": "8", "topic": 'x","topic":"y'})
def test_it_sees_what_decoding_sees(
    run: str, topic: str, task: str, name: str, cause: str, at: float, body: dict[str, Any]
) -> None:
    """Whatever stands in texts, and in the body: that it looks like the end of a row, too."""
    row = encode(run, Envelope(name, topic, task, cause, at, body))
    seen, decoded = glance(row), orjson.loads(row)
    texts = (seen.run, seen.topic, seen.task, seen.id, seen.cause)
    assert tuple(text.decode() for text in texts) == (run, topic, task, name, cause)
    assert orjson.loads(seen.body) == decoded["body"]
    assert float(seen.at) == decoded["at"]


@settings(max_examples=30)
@given(
    st.permutations(["at", "body", "cause", "id", "run", "task", "topic"]), st.sampled_from([0, orjson.OPT_INDENT_2])
)
def test_a_row_that_somebody_wrote_otherwise_is_the_same(keys: list[str], layout: int) -> None:
    """Other order, blanks: its parts are the same."""
    value: dict[str, Any] = {
        "at": 1.5,
        "body": {"b": 1, "a": 2},
        "cause": "",
        "id": "1",
        "run": "r",
        "task": "t",
        "topic": "x",
    }
    seen = glance(orjson.dumps({key: value[key] for key in keys}, None, layout))
    wanted = glance(encode("r", Envelope("1", "x", "t", "", 1.5, {"a": 2, "b": 1})))
    assert body_of(seen) == body_of(wanted)
    assert seen._replace(body=b"") == wanted._replace(body=b"")


@pytest.mark.parametrize(
    "row",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"at":1,"body":[],"cause":"","id":"","run":"","task":"","topic":""}',
        b'{"at":"1","body":{},"cause":"","id":"","run":"","task":"","topic":""}',
        b'{"at":1,"body":{},"cause":"","id":1,"run":"","task":"","topic":""}',
        b'{"at":1,"body":{},"cause":"","id":"","run":"","topic":""}',
        b'{"at":1,"body":{},"cause":"\\ud800","id":"","run":"","task":"","topic":""}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_what_is_no_row_is_refused(row: bytes) -> None:
    """With a ValueError; whoever knows where it stands says so."""
    if b'"body":[]' in row:
        assert glance(row).body == b"[]"  # looked into where it is compared
        assert body_of(glance(row)) == {}
    else:
        with pytest.raises(ValueError):  # noqa: PT011 - orjson's own, or ours
            glance(row)


@given(st.binary(max_size=80))
def test_any_bytes_are_a_row_or_a_value_error(row: bytes) -> None:
    """Nothing else."""
    with contextlib.suppress(ValueError):
        glance(row)
