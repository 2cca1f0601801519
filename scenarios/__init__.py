"""Scenarios: UAT replayed in virtual time, offline, and judged by the journal of the run."""

from scenarios.collector import LIBRARY, Collection, collect
from scenarios.expectations import Outcome, judge
from scenarios.loader import load_scenarios
from scenarios.report import ExitCode, exit_code, summary, to_junit, to_text
from scenarios.runner import ScenarioResult, run_scenario
from scenarios.scenario import Scenario

__all__ = [
    "LIBRARY",
    "Collection",
    "ExitCode",
    "Outcome",
    "Scenario",
    "ScenarioResult",
    "collect",
    "exit_code",
    "judge",
    "load_scenarios",
    "run_scenario",
    "summary",
    "to_junit",
    "to_text",
]
