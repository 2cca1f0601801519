"""What json-medic recovers, and what it refuses to make up."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import json_medic as module
from agents._json_leaves import decode, leaves
from agents.json_medic import MedicInput, MedicReport, json_medic
from orchestrator import AgentError, Task, TaskContext

INPUTS = Path(__file__).parents[2] / "scenarios/library/inputs"
CONTEXT = TaskContext(Task(id="t", request="heal"), workspace=INPUTS)


def heal(text: str, schema: Any = None) -> MedicReport:
    """Run the agent on a text."""
    return json_medic(MedicInput(text=text, json_schema=schema), CONTEXT)


def consistent(part: Any, whole: Any) -> bool:
    """Whether `part` is what remains of `whole` when its text is cut: nothing changed, nothing added, only less."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return list(part) == list(whole)[: len(part)] and all(consistent(part[key], whole[key]) for key in part)
    if isinstance(part, list) and isinstance(whole, list):
        return len(part) <= len(whole) and all(consistent(*pair) for pair in zip(part, whole, strict=False))
    return type(part) is type(whole) and bool(part == whole)


def test_sound_json_passes_untouched() -> None:
    """Strict is tried first."""
    report = heal('{"a": [1, 2.5, true, null, "x\\u00e9"], "": ""}')
    assert (report.verdict, report.method, report.kept, report.lost) == ("pass", "strict", 8, 0)
    assert report.value == {"a": [1, 2.5, True, None, "xé"], "": ""}


def test_a_key_that_stands_twice_is_said() -> None:
    """The first value is lost, so it is no clean pass."""
    report = heal('{"a": 1, "a": 2}')
    assert (report.verdict, report.value, report.lost) == ("warn", {"a": 2}, 2)


@pytest.mark.parametrize(
    ("text", "value", "lost"),
    [
        ('{"ta', {}, 1),
        ('{"a": "b", "c": "d', {"a": "b"}, 2),
        ('{"amount": 12', {}, 2),
        ("[1, 250", [1], 1),
        ("[1, 250 ", [1, 250], 0),
        ("[true, fal", [True], 1),
        ('{"a": {"b": [1, {"c": 2}', {"a": {"b": [1, {"c": 2}]}}, 0),
        ('{"k": "v}', {}, 2),
    ],
)
def test_a_cut_text_keeps_what_is_complete(text: str, value: Any, lost: int) -> None:
    """A number or word at the cut may have been longer, so it goes."""
    report = heal(text)
    assert (report.method, report.verdict, report.value, report.lost) == ("truncated", "warn", value, lost)


def test_a_plain_syntax_error_is_not_taken_for_a_cut() -> None:
    """The order trap: jiter's partial mode would drop the rest of this."""
    report = heal('{"a": 1, "b": [2 3], "c": 4}')
    assert (report.method, report.value) == ("repaired", {"a": 1, "b": [2, 3], "c": 4})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1,}', {"a": 1}),
        ("{'a': True, b: hello world, 'c': None}", {"a": True, "b": "hello world", "c": None}),
        ('```json\n{"a": [1, 2]}\n```', {"a": [1, 2]}),
        ('Sure! Here it is: {"a": "x"} Anything else?', {"a": "x"}),
        ('{"a": "line\nbreak"}', {"a": "line\nbreak"}),
        ("{'empty': ''}", {"empty": ""}),
        ('{"a": 0x1F}', {"a": "0x1F"}),
    ],
)
def test_a_broken_text_is_repaired(text: str, value: Any) -> None:
    """Every leaf of the result is in the text."""
    report = heal(text)
    assert (report.method, report.verdict, report.value) == ("repaired", "warn", value)


def test_what_a_repair_left_behind_is_counted() -> None:
    """Prose around an object is lost, and shown."""
    report = heal('Well: {"a": "x"} bye')
    assert (report.lost, report.lost_text) == (2, ("Well", "bye"))


@pytest.mark.parametrize(
    "text",
    [
        '{"a":}',
        "nothing of the sort",
        '"abc',
        '{"a": 1}{"b": 2}',
        "[00123]",
        "[1e999]",
        '["\\ud800"]',
        "[12345678901234567890123]",
        "   ",
    ],
)
def test_nothing_is_made_up(text: str) -> None:
    """Where only an invention would help, there is no value."""
    report = heal(text)
    assert (report.verdict, report.method, report.value) == ("fail", "none", None)
    assert report.problem


def test_a_long_broken_text_is_not_repaired(monkeypatch: pytest.MonkeyPatch) -> None:
    """The repair takes quadratic time; the limit is said."""
    monkeypatch.setattr(module, "MAX_REPAIR", 5)
    assert "not repaired" in heal('{"a": 1,}').problem


def test_a_repair_that_breaks_down_recovers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault in the library is no fault of the task."""
    import json_repair

    def fall_over(*_: Any, **__: Any) -> Any:
        raise RecursionError

    monkeypatch.setattr(json_repair, "loads", fall_over)
    report = heal('{"a": 1,}')
    assert (report.verdict, report.method) == ("fail", "none")
    assert "RecursionError" in report.problem


def test_the_schema_has_the_last_word() -> None:
    """A repaired value that does not satisfy the schema fails, with pointers."""
    schema = {"type": "object", "required": ["b"], "properties": {"a/b": {"type": "string"}}}
    report = heal('{"a/b": 1}', schema)
    assert report.verdict == "fail"
    assert [fault.at for fault in report.schema_errors] == ["", "/a~1b"]
    assert heal('{"b": 1}', schema).verdict == "pass"
    assert heal("[]", schema=False).verdict == "fail"


def test_dates_and_the_like_are_checked() -> None:
    """`format` is an assertion here."""
    assert heal('"2026-02-30"', {"format": "date"}).verdict == "fail"


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "nonsense"}, "not a JSON Schema"),
        ({"$ref": "https://example.org/far.json"}, "does not hold"),
        ({"$ref": "#"}, "cannot be applied"),
    ],
)
def test_an_unusable_schema_is_an_error(schema: Any, words: str) -> None:
    """Nothing is fetched from anywhere."""
    with pytest.raises(AgentError, match=words):
        heal('"x"', schema)


def test_the_bundled_payload_is_recovered_and_found_incomplete() -> None:
    """The amount of the last transfer was cut, so it is gone rather than wrong."""
    payload = {"path": "release/payload_truncated.json", "schema_path": "release/payload.schema.json"}
    task = Task(id="t", request="heal", payload=payload)
    report = asyncio.run(json_medic.handle(task, TaskContext(task, workspace=INPUTS)))
    assert (report.verdict, report.method, report.kept, report.lost) == ("fail", "truncated", 43, 2)
    assert [fault.at for fault in report.schema_errors] == ["/batch/transfers/2"]


def test_what_it_cannot_work_on_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No text, two schemas, a schema that is no JSON, too deep, too long."""
    (tmp_path / "schema.json").write_text("{")
    context = TaskContext(Task(id="t", request="heal"), workspace=tmp_path)
    for bad, words in (
        (MedicInput(), "one of the two"),
        (MedicInput(text="1", json_schema={}, schema_path="schema.json"), "one of the two"),
        (MedicInput(text="1", schema_path="schema.json"), "is not JSON"),
        (MedicInput(text="[" * 65), "deeper"),
    ):
        with pytest.raises(AgentError, match=words):
            json_medic(bad, context)
    assert heal('"' + "[" * 65 + '"').verdict == "pass"
    monkeypatch.setattr(module, "MAX_JSON", 3)
    with pytest.raises(AgentError, match="longer"):
        heal("[1,2,3]")


DOCUMENTS = [
    (INPUTS / "release/payload_complete.json").read_text(encoding="utf-8").strip(),
    json.dumps({"münze": [1, -2.5e3, {"tief": [[], {}, [None, True, False]]}], "q": 'a"b\\c\n', "": 0}, indent=1),
    '[ {"a":"\\u00e9\\ud83d\\ude00", "b" : [ 10 , 200 ] } , "ende" ]',
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=["payload", "nested", "escapes"])
def test_a_document_cut_at_every_character_gives_nothing_but_its_own_leaves(document: str) -> None:
    """The truncation suite: each cut is read, none is inconsistent with the whole."""
    whole = json.loads(document)
    for end in range(1, len(document)):
        report = heal(document[:end])
        assert report.method == "truncated", document[:end]
        assert consistent(report.value, whole), document[:end]
        assert report.kept == sum(1 for _ in leaves(report.value))


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8"), max_size=6),
)  # fmt: skip
KEYS = st.text(st.characters(codec="utf-8"), max_size=4)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
).filter(lambda value: isinstance(value, dict | list))


@settings(max_examples=60, deadline=None)
@given(JSON, st.booleans(), st.data())
def test_any_document_cut_anywhere_is_consistent(value: Any, ascii_only: bool, data: st.DataObject) -> None:  # noqa: FBT001
    """The truncation property."""
    text = json.dumps(value, ensure_ascii=ascii_only)
    end = data.draw(st.integers(1, len(text) - 1))
    report = heal(text[:end])
    assert report.method == "truncated"
    assert consistent(report.value, value)


def occurs(leaf: Any, source: str) -> bool:
    """An oracle of its own, laxer than the product's: the leaf's text is somewhere in the source."""
    if isinstance(leaf, str):
        return leaf in source or leaf in decode(source) or decode(leaf) in decode(source)
    return leaf is None or isinstance(leaf, bool) or any(digit in source for digit in str(leaf))


@settings(max_examples=150, deadline=None)
@given(JSON, st.data())
def test_a_document_with_one_character_changed_gets_no_new_leaf(value: Any, data: st.DataObject) -> None:
    """Whatever a repair makes of damage, its leaves come from the text."""
    text = json.dumps(value, ensure_ascii=False)
    at = data.draw(st.integers(0, len(text) - 1))
    broken = text[:at] + data.draw(st.sampled_from(["", '"', "}", "]", ",", ":", "'", "x", " "])) + text[at + 1 :]
    if not broken.strip():
        return
    report = heal(broken)
    assert all(occurs(leaf, broken) for leaf in leaves(report.value) if report.method != "none")


FRAGMENTS = st.sampled_from(
    ["{", "}", "[", "]", '"', "'", ":", ",", "a", "true", "None", "1", "-", "1.5", "\\", "//", "/*", "`", "\n", "\\u12"]
)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(FRAGMENTS, max_size=16).map("".join)))
def test_no_text_makes_it_crash_and_the_same_text_gives_the_same_report(text: str) -> None:
    """AgentError is the only way out beside a report, and the report is JSON."""
    try:
        first = heal(text)
    except AgentError:
        return
    assert first.model_dump_json() == heal(text).model_dump_json()
