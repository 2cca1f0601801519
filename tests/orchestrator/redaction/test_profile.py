from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import DocumentError
from orchestrator.redaction import RedactionKey, Redactor, read_profile
from orchestrator.redaction.bounded import why_slow

BANK = """\
extends: default
patterns:
  - {name: customer, pattern: '\\bKD-\\d{8}\\b'}
  - {name: branch, pattern: 'bc\\d{3}', ignore_case: true}
keys: [birth_date, Nickname]
headers: [X-Bank-Request]
"""


def redactor(tmp_path: Path, text: str) -> Redactor:
    path = tmp_path / "bank.redaction.yaml"
    path.write_text(text, encoding="utf-8")
    profile = read_profile(str(path))
    assert profile is not None
    assert (profile.name, profile.source) == ("bank", path)
    return Redactor(profile, RedactionKey(b"k", ""))


def rules(value: Any) -> Any:
    """Return a value with the digits of its pseudonyms left out."""
    import re

    return re.sub(r":[0-9a-f]{12}\]", "]", value) if isinstance(value, str) else {k: rules(v) for k, v in value.items()}


def test_a_profile_of_ones_own_adds_to_what_is_built_in(tmp_path: Path) -> None:
    """Patterns, names of keys, and headers that may be kept."""
    one = redactor(tmp_path, BANK)
    assert rules(one("KD-12345678 at BC123, ada@bank.example")) == "[customer] at [branch], [email]"
    assert rules(one({"birthDate": "1.1.", "nick_name": "x", "name": "y"})) == {
        "birthDate": "[secret]", "nick_name": "[secret]", "name": "y",
    }  # fmt: skip
    assert rules(one({"headers": {"x-bank-request": "7", "x-other": "8"}})) == {
        "headers": {"x-bank-request": "7", "x-other": "[header]"}
    }


def test_a_profile_may_stand_alone(tmp_path: Path) -> None:
    """What is built in is left out then."""
    one = redactor(tmp_path, BANK.replace("extends: default", "extends: none"))
    kept = {"password": "x", "headers": {"x-other": "ada@bank.example"}}
    assert one(kept) == kept
    assert rules(one("KD-12345678")) == "[customer]"


def test_the_built_in_profiles_have_names() -> None:
    """And `none`, as nothing, is none."""
    assert read_profile("none") is read_profile("") is None
    assert read_profile("default") is not None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("patterns: [{name: x, pattern: '(a+)+b'}]", "a repetition without a bound"),
        ("patterns: [{name: x, pattern: '(a{1,9}){1,9}b'}]", "a repetition inside another"),
        ("patterns: [{name: x, pattern: 'a{0,9}'}]", "matches no text at all"),
        ("patterns: [{name: x, pattern: '(a'}]", "no regular expression"),
        ("patterns: [{name: X!, pattern: 'a'}]", "'name'"),
        ("pattern: []", "unknown key 'pattern'"),
    ],
)
def test_a_profile_that_cannot_be_used_is_refused_with_its_line(tmp_path: Path, line: str, said: str) -> None:
    """Above all patterns that could take for ever on a text that is made for them."""
    with pytest.raises(DocumentError) as caught:
        redactor(tmp_path, line)
    assert said in str(caught.value)
    assert "bank.redaction.yaml:1:" in str(caught.value)


@pytest.mark.parametrize("pattern", ["a{3}", "(?:ab?){8}", "x(?=a{1,64}b)", "[a-z]{1,64}@[a-z]{1,64}"])
def test_patterns_with_bounds_are_taken(pattern: str) -> None:
    """A repetition of a fixed number, and one after another, take a time that grows with the text alone."""
    assert why_slow(pattern) == ""
