"""Documents: what is read, what is refused, and where errors point."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from orchestrator import yaml_text
from orchestrator.documents import describe, read_document, suggest, validate
from orchestrator.errors import DocumentError
from orchestrator.policy import Policy
from orchestrator.yaml_builder import MAX_INTEGER

BROKEN = Path(__file__).parent.parent / "broken"


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None),
        ("~", None),
        ("", None),
        ("true", True),
        ("FALSE", False),
        ("yes", "yes"),
        ("Off", "Off"),
        ("-12", -12),
        ("+3", 3),
        ("0", 0),
        ("007", "007"),
        ("0x1F", "0x1F"),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("2026-01-05", "2026-01-05"),
        ("1.50", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1.2.3", "1.2.3"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("|\n  12\n", "12\n"),
        ("=", "="),
    ],
)
def test_plain_scalars_follow_the_core_schema(text: str, value: Any) -> None:
    """Only what is written as null, a boolean or a decimal number is one; the rest is text."""
    data = read_document(f"- {text}").data[0]
    assert data == value
    assert type(data) is type(value)


def test_places_of_keys_and_values_are_kept() -> None:
    """Every key and value has its line and column, both from 1."""
    document = read_document("a: 1\nb:\n  - x\n  - {c: é, d: [y]}\n")
    assert document.data == {"a": 1, "b": ["x", {"c": "é", "d": ["y"]}]}
    assert document.mark(("b", 1, "d", 0)) == (4, 16)
    assert document.mark(("b", 1, "d"), key=True) == (4, 12)
    assert document.mark(("b",)) == (3, 3)
    assert document.mark(()) == (1, 1)


def test_a_place_that_does_not_exist_points_to_the_nearest_above() -> None:
    """Parts of a location that lead nowhere are passed over."""
    document = read_document("a:\n  b: 1\n")
    assert document.mark(("a", "tag", "b")) == (2, 6)
    assert document.mark(("a", "missing")) == (2, 3)
    assert document.mark(("nowhere",), key=True) == (1, 1)


def test_file_text_and_bytes_read_the_same(tmp_path: Path) -> None:
    """A path is read from the file; text and bytes are the document itself."""
    path = tmp_path / "x.yaml"
    path.write_text("a: é\n", encoding="utf-8")
    assert read_document(path).data == read_document("a: é\n").data == read_document("a: é\n".encode()).data
    assert read_document(path).name == str(path)
    assert read_document(path, "x").name == "x"


def test_missing_file_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    """A misspelt file name brings up the one that is there."""
    (tmp_path / "release.plan.yaml").touch()
    with pytest.raises(DocumentError, match=r"no such file; did you mean 'release.plan.yaml'\?"):
        read_document(tmp_path / "relase.plan.yaml")
    with pytest.raises(DocumentError, match="no such file; check the path"):
        read_document(tmp_path / "nowhere" / "x.yaml")


@pytest.mark.parametrize("name", ["", "pipe", "a\0b", "x/y.yaml", "n" * 300])
def test_what_is_no_readable_file_is_refused(name: str, tmp_path: Path) -> None:
    """A folder, a pipe, a path through a file and a name that no file can have are document errors."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "x").touch()
    with pytest.raises(DocumentError) as refusal:
        read_document(tmp_path / name)
    assert refusal.value.hint


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
@example(b"%YAML 1.99999999999999999999999999999\n--- a")
@example(b"\xef\xbb\xbf\xff")
@example(b'"\\UFFFFFFFF"')
@example(b"!<%FF> a")
@example(b"a: |\n\t x")
@example(b"? - a\n: b")
@example(b"{? a, ? b : c, : d}")
@example(b"%TAG ! tag:x,2000:\n--- !y z")
def test_arbitrary_bytes_raise_nothing_but_document_errors(raw: bytes) -> None:
    """Whatever the bytes, they are read or refused with a DocumentError."""
    _read_or_refuse(raw)


YAML_LIKE = st.text(st.sampled_from("ab:-? #&*!|>'\"%@`{}[],\\\n\t 0.~<\r\ufeff\x85é\ud800\0"), max_size=60)


@settings(max_examples=600, deadline=None)
@given(YAML_LIKE)
def test_arbitrary_text_raises_nothing_but_document_errors(text: str) -> None:
    """Whatever the text, lone surrogates included, it is read or refused with a DocumentError."""
    _read_or_refuse(text)


def _read_or_refuse(source: str | bytes) -> None:
    for parser in (yaml_text._PARSER, yaml.SafeLoader):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(yaml_text, "_PARSER", parser)
            outcome = _outcome(source)
        if isinstance(outcome, DocumentError):
            assert outcome.line >= 1
            assert outcome.column >= 1
            assert outcome.hint
        else:
            json.dumps(outcome, allow_nan=False).encode()


def _outcome(source: str | bytes) -> Any:
    try:
        return read_document(source).data
    except DocumentError as error:
        return error


@settings(max_examples=300, deadline=None)
@given(YAML_LIKE)
def test_both_parsers_agree(text: str) -> None:
    """What libyaml and PyYAML's own parser both accept has the same value and the same places.

    But for a value that is left out: where nothing stands, each points to another end of the gap.
    """
    found = []
    for parser in (yaml_text._PARSER, yaml.SafeLoader):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(yaml_text, "_PARSER", parser)
            try:
                document = read_document(text)
            except DocumentError:
                return
            found.append((document.data, document.places))
    (ours, our_places), (theirs, their_places) = found
    assert ours == theirs
    if b"null" not in orjson.dumps(ours):
        assert our_places == their_places


@pytest.mark.parametrize("path", sorted(BROKEN.iterdir()), ids=lambda path: path.name)
def test_both_parsers_agree_on_the_corpus(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken file is refused on the same line whichever parser is there."""
    lines = []
    for parser in (yaml_text._PARSER, yaml.SafeLoader):
        monkeypatch.setattr(yaml_text, "_PARSER", parser)
        try:
            read_document(path)
            lines.append(0)
        except DocumentError as error:
            lines.append(error.line)
    assert lines[0] == lines[1]


TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters="\ufeff\ufffe\uffff"), max_size=8
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_INTEGER, MAX_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_json_reads_as_itself(value: Any) -> None:
    """JSON is YAML: what `json.dumps` writes reads back equal."""
    data = read_document(json.dumps(value, ensure_ascii=False)).data
    assert json.dumps(data) == json.dumps(value)


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_what_pyyaml_writes_reads_as_itself(value: Any) -> None:
    """Plain data survives `yaml.safe_dump`, whose text is quoted here: YAML 1.1 leaves '1e5' bare, 1.2 has a number."""
    text = yaml.safe_dump(_quote(value), allow_unicode=True)
    assert json.dumps(read_document(text).data) == json.dumps(value, sort_keys=True)


class _Quoted(str):
    """Text that is written in quotes."""

    __slots__ = ()


yaml.SafeDumper.add_representer(
    _Quoted, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style='"')
)


def _quote(value: Any) -> Any:
    if isinstance(value, str):
        return _Quoted(value)
    if isinstance(value, dict):
        return {_Quoted(key): _quote(value[key]) for key in sorted(value)}
    return [_quote(inner) for inner in value] if isinstance(value, list) else value


def test_largest_numbers_stay_exact() -> None:
    """64-bit integers are exact; the next one is refused, as is a float that overflows."""
    assert read_document("9223372036854775807").data == 2**63 - 1
    assert read_document("-9223372036854775807").data == -(2**63 - 1)
    assert math.isclose(read_document("1.7976931348623157e+308").data, 1.7976931348623157e308)
    for text in ("9223372036854775808", "1e400", "9" * 5000):
        with pytest.raises(DocumentError, match="too large"):
            read_document(text)


# --- validating -------------------------------------------------------------------------------------------------------


class Cat(BaseModel):
    """One of two alternatives."""

    model_config = ConfigDict(extra="forbid")
    type: Literal["cat", "not-cat"]
    lives: int = 9


class Dog(BaseModel):
    """The other."""

    model_config = ConfigDict(extra="forbid")
    type: Literal["dog"]
    tricks: tuple[str, ...] = ()


class Home(BaseModel):
    """A model with everything that locations pass through."""

    model_config = ConfigDict(extra="forbid")
    name: str
    pets: tuple[Annotated[Cat | Dog, Field(discriminator="type")], ...] = ()
    policy: Policy | None = None
    rooms: dict[str, Cat] = Field(default_factory=dict)
    mood: Literal["calm", "lively"] = "calm"
    size: float = Field(default=1, ge=1)
    open: bool = False
    pair: tuple[int, ...] = Field(default=(1, 2), min_length=2, max_length=2)


def test_valid_document_becomes_the_model() -> None:
    """A document that fits is the model; whole numbers may stand for floats."""
    home = validate(read_document("name: no\nsize: 3\npets: [{type: dog, tricks: [sit]}]\n"), Home)
    assert home == Home(name="no", size=3.0, pets=(Dog(type="dog", tricks=("sit",)),))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("nam: x\n", "x:1:1: unknown key 'nam' (and 1 more); did you mean 'name'? known: mood, name, open, pair, "),
        ("mood: calm\n", "x:1:1: key 'name' is missing; add `name: ...`"),
        ("name: x\nmood: clam\n", "x:2:7: 'mood' cannot be 'clam'; did you mean 'calm'? known: calm, lively"),
        ("name: x\nmood: 3\n", "x:2:7: 'mood' cannot be 3; known: calm, lively"),
        ("name: true\n", "x:1:7: 'name' should be a valid string, not True; write text, in quotes"),
        ("name: x\nopen: on\n", "x:2:7: 'open' should be a valid boolean, not 'on'; write true or false"),
        ("name: x\nsize: '3'\n", "x:2:7: 'size' should be a valid number, not '3'; write a number"),
        ("name: x\nsize: 0.5\n", "x:2:7: 'size' should be greater than or equal to 1, not 0.5; change the value"),
        ("name: x\npair: [1]\n", "x:2:7: 'pair' holds 1 items, 2 at least are needed; add one"),
        ("name: x\npair: [1, 2, 3]\n", "x:2:7: 'pair' tuple should have at most 2 items after validation, not 3"),
        ("name: x\npair: [a, 2]\n", "x:2:8: 'pair' should be a valid integer, not 'a'; write a whole number"),
        ("name: x\npets:\n  - type: dgo\n", "x:3:11: unknown type 'dgo'; did you mean 'dog'?"),
        ("name: x\npets:\n  - {lives: 3}\n", "x:3:5: key 'type' is missing; add `type: ...`"),
        ("name: x\npets:\n  - {type: dog, lives: 3}\n", "x:3:17: unknown key 'lives'; known: tricks, type"),
        ("name: x\npets:\n  - {type: not-cat, live: 3}\n", "x:3:21: unknown key 'live'; did you mean 'lives'? known"),
        ("name: x\nrooms:\n  type: {type: cat, live: 1}\n", "x:3:21: unknown key 'live'; did you mean 'lives'?"),
        ("name: x\npolicy: {retry: {max: 1}}\n", "x:2:18: unknown key 'max'; known: backoff_s, factor,"),
        ("name:\n", "x:1:1: 'name' should be a valid string, not nothing; write text"),
        ("- name: x\n", "x:1:1: the file should be a mapping, not a list; write `key: value`"),
        ("", "x:1:1: the file should be a mapping, not nothing; write `key: value`"),
        ("name: " + "[" + "1, " * 99 + "]", "x:1:7: 'name' should be a valid string, not a list; write text"),
        ("name: x\nsize: '" + "y" * 99 + "'", "x:2:7: 'size' should be a valid number, not 'yyy"),
    ],
)
def test_faults_point_to_their_place(text: str, error: str) -> None:
    """The first fault in the order of the file is raised, with its place, what is allowed and what to do."""
    document = read_document(text, "x")
    with pytest.raises(DocumentError) as refusal:
        validate(document, Home)
    assert str(refusal.value).startswith(error)
    assert len(str(refusal.value)) < 300


def test_several_faults_are_counted() -> None:
    """The error tells how many more faults there are."""
    with pytest.raises(DocumentError, match=r"^x:2:7: 'size' .* \(and 2 more\); "):
        validate(read_document("name: x\nsize: a\nopen: b\nmood: c\n", "x"), Home)


def test_template_filled_in_keeps_its_places() -> None:
    """Another value of the same shape is refused at the place of the original."""
    document = read_document("name: <name>\n", "x").with_data({"name": 3})
    with pytest.raises(DocumentError, match=r"^x:1:7: 'name' should be a valid string, not 3"):
        validate(document, Home)


# --- suggesting -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "known", "hint"),
    [
        ("Nmae", ["name", "size"], "did you mean 'name'? known: name, size"),
        ("NAME", ["name"], "did you mean 'name'? known: name"),
        ("zzz", ["name", "size"], "known: name, size"),
        ("zzz", [], "none is known here"),
        ("n1x", [f"n{i}" for i in range(30)], "did you mean 'n1'?"),
    ],
)
def test_suggestion_names_the_nearest_and_a_short_list(word: str, known: list[str], hint: str) -> None:
    """A hint names the nearest word, and all of them where they are few."""
    assert suggest(word, known) == hint


def test_long_lists_are_cut() -> None:
    """A hint stays a line."""
    assert suggest("zzz", [f"name-{i}" for i in range(99)]).endswith(", ...")


def test_fault_without_a_name_speaks_of_the_file() -> None:
    """A fault of the whole document does not invent a key."""
    fault: Any = {"type": "dict_type", "loc": (), "msg": "Input should be an object", "input": [1], "ctx": {}}
    assert describe(fault)[0] == "the file should be a mapping, not a list"
