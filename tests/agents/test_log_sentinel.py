"""What log-sentinel calls new, vanished and shifted, and how it weighs it."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import log_sentinel as module
from agents._statistics import binomial_test
from agents.log_sentinel import SentinelInput, SentinelReport, log_sentinel
from orchestrator import AgentError, Task, TaskContext

INPUTS = Path(__file__).parents[2] / "scenarios/library/inputs"
CALM = "".join(f"2026-11-14T01:00:{n:02d}Z INFO gateway Transfer TX{n}7 accepted in {n} ms\n" for n in range(60))
PULSE = "".join(f"2026-11-14T01:01:{n:02d}Z INFO connector Heartbeat of pay-{n} was seen\n" for n in range(40))


def compare(baseline: str, candidate: str) -> SentinelReport:
    """Run the agent on two texts."""
    request = SentinelInput(baseline=baseline, candidate=candidate)
    return log_sentinel(request, TaskContext(Task(id="t", request="compare")))


def test_equal_logs_pass() -> None:
    """Numbers, ids and times are no difference."""
    report = compare(CALM + PULSE, CALM.replace("2026-11-14", "2026-11-21").replace("TX", "TX9") + PULSE)
    assert (report.verdict, report.templates) == ("pass", 2)
    assert (report.new, report.vanished, report.shifted) == ((), (), ())


def test_a_new_error_fails() -> None:
    """Its first lines are shown with their numbers."""
    report = compare(CALM, CALM + "2026-11-14T02:00:00Z ERROR ledger pool exhausted after 31 ms\n")
    assert report.verdict == "fail"
    assert report.new[0].template == "<TIME> ERROR ledger pool exhausted after <NUM> ms"
    assert (report.new[0].alarming, report.new[0].examples[0].line) == (True, 61)


def test_a_new_harmless_line_is_a_warning() -> None:
    """New is worth a look, even once."""
    report = compare(CALM, CALM + "2026-11-14T02:00:00Z INFO rates loaded again from the feed\n")
    assert (report.verdict, len(report.new), report.new[0].ratio) == ("warn", 1, None)


def test_a_vanished_line_warns_only_if_chance_does_not_explain_it() -> None:
    """One line that is not there this time is no news; forty are."""
    once = "2026-11-14T02:00:00Z INFO rates loaded again from the feed\n"
    assert compare(CALM + once, CALM).verdict == "pass"
    report = compare(CALM + PULSE, CALM)
    assert (report.verdict, report.vanished[0].baseline, report.vanished[0].significant) == ("warn", 40, True)


def test_a_rate_that_moved_is_shifted() -> None:
    """The ratio is of rates, so a longer log alone shifts nothing."""
    assert compare(CALM + PULSE, (CALM + PULSE) * 3).shifted == ()
    report = compare(CALM + PULSE, CALM + PULSE * 4)
    assert report.verdict == "warn"
    assert {each.template.split()[2]: each.ratio for each in report.shifted} == {"gateway": 0.455, "connector": 1.818}


def test_more_of_a_known_error_fails() -> None:
    """A known error that became frequent is as bad as a new one."""
    errors = [f"2026-11-14T02:00:{n:02d}Z ERROR ledger no answer from host {n}\n" for n in range(40)]
    assert compare(CALM + errors[0] + errors[1], CALM + "".join(errors)).verdict == "fail"


def test_a_stack_trace_belongs_to_its_record() -> None:
    """A line that begins with a blank is no record of its own; an indented log as a whole is."""
    trace = "2026-11-14T02:00:00Z ERROR x failed\n\tat a.b(C.java:1)\n\tat d.e(F.java:2)\n\n"
    report = compare(CALM, CALM + trace)
    assert (report.candidate_records, len(report.new)) == (61, 1)
    assert compare("  a b c\n  a b d\n", "  a b c\n").baseline_records == 2


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("at 2026-11-14 01:02:03,456 and 01:02:03", "at <TIME> and <TIME>"),
        ("from 10.0.0.7:8080 ok", "from <IP> ok"),
        ("id 123e4567-e89b-12d3-a456-426614174000", "id <ID>"),
        ("to DE02120300000000202051 now", "to <IBAN> now"),
        ("hash 0xFF and 3f9a61bc", "hash <HEX> and <HEX>"),
        ("paid 1,250.00 for -3", "paid <NUM> for <NUM>"),
    ],
)
def test_what_varies_is_masked(text: str, template: str) -> None:
    """Times, addresses, ids, account numbers, hashes and numbers do not make a template."""
    assert compare("other words here altogether", text).new[0].template == template


def test_the_bundled_logs_hold_one_of_each() -> None:
    """A new error, a vanished mirror, and retries five times as frequent."""
    payload = {"baseline_path": "release/logs/baseline.log", "candidate_path": "release/logs/candidate.log"}
    task = Task(id="t", request="compare", payload=payload)
    report = asyncio.run(log_sentinel.handle(task, TaskContext(task, workspace=INPUTS)))
    assert (report.verdict, len(report.new), len(report.vanished), len(report.shifted)) == ("fail", 1, 1, 1)
    assert "Connection pool exhausted" in report.new[0].template
    assert "legacy queue" in report.vanished[0].template
    assert "answered late" in report.shifted[0].template


def test_what_it_cannot_work_on_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing, empty or endless log is an error that says which."""
    with pytest.raises(AgentError, match="baseline log either"):
        compare("", "a")
    with pytest.raises(AgentError, match="candidate log has no lines"):
        compare("a", " \n ")
    monkeypatch.setattr(module, "MAX_KINDS", 1)
    with pytest.raises(AgentError, match="more than 1 kinds of line"):
        compare("a b c", "d e f")
    monkeypatch.setattr(module, "MAX_RECORDS", 1)
    with pytest.raises(AgentError, match="more than 1 records"):
        compare("a\nb", "a")


@pytest.mark.parametrize(
    ("successes", "trials", "chance", "expected"),
    [
        (0, 10, 0.5, 2 / 1024),  # by hand: both tails hold one way of 1024
        (1, 2, 0.5, 1.0),
        (5, 5, 0.5, 2 / 32),
        (9, 10, 0.5, 22 / 1024),  # ten ways of nine and one of ten
        (0, 0, 0.3, 1.0),
    ],
)
def test_the_p_value_is_the_binomial_one(successes: int, trials: int, chance: float, expected: float) -> None:
    """Twice the smaller tail, 1 at most."""
    assert binomial_test(successes, trials, chance) == pytest.approx(expected)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 60), st.integers(0, 60), st.floats(0.05, 0.95))
def test_the_p_value_agrees_with_the_plain_sum(successes: int, more: int, chance: float) -> None:
    """The early end of the sum costs no precision."""
    import math

    trials = successes + more
    terms = [math.comb(trials, n) * chance**n * (1 - chance) ** (trials - n) for n in range(trials + 1)]
    tail = min(sum(terms[: successes + 1]), sum(terms[successes:]))
    assert binomial_test(successes, trials, chance) == pytest.approx(min(1.0, 2 * tail), rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80), st.text(max_size=80))
def test_no_text_makes_it_crash_and_the_same_text_gives_the_same_report(baseline: str, candidate: str) -> None:
    """AgentError is the only way out beside a report."""
    try:
        first = compare(baseline, candidate)
    except AgentError:
        return
    assert first.model_dump_json() == compare(baseline, candidate).model_dump_json()
