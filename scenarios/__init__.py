"""Scenarios: UAT replayed in virtual time, offline, and judged by the journal of the run.

Names are imported when they are first asked for, so that pytest, which loads our plugin wherever we are installed,
does not load the engine with it; nor does comparing two runs.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scenarios.cassette import Cassette, load_cassette
    from scenarios.collector import LIBRARY, Collection, collect
    from scenarios.divergence import Comparison, Divergence, compare
    from scenarios.evidence import Evidence
    from scenarios.expectation import Expectation
    from scenarios.expectations import Outcome, judge
    from scenarios.loader import load_scenarios
    from scenarios.recording import Recorded, record
    from scenarios.replayed import Replayed, replay
    from scenarios.report import ExitCode, exit_code, summary, to_junit, to_text
    from scenarios.runner import ScenarioResult, run_scenario
    from scenarios.scenario import Scenario
    from scenarios.track import FileTrack, JournalTrack, MemoryTrack, Track

__all__ = [
    "LIBRARY",
    "Cassette",
    "Collection",
    "Comparison",
    "Divergence",
    "Evidence",
    "ExitCode",
    "Expectation",
    "FileTrack",
    "JournalTrack",
    "MemoryTrack",
    "Outcome",
    "Recorded",
    "Replayed",
    "Scenario",
    "ScenarioResult",
    "Track",
    "collect",
    "compare",
    "exit_code",
    "judge",
    "load_cassette",
    "load_scenarios",
    "record",
    "replay",
    "run_scenario",
    "summary",
    "to_junit",
    "to_text",
]

_WHEN_ASKED_FOR = {
    "LIBRARY": "scenarios.collector",
    "Cassette": "scenarios.cassette",
    "Collection": "scenarios.collector",
    "Comparison": "scenarios.divergence",
    "Divergence": "scenarios.divergence",
    "Evidence": "scenarios.evidence",
    "ExitCode": "scenarios.report",
    "Expectation": "scenarios.expectation",
    "FileTrack": "scenarios.track",
    "JournalTrack": "scenarios.track",
    "MemoryTrack": "scenarios.track",
    "Outcome": "scenarios.expectations",
    "Recorded": "scenarios.recording",
    "Replayed": "scenarios.replayed",
    "Scenario": "scenarios.scenario",
    "ScenarioResult": "scenarios.runner",
    "Track": "scenarios.track",
    "collect": "scenarios.collector",
    "compare": "scenarios.divergence",
    "exit_code": "scenarios.report",
    "judge": "scenarios.expectations",
    "load_cassette": "scenarios.cassette",
    "load_scenarios": "scenarios.loader",
    "record": "scenarios.recording",
    "replay": "scenarios.replayed",
    "run_scenario": "scenarios.runner",
    "summary": "scenarios.report",
    "to_junit": "scenarios.report",
    "to_text": "scenarios.report",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name not in _WHEN_ASKED_FOR:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_WHEN_ASKED_FOR[name]), name)
