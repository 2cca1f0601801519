from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.redaction import Profile, RedactionError, RedactionKey, Redactor
from orchestrator.redaction.patterns import Pattern
from tests.orchestrator.redaction.secrets_of_tests import SECRETS, WRAPPINGS

KEY = RedactionKey(b"a key of tests, and no secret", "test")
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20) | SECRETS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(("a", "token", "headers", "x")), inner),
    max_leaves=6,
)


def redactor() -> Redactor:
    return Redactor(Profile(), KEY)


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    return [shape(inner) for inner in value] if isinstance(value, list) else None


@given(_values)
@settings(max_examples=40)
def test_what_is_redacted_stays_as_it_is_and_keeps_its_shape(value: Any) -> None:
    """With the same redactor and with another of any key; keys, lists and their lengths are those of before."""
    redacted = redactor()(value)
    assert redactor()(redacted) == redacted
    assert Redactor(Profile(), RedactionKey(b"another", ""))(redacted) == redacted
    assert shape(redacted) == shape(value)


@given(SECRETS, st.text(max_size=20), st.text(max_size=20), st.sampled_from(sorted(WRAPPINGS)))
@settings(max_examples=150)
def test_no_secret_survives_wherever_it_is_put(secret: str, before: str, after: str, wrapping: str) -> None:
    """Between any texts, and written as JSON, JSON in JSON, in a query, in base64."""
    text = WRAPPINGS[wrapping](f"{before} {secret} {after}")
    redacted = redactor()(text)
    assert secret not in redacted
    assert redacted != text
    assert redactor()(redacted) == redacted


@given(SECRETS, st.sampled_from(sorted(WRAPPINGS)))
@settings(max_examples=60)
def test_wrapping_and_redacting_change_places(secret: str, wrapping: str) -> None:
    """An agent of a replay wraps a pseudonym; that comes to what the secret, wrapped in the recording, came to."""
    wrap = WRAPPINGS[wrapping]
    pseudonym = redactor()(secret)
    assert redactor()(wrap(pseudonym)) == redactor()(wrap(secret))


def test_the_same_secret_is_the_same_however_it_is_written() -> None:
    """With spaces, in small letters, in another field; and another secret, or another key, gives another pseudonym."""
    one = redactor()
    assert one("DE89 3704 0044 0532 0130 00") == one("de89370400440532013000") == "[iban:7a98c5f018ac]"
    assert one("4111-1111-1111-1111") == one("4111111111111111") == one(4111111111111111)
    assert one("+49 (30) 123-4567") == one("+49301234567")
    assert one("Bob@Example.com") == one("bob@example.com") != one("eve@example.com")
    assert one("bob@example.com") != Redactor(Profile(), RedactionKey(b"another", ""))("bob@example.com")


@pytest.mark.parametrize(
    ("given_value", "wanted"),
    [
        ({"db_password": "x"}, {"db_password": "[secret:#]"}),
        ({"aSecret": {"a": ["x", None, True, 7]}}, {"aSecret": {"a": ["[secret:#]", None, True, "[secret:#]"]}}),
        ({"Authorization": "Bearer abcdefgh1"}, {"Authorization": "Bearer [token:#]"}),
        ({"Set-Cookie": "a=b; Path=/, c=d"}, {"Set-Cookie": "a=[cookie:#]; Path=/, c=[cookie:#]"}),
        ({"headers": {"X-Odd": "v", "Date": "now"}}, {"headers": {"X-Odd": "[header:#]", "Date": "now"}}),
        ({"headers": [["X-Odd", "v"], ["ETag", "1"]]}, {"headers": [["X-Odd", "[header:#]"], ["ETag", "1"]]}),
        ({"name": "x-api-key", "value": "v"}, {"name": "x-api-key", "value": "[secret:#]"}),
        ({"bob@x.de": 1, "BOB@x.de": 2}, {"[email:#]": 1, "[email:#]#1": 2}),
        ("https://u:p@h.example/?api_key=1", "https://[userinfo:#]@h.example/?api_key=[secret:#]"),
        ('{"pin": 1234}', '{"pin": "[secret:#]"}'),
        ('{"cookies": ["a", {"b": "c"}]}', '{"cookies": ["[cookie:#]", {"b": "[cookie:#]"}]}'),
        ('"{\\"password\\": \\"a\\\\\\"b\\"}"', '"{\\"password\\": \\"[secret:#]\\"}"'),
        ("Cookie: a=1; b=2\r\nHost: h", "Cookie: a=[cookie:#]; b=[cookie:#]\r\nHost: h"),
        ("Basic dXNlcjpwYXNz and basic knowledge", "Basic [token:#] and basic knowledge"),
        ("key AKIAIOSFODNN7EXAMPLE.", "key [key:#]."),
        ("-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY----- x", "[private-key:#] x"),
        ("-----BEGIN PRIVATE KEY-----\nMII", "[private-key:#]"),
        ("%5BIBAN%3A3f2a9c1d04be%5D", "[iban:3f2a9c1d04be]"),
    ],
)  # fmt: skip
def test_secrets_are_known_by_their_names_and_looks(given_value: Any, wanted: Any) -> None:
    """Whatever is around them stays, so that people and programs can go on with it."""
    redacted = json.dumps(redactor()(given_value))
    pattern = json.dumps(wanted)
    for part in pattern.split("#]"):
        head, redacted_rest = redacted[: len(part)], redacted[len(part) :]
        assert head == part
        redacted = redacted_rest.lstrip("0123456789abcdef").removeprefix("]") if "#]" in pattern else redacted_rest


@pytest.mark.parametrize(
    "harmless",
    [
        "20261126T081502-99c0", "2026-11-26T05:30:00+01:00", "max_tokens=100", {"max_tokens": 100, "tokens": 5},
        "0.4111111111111111", 1767603600123456, "pkg@1.2.3", "the token: please wait", "a1b2" * 16, "DE89 and no more",
        {"after": ["task-1"], "ok": True}, "4111 1111 1111 1112", "+1234567", "Basic understanding", "git@host:repo",
    ],
)  # fmt: skip
def test_what_is_no_secret_stays(harmless: Any) -> None:
    """Ids, times, digests, counts and prose."""
    assert redactor()(harmless) == harmless


def test_what_was_known_by_its_name_is_known_again_without() -> None:
    """A password in the text of an exception is nobody's, but it was in the payload before; a common word is not."""
    one = redactor()
    secret = one({"password": "hunter2-of-mine", "token": "red"})
    assert one("no login with hunter2-of-mine") == f"no login with {secret['password']}"
    assert one("a red house") == "a red house"
    assert one.tallies["secret"] == (2, 3)


def test_a_rule_that_fails_stops_everything_from_then_on() -> None:
    """The error names the rule and not what it looked at; the redactor refuses whatever comes later."""

    def fail(_text: str) -> list[Any]:
        raise ValueError("about 4111111111111111")

    profile = Profile()
    profile.rules = (*profile.rules, Pattern("broken", (), fail))
    one = Redactor(profile, KEY)
    with pytest.raises(RedactionError, match="'broken': it failed with ValueError") as caught:
        one("4111111111111111")
    assert "4111" not in str(caught.value)
    assert caught.value.__cause__ is None
    with pytest.raises(RedactionError, match="'broken'"):
        one(1)


def test_a_value_that_is_too_deep_is_refused() -> None:
    """Not passed on half looked at."""
    value: Any = "x"
    for _ in range(500):
        value = [value]
    with pytest.raises(RedactionError, match="200 levels"):
        redactor()(value)


@pytest.mark.parametrize(
    "seed",
    ["a", "\\", "a@", "%2B", '"password=', "DE89 ", "-----BEGIN PRIVATE KEY-----", "[iban:", "1 ", "Cookie: a=;"],
)
def test_a_text_that_is_made_to_take_long_does_not(seed: str) -> None:
    """Time grows with the length alone: with its square, this would not end within the limit of a test."""
    text = seed * (100_000 // len(seed))
    assert len(orjson.dumps(redactor()(text))) > 0
