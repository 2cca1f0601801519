"""Scenarios: UAT replayed in virtual time, offline, and judged by the journal of the run; and runs compared.

Names are imported when they are first asked for: comparing two runs loads neither the engine nor the router.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_WHERE = {
    "LIBRARY": "scenarios.collector",
    "Collection": "scenarios.collector",
    "Comparison": "scenarios.divergence",
    "Divergence": "scenarios.divergence",
    "ExitCode": "scenarios.report",
    "FileTrack": "scenarios.track",
    "JournalTrack": "scenarios.track",
    "MemoryTrack": "scenarios.track",
    "Outcome": "scenarios.expectations",
    "Scenario": "scenarios.scenario",
    "ScenarioResult": "scenarios.runner",
    "Track": "scenarios.track",
    "collect": "scenarios.collector",
    "compare": "scenarios.divergence",
    "exit_code": "scenarios.report",
    "judge": "scenarios.expectations",
    "load_scenarios": "scenarios.loader",
    "run_scenario": "scenarios.runner",
    "summary": "scenarios.report",
    "to_junit": "scenarios.report",
    "to_text": "scenarios.report",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_WHERE[name]), name)
