import time
from collections.abc import Iterator

import pytest

from benchmarks.fuzz.__main__ import Outcome, fuzz, main, read_largest
from benchmarks.fuzz.malformed import HORRORS, malformed
from benchmarks.fuzz.parsers import Parser, all_parsers
from orchestrator.errors import PointsmanError

NAMES = [
    *("plan", "scenario", "settings", "environment", "card", "journal row", "manifest", "model", "roster", "topic"),
    *("url", "cassette", "xes", "feature", "traces"),
]


@pytest.fixture(scope="module")
def parsers() -> Iterator[dict[str, Parser]]:
    with all_parsers() as found:
        yield {parser.name: parser for parser in found}


def test_every_parser_is_fuzzed(parsers: dict[str, Parser]) -> None:
    """The list below is complete."""
    assert list(parsers) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_malformed_inputs_are_refused_soon_in_our_own_words(name: str, parsers: dict[str, Parser]) -> None:
    """Some of what `make fuzz` tries; how long is for that to say, for here nothing asserts a time."""
    outcome = fuzz(parsers[name], 150, seed=7, keep=None)
    assert outcome.foreign == {}
    assert outcome.peak_mb <= 64
    assert outcome.refused > 0


def _leak(raw: bytes) -> None:
    if raw[:1] == b"[":
        raise ValueError("not ours")
    raise PointsmanError("ours")


def _dawdle(raw: bytes) -> None:
    end = time.process_time() + 0.15 * (raw == HORRORS[2])
    while time.process_time() < end:
        pass


def _hoard(raw: bytes) -> int:
    return len(bytearray(80_000_000)) if raw == HORRORS[0] else 0


@pytest.mark.parametrize("parse", [_leak, _dawdle, _hoard])
def test_a_parser_that_leaks_dawdles_or_hoards_is_found_out(parse: object) -> None:
    """The harness can fail."""
    outcome = fuzz(Parser("broken", parse, (b"a: b",)), len(HORRORS), seed=0, keep=None)  # type: ignore[arg-type]
    assert not outcome.passed


def test_inputs_are_the_same_for_the_same_seed() -> None:
    """What was found can be found again."""
    valid = (b"plan: x\ntasks:\n  a: {request: x}\n",)
    assert list(malformed(valid, 200, 3)) == list(malformed(valid, 200, 3)) != list(malformed(valid, 200, 4))


def test_the_command_fails_where_a_parser_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, and the table says which."""
    assert main(["topic", "--inputs", "20"]) == 0
    monkeypatch.setattr("benchmarks.fuzz.__main__.fuzz", lambda parser, *_: Outcome(parser.name, worst_ms=101.0))
    assert main(["topic"]) == 1
    assert "NO" in capsys.readouterr().out
    assert main(["no such parser"]) == 1


def test_what_is_wrong_at_the_end_of_the_largest_is_held_to_the_reading_of_it() -> None:
    """The largest input goes first and is valid; the bar can be missed."""
    seen: list[bytes] = []

    def note(raw: bytes) -> None:
        seen.append(raw)
        if b"wrong" in raw:
            raise PointsmanError("ours")

    outcome = Outcome("noted")
    read_largest(Parser("noted", note, (), largest=(b"right", b"right wrong")), outcome)
    assert (outcome.accepted, outcome.refused, set(seen)) == (3, 3, {b"right", b"right wrong"})
    assert outcome.passed
    assert not Outcome("slow", valid_ms=200.0, late_ms=301.0).passed
    assert Outcome("slow, as valid ones are", valid_ms=200.0, late_ms=299.0).passed
