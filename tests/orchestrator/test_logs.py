import io
import json
from typing import Any

import pytest

from orchestrator.logs import DecisionLog, LogFormat, make_logger

RECORD: dict[str, Any] = {
    "task": "t",
    "chosen": "a",
    "policy": "learned",
    "confidence": 0.9,
    "threshold": 0.5,
    "vetoes": {},
    "candidates": {"names": ["d", "a", "c", "b"], "scores": [0.1, 0.9, 0.3, 0.4]},
    "attribution": [["the", 0.01], ["", 0.5], ["check", 0.7], ["sql", 0.2], ["now", 0.0]],
}


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_line_names_the_agent_the_top_three_and_the_words_that_decided() -> None:
    """One JSON line, with the names that the journal uses, and the three strongest of everything."""
    out = io.StringIO()
    logger = make_logger("json", out)
    assert logger is not None
    DecisionLog(logger).write(RECORD)
    line = json.loads(out.getvalue())
    assert line.pop("timestamp")
    assert line == {
        "event": "task.routed",
        "level": "info",
        "task": "t",
        "chosen": "a",
        "policy": "learned",
        "confidence": 0.9,
        "threshold": 0.5,
        "top": [["a", 0.9], ["b", 0.4], ["c", 0.3]],
        "words": ["check", "sql"],
    }


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_the_error_budget_in_force_is_on_the_line(log_format: LogFormat) -> None:
    """For machines and for people; without a budget there is no word of it, as the line above shows."""
    out = io.StringIO()
    logger = make_logger(log_format, out)
    assert logger is not None
    DecisionLog(logger).write({**RECORD, "budget": 0.05})
    assert ('"budget":0.05' if log_format == "json" else "budget=0.05") in out.getvalue()
    DecisionLog(logger).write({**RECORD, "budget": None})
    assert "budget" not in out.getvalue().splitlines()[-1]


def test_an_abstention_and_a_pinned_task_have_lines_too() -> None:
    """No candidates, no `top`; nobody chosen, another event."""
    out = io.StringIO()
    logger = make_logger("json", out)
    assert logger is not None
    log = DecisionLog(logger)
    log.write({**RECORD, "chosen": None, "abstained": "below-threshold"})
    pinned = {name: value for name, value in RECORD.items() if name != "candidates"}
    log.write({**pinned, "policy": "pinned", "attribution": []})
    first, second = [json.loads(line) for line in out.getvalue().splitlines()]
    assert (first["event"], first["abstained"]) == ("task.abstained", "below-threshold")
    assert second["policy"] == "pinned"
    assert "top" not in second


def test_json_reaches_a_stream_of_bytes_as_it_is() -> None:
    """On a real stream the bytes are written without decoding them again."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw)
    logger = make_logger("json", stream)
    assert logger is not None
    logger.info("hello")
    assert json.loads(raw.getvalue())["event"] == "hello"


@pytest.mark.parametrize(
    ("log_format", "stream", "is_json"),
    [("auto", io.StringIO(), True), ("auto", Terminal(), False), ("console", io.StringIO(), False)],
)
def test_auto_is_for_people_on_a_terminal_and_for_machines_elsewhere(
    log_format: LogFormat, stream: io.StringIO, *, is_json: bool
) -> None:
    """The same event reads well on a terminal and parses in a pipe."""
    logger = make_logger(log_format, stream)
    assert logger is not None
    logger.info("hello", n=1)
    assert stream.getvalue().startswith("{") == is_json
    assert "hello" in stream.getvalue()


def test_off_makes_no_logger_at_all() -> None:
    """Nothing is formatted when nobody listens."""
    assert make_logger("off") is None
