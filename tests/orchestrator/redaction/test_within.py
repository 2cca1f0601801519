"""Pseudonyms within values: numbered ones, what values have in common without them, and numbers counted anew."""

from __future__ import annotations

import base64
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.redaction import Numbered, Profile, Recounted, RedactionKey, Redactor, shape_of, without_number
from tests.orchestrator.redaction.secrets_of_tests import SECRETS, WRAPPINGS

ONE, TWO, KEYED = "[iban:000000000001]", "[iban:000000000002]", "[iban:3f2a9c1d04be]"
_values = st.recursive(
    st.integers(-(2**53), 2**53)
    | st.text(max_size=12)
    | SECRETS
    | st.builds(lambda secret, name: WRAPPINGS[name](secret), SECRETS, st.sampled_from(sorted(WRAPPINGS))),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(("a", "token", "headers")), inner),
    max_leaves=5,
)


def redactor(begun: int = 0) -> Redactor:
    """Return a redactor that has seen so many other secrets."""
    redact = Redactor(Profile(), None, Numbered())
    redact([f"m{number}@bank.example" for number in range(begun)])
    return redact


@given(_values)
@settings(max_examples=60)
def test_values_that_differ_in_the_names_of_their_secrets_alone_have_one_shape(value: Any) -> None:
    """Whatever was numbered before, and by key or by number; their pseudonyms go in pairs, by rule."""
    mine, theirs = shape_of(redactor()(value)), shape_of(redactor(3)(value))
    keyed = shape_of(Redactor(Profile(), RedactionKey(b"a key of tests", ""))(value))
    assert mine[0] == theirs[0] == keyed[0]
    assert [one.partition(":")[0] for one in mine[1]] == [one.partition(":")[0] for one in theirs[1]]


@given(st.lists(_values, max_size=3))
@settings(max_examples=40)
def test_what_is_counted_anew_does_not_say_what_there_was_before(values: list[Any]) -> None:
    """Rows are the same in a recording and in a replay, in which other secrets were met meanwhile."""
    assert list(map(Recounted(redactor()), values)) == list(map(Recounted(redactor(5)), values))


def test_a_shape_is_found_in_base64_and_in_keys() -> None:
    """And in the order of the places, whatever the pseudonyms are."""
    packed = [base64.b64encode(f"to {one}, of {TWO}".encode()).decode() for one in (ONE, KEYED)]
    assert shape_of({"b": packed[0], TWO: 1})[0] == shape_of({ONE: 1, "b": packed[1]})[0]
    assert shape_of([packed[1], f"{TWO}{ONE}"])[1] == (KEYED, TWO, TWO, ONE)
    assert shape_of({"a": "x"}) != shape_of({"a": "y"})


def test_a_pseudonym_becomes_another_only_while_it_is_free() -> None:
    """And only one that nobody has; it keeps it, and its number is given to the next."""
    numbered = Numbered()
    numbered.reserve([TWO, KEYED])
    new = numbered("iban", "DE1")
    assert (new, numbered.can_become(new, TWO)) == ("[iban:000000000003]", True)
    numbered.become(new, TWO)
    assert (numbered("iban", "DE1"), numbered("iban", "DE2")) == (TWO, "[iban:000000000003]")
    assert not numbered.can_become("[iban:000000000003]", TWO)
    assert not numbered.can_become(TWO, ONE)
    numbered.hold()
    assert not numbered.can_become("[iban:000000000003]", ONE)


def test_a_router_sees_no_number() -> None:
    """But what a key has made stays: the recording was decided by it."""
    assert without_number(f"from {TWO} to {KEYED}") == f"from [iban:000000000000] to {KEYED}"
