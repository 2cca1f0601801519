"""Text of strangers is made inert; numbers get their units."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from orchestrator.cli.console import bar, cell, duration, moment, print_json, safe, shorten, table


@given(st.text())
def test_no_control_character_survives(text: str) -> None:
    """Neither C0 nor C1, nor what reverses the direction of writing, nor half a surrogate pair."""
    line = safe(text)
    assert line.isprintable() or not line
    line.encode()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("two\nlines\tand more", "two lines and more"),
        ("abc\u202edef", "abcdef"),
        ("\x9b31m", "31m"),
        ("half \ud800", "half "),
        ("Zürich 東京", "Zürich 東京"),
    ],
)
def test_safe_keeps_what_people_read(text: str, line: str) -> None:
    """Letters of every language stay."""
    assert safe(text) == line


def test_markup_in_cells_stays_text() -> None:
    """A column of brackets is a column of brackets."""
    out = io.StringIO()
    Console(file=out, width=80).print(table(("what",), [["[red]x[/red] :smile:"]]), cell("[bold]y"))
    assert "[red]x[/red] :smile:" in out.getvalue()
    assert "[bold]y" in out.getvalue()


def test_shorten_marks_what_it_cut() -> None:
    """Never longer than the limit."""
    assert shorten("abcdef", 6) == "abcdef"
    assert shorten("abcdefg", 6) == "abcde…"


@pytest.mark.parametrize(("share", "blocks"), [(0.0, ""), (1.0, "████"), (0.5, "██"), (0.03125, "▏"), (7.0, "████")])
def test_bars_are_drawn_in_eighths(share: float, blocks: str) -> None:
    """Shares outside 0 to 1 are cut."""
    assert bar(share, 4) == blocks


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.000123, "123 µs"), (0.0456, "46 ms"), (1.25, "1.2 s"), (90, "90.0 s")]
)
def test_durations_have_units(seconds: float, text: str) -> None:
    """Readable at a glance."""
    assert duration(seconds) == text


def test_moments_are_utc() -> None:
    """No local time anywhere."""
    assert moment(0.0) == "1970-01-01 00:00:00"


def test_json_is_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    """C1 control characters and lone surrogates are escaped like everything beyond ASCII."""
    print_json({"text": "\x9b31m ü \ud800"})
    assert capsys.readouterr().out == '{\n  "text": "\\u009b31m \\u00fc \\ud800"\n}\n'
