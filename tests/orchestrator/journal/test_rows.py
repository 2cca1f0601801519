import hashlib
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import JournalError, NotJsonError
from orchestrator.journal import GENESIS, chain, check_json, decode, encode
from orchestrator.messages import Envelope

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | TEXT
JSON = st.recursive(
    SCALARS.filter(lambda value: not isinstance(value, float) or math.isfinite(value)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
ENVELOPES = st.builds(
    Envelope,
    id=TEXT,
    topic=TEXT,
    correlation_id=TEXT,
    causation_id=TEXT,
    at=st.floats(0, 2**40),
    body=st.dictionaries(TEXT, JSON, max_size=4),
    measured=st.none() | st.dictionaries(TEXT, st.floats(0, 100), min_size=1, max_size=2),
)


def envelope(body: dict[str, Any]) -> Envelope:
    return Envelope("1", "task.x", "t", "", 1.0, body)


@given(ENVELOPES, TEXT)
def test_a_row_gives_back_the_envelope_and_its_run(sent: Envelope, run: str) -> None:
    """Canonical bytes hold everything but what was measured, which comes from beside."""
    canonical = encode(run, sent)
    measured = json.dumps(sent.measured).encode() if sent.measured else None
    assert decode(canonical, measured) == (run, sent)
    assert decode(canonical) == (run, sent._replace(measured=None))


@given(st.dictionaries(TEXT, JSON, max_size=4), st.randoms())
def test_equal_envelopes_have_equal_bytes(body: dict[str, Any], rng: Any) -> None:
    """The order in which keys were inserted does not show: keys are sorted, at every depth."""

    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            items = list(value.items())
            rng.shuffle(items)
            return {key: shuffled(inner) for key, inner in items}
        return [shuffled(inner) for inner in value] if isinstance(value, list) else value

    assert encode("r", envelope(body)) == encode("r", envelope(shuffled(body)))


def test_the_canonical_form_is_what_the_documents_say() -> None:
    """Sorted keys, no spaces, UTF-8: a change here breaks every journal that exists."""
    sent = Envelope("1", "task.x", "t", "0", 1.5, {"b": "ü", "a": [1, None]}, {"x_s": 1.0})
    assert encode("r", sent).decode() == (
        '{"at":1.5,"body":{"a":[1,null],"b":"ü"},"cause":"0","id":"1","run":"r","task":"t","topic":"task.x"}'
    )


@pytest.mark.parametrize(
    "value",
    [object(), {1, 2}, {1: "x"}, 2**64, "\ud800", b"bytes"],
    ids=["object", "set", "key", "big", "half", "bytes"],
)
def test_what_is_not_json_is_refused(value: object) -> None:
    """The error names the topic and says what to do; it is told apart from a broken disk."""
    with pytest.raises(NotJsonError, match=r"body of 'task\.x' is not JSON: .*; publish plain JSON"):
        encode("r", envelope({"value": value}))
    with pytest.raises(NotJsonError, match="the payload is not JSON"):
        check_json({"value": value}, "the payload")


@pytest.mark.parametrize("value", [math.nan, math.inf, [{"x": -math.inf}]])
def test_numbers_that_json_does_not_have_are_refused(value: object) -> None:
    """NaN and infinity would become null in the record: what the journal says must be what happened."""
    with pytest.raises(NotJsonError, match="not JSON compliant"):
        check_json(value, "the payload")
    check_json({"nothing": None}, "the payload")


@pytest.mark.parametrize("row", [b"", b"{", b"[]", b"{}", b"3", b'{"id":"1"}', b'"x"'])
def test_bytes_that_are_no_row_are_refused(row: bytes) -> None:
    """No fallback decoder: what this version did not write is an error that says how to check the file."""
    with pytest.raises(JournalError, match="pointsman journal verify"):
        decode(row)


def test_a_hash_covers_the_row_and_all_before_it() -> None:
    """SHA-256 over the hash before and the canonical bytes; the first row is chained to 32 zero bytes."""
    first = chain(GENESIS, b"a")
    assert first == hashlib.sha256(bytes(32) + b"a").digest()
    assert chain(first, b"b") != chain(GENESIS, b"b")
