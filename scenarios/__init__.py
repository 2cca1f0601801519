"""Scenarios: UAT replayed in virtual time, offline, and judged by the journal of the run."""

from scenarios.collector import LIBRARY, Collection, collect
from scenarios.divergence import Comparison, Divergence, compare
from scenarios.expectations import Outcome, judge
from scenarios.loader import load_scenarios
from scenarios.report import ExitCode, exit_code, summary, to_junit, to_text
from scenarios.runner import ScenarioResult, run_scenario
from scenarios.scenario import Scenario
from scenarios.track import FileTrack, JournalTrack, MemoryTrack, Track

__all__ = [
    "LIBRARY",
    "Collection",
    "Comparison",
    "Divergence",
    "ExitCode",
    "FileTrack",
    "JournalTrack",
    "MemoryTrack",
    "Outcome",
    "Scenario",
    "ScenarioResult",
    "Track",
    "collect",
    "compare",
    "exit_code",
    "judge",
    "load_scenarios",
    "run_scenario",
    "summary",
    "to_junit",
    "to_text",
]
