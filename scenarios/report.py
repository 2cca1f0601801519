"""Report: what came of scenarios, as text for people, as JUnit XML for CI, as an exit code for the shell."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from enum import IntEnum
from itertools import groupby
from typing import Final
from xml.etree import ElementTree as ET

from orchestrator.errors import DocumentError
from scenarios.runner import ScenarioResult

# What XML 1.0 allows (https://www.w3.org/TR/xml/#charsets): an agent's output may hold anything.
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class ExitCode(IntEnum):
    """The exit codes of pytest, which every CI knows."""

    PASSED = 0
    FAILED = 1
    INTERRUPTED = 2
    INTERNAL_ERROR = 3
    USAGE_ERROR = 4
    NOTHING_COLLECTED = 5


def exit_code(results: Sequence[ScenarioResult], broken: Sequence[DocumentError] = ()) -> ExitCode:
    """Return the exit code: a broken file counts more than a failed scenario, nothing at all is no success."""
    if broken:
        return ExitCode.USAGE_ERROR
    if not results:
        return ExitCode.NOTHING_COLLECTED
    return ExitCode.PASSED if all(result.verdict == "passed" for result in results) else ExitCode.FAILED


def to_text(results: Sequence[ScenarioResult], broken: Sequence[DocumentError] = ()) -> str:
    """Return a report for people: a line for each scenario, and what was missed below it."""
    lines = [*(f"BROKEN  {error}" for error in broken), *map(describe, results)]
    return "\n".join([*lines, summary(results, broken)]) + "\n"


def describe(result: ScenarioResult) -> str:
    """Return a line for a scenario; below it a line for each fault that struck, and for what was missed."""
    about = f"{len(result.outcomes)} expectations, {result.duration_s:g} s of virtual time"
    lines = [f"{label(result).upper():7} {result.scenario.title} ({about})"]
    struck = (f"fault: {strike.words}" for strike in result.strikes)
    return "\n".join([*lines, *(f"        {line}" for line in (*struck, *misses(result)))])


def label(result: ScenarioResult) -> str:
    """Return the verdict in a word; what passed as often as it had to, and not always, is `flaky`."""
    return "flaky" if result.verdict == "passed" and result.series and result.series.flaky else result.verdict


def summary(results: Sequence[ScenarioResult], broken: Sequence[DocumentError] = ()) -> str:
    """Return one line of counts."""
    verdicts = [label(result) for result in results]
    counts = {
        "passed": verdicts.count("passed"),
        "flaky": verdicts.count("flaky"),
        "failed": verdicts.count("failed"),
        "in error": verdicts.count("error"),
        "broken": len(broken),
    }
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "no scenario was collected"


def misses(result: ScenarioResult) -> list[str]:
    """Return what kept a scenario from passing, a line each; empty if it passed."""
    missed = [outcome.message for outcome in result.outcomes if not outcome.met]
    lines = [*missed, *result.in_vain, *result.astray, *([result.error] if result.error else []), *_repeat(result)]
    return [f"{result.scenario.path}: {line}" for line in lines]


def _repeat(result: ScenarioResult) -> list[str]:
    """Return how to repeat the run of a series that failed."""
    series = result.series
    if series is None or series.failing is None:
        return []
    found = "" if series.found == series.failing else f" (found with {series.found})"
    return [f"{series}; again: {again(result)}{found}"]


def again(result: ScenarioResult) -> str:
    """Return the command that repeats the run of a series that failed; empty where none did."""
    if result.series is None or result.series.failing is None:
        return ""
    path, title = shlex.quote(str(result.scenario.path)), shlex.quote(result.scenario.title)
    return f"pointsman test {path} -k {title} {result.series.failing}"


def to_junit(results: Sequence[ScenarioResult], broken: Sequence[DocumentError] = ()) -> str:
    """Return JUnit XML: a suite for each file, a case for each scenario; times are virtual seconds.

    A missed expectation is a failure. A scenario that could not be played, or a file that could not be read, is an
    error. Write it as UTF-8.
    """
    root = ET.Element("testsuites", {"name": "pointsman"})
    for path, group in groupby(results, key=lambda result: str(result.scenario.path)):
        _add_suite(root, path, list(group))
    for error in broken:
        suite = ET.SubElement(root, "testsuite", _counts(error.path, tests=1, errors=1))
        case = ET.SubElement(suite, "testcase", {"classname": _clean(error.path), "name": "load", "time": "0"})
        _add_fault(case, "error", "DocumentError", [str(error)])
    for count in ("tests", "failures", "errors"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root)))
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _add_suite(root: ET.Element, path: str, results: list[ScenarioResult]) -> None:
    verdicts = [result.verdict for result in results]
    seconds = sum(result.duration_s for result in results)
    counts = _counts(path, len(results), verdicts.count("failed"), verdicts.count("error"), seconds)
    suite = ET.SubElement(root, "testsuite", counts)
    for result in results:
        attributes = {
            "classname": _clean(path),
            "name": _clean(result.scenario.title),
            "time": f"{result.duration_s:g}",
        }
        case = ET.SubElement(suite, "testcase", attributes)
        if result.verdict == "failed":
            _add_fault(case, "failure", "expectation", misses(result))
        elif result.verdict == "error":
            _add_fault(case, "error", "scenario", misses(result))
        said = [f"fault: {strike.words}" for strike in result.strikes]
        said += [str(result.series)] if result.series else []
        if said:
            ET.SubElement(case, "system-out").text = _clean("\n".join(said))


def _counts(path: str, tests: int, failures: int = 0, errors: int = 0, seconds: float = 0.0) -> dict[str, str]:
    numbers = {"tests": tests, "failures": failures, "errors": errors, "skipped": 0}
    return {"name": _clean(path), **{name: str(number) for name, number in numbers.items()}, "time": f"{seconds:g}"}


def _add_fault(case: ET.Element, tag: str, kind: str, lines: list[str]) -> None:
    fault = ET.SubElement(case, tag, {"type": kind, "message": _clean(lines[0])})
    fault.text = _clean("\n".join(lines))


def _clean(text: str) -> str:
    """Return the text with each character that XML cannot hold written as an escape."""
    return _NOT_XML.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
