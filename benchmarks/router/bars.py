"""Bars of the router: every line of the table, its figures, and what each must reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LEVELS: Final = ("must", "goal", "beyond")
NOT_MEASURED: Final = "not measured"
MISSED: Final = "must missed"

#: Must, goal, beyond; None where the line asks for nothing at that level.
Limits = tuple[float | None, float | None, float | None]


@dataclass(frozen=True, slots=True)
class Line:
    """One figure of the table.

    Attributes:
        row: Name of the row it stands in, as `--rows` takes it.
        label: What it says of the figure.
        figure: Its name in the results.
        at: The set or the job that measures it.
        limits: Empty of numbers where it is shown beside the others and held against nothing.
        at_least: Whether more is better.
        places: Digits after the point.
    """

    row: str
    label: str
    figure: str
    at: str
    limits: Limits = (None, None, None)
    at_least: bool = True
    places: int = 1

    def verdict(self, value: float | None) -> str:
        """Return the highest level that a figure reaches, or what it misses; empty where nothing is asked."""
        asked = [(level, limit) for level, limit in zip(LEVELS, self.limits, strict=True) if limit is not None]
        if not asked:
            return ""
        if value is None:
            return NOT_MEASURED
        passed = [level for level, limit in asked if (value >= limit if self.at_least else value <= limit)]
        return passed[-1] if passed else f"{asked[0][0]} missed"


#: By the name of the row, in the order of the table.
ROWS: Final = {
    "accuracy": "all examples, accuracy %",
    "ten": "ten examples a label, accuracy %",
    "out-of-scope": "requests for nobody (clinc150)",
    "error-budget": "an error budget of 5%",
    "new-agents": "57 + 20 agents by ten examples, %",
    "tools": "199 tools, accuracy %",
    "decision": "a whole decision, µs",
    "load": "load without torch",
    "training": "training on banking77 full",
    "feedback": "gap closed by 5,000 thumbs, %",
    "off-policy": "off-policy estimates (DR)",
    "reasons": "reasons (banking77 full)",
    "typos": "10 typos in 100 words, points lost",
    "many-agents": "10,000 agents",
}

_B77, _C150 = "banking77 full", "clinc150 full"
_OOS: Final = "clinc150 full + oos"


def _most(row: str, label: str, figure: str, at: str, limits: Limits, places: int = 1) -> Line:
    return Line(row, label, figure, at, limits, at_least=False, places=places)


LINES: Final = (
    Line("accuracy", "banking77", "accuracy", _B77, (91.5, 92.5, 93.3)),
    Line("accuracy", "clinc150", "accuracy", _C150, (93.0, 94.5, 95.4)),
    Line("ten", "banking77", "accuracy", "banking77 train_10", (75, 79.5, 86)),
    Line("ten", "clinc150", "accuracy", "clinc150 train_10", (82.5, 85, 90)),
    Line("out-of-scope", "AUROC, oos_train learnt", "auroc", _OOS, (0.955, 0.969, 0.972), places=3),
    Line("out-of-scope", "in-scope % at 95% refused", "in_scope_at_95_recall", _OOS, (80, 84, 87)),
    _most("out-of-scope", "ECE", "ece", _OOS, (0.02, 0.015, 0.01), 3),
    Line("out-of-scope", "in-scope accuracy of that model", "accuracy", _OOS),
    Line("out-of-scope", "AUROC, none learnt", "auroc", _C150, places=3),
    Line("out-of-scope", "in-scope % at 95% refused, none learnt", "in_scope_at_95_recall", _C150),
    _most("out-of-scope", "ECE, none learnt", "ece", _C150, (None, None, None), 3),
    _most("error-budget", "sets of 3 where dev refutes it", "broken", "error-budget", (0, None, None)),
    Line(
        "error-budget",
        "shifts of frequencies within it, worst set, %",
        "shifts_within",
        "error-budget",
        (None, 95, None),
    ),
    _most("error-budget", "refuted after 20 new agents", "budget_broken", "new-agents", (None, None, 0)),
    _most("error-budget", "wrong of routed, worst set, %", "wrong", "error-budget", (None, None, None)),
    _most("error-budget", "wrong of routed after 20 new agents, %", "budget_wrong", "new-agents", (None, None, None)),
    Line("new-agents", "new", "new", "new-agents", (62, 72, 77)),
    Line("new-agents", "old", "old", "new-agents", (90, 91, 94)),
    Line("new-agents", "all", "all", "new-agents", (83, 86, 89.7)),
    _most("new-agents", "stolen", "stolen", "new-agents", (2.0, 1.5, None)),
    Line("tools", "by description only", "description", "tools", (47.6, 55, 60.7)),
    Line("tools", "+ 10 examples", "with_examples", "tools", (72.2, 76.6, 80)),
    Line("tools", "the same, trained", "trained", "tools"),
    _most("decision", "p50, words met before", "p50_us", _B77, (50, 30, 20)),
    _most("decision", "p99, words met before", "p99_us", _B77, (250, 150, 100)),
    _most("decision", "p50, first sight", "cold_p50_us", _B77, (None, None, None)),
    _most("decision", "p99, first sight", "cold_p99_us", _B77, (None, None, None)),
    _most("load", "seconds, imports and first decision", "load_s", _B77, (0.2, 0.1, 0.05), 2),
    _most("load", "file, MB", "file_mb", _B77, (12, 8, 4)),
    _most("load", "resident memory added, MB", "rss_mb", _B77, (80, 60, 40)),
    _most("training", "wall seconds, one thread", "train_wall_s", _B77, (180, 60, 20)),
    Line("feedback", "honest thumbs", "gap_closed", "feedback", (58, 77, 85)),
    Line("feedback", "10% flipped", "gap_closed_flipped", "feedback", (40, 54, 60)),
    _most("off-policy", "mean error, points", "mean_error", "off-policy", (2, 1.5, 1), 2),
    Line("off-policy", "right order, of 10 logs", "right_orders", "off-policy", (10, 10, 10), places=0),
    _most("off-policy", "bad promotions of 100", "bad_promotions", "off-policy", (2, 0, 0), 0),
    _most("reasons", "worst error of the sums, 1e-6", "worst_sum_1e6", "reasons", (10, 1, None), 2),
    Line("reasons", "top word gone, decision changes, %", "top_changes_choice", "reasons", (35, 45, None)),
    Line("reasons", "counterfactuals that hold when asked again, %", "verified", "reasons", (None, None, 100)),
    Line("reasons", "top word gone, leader changes, %", "top_changes_leader", "reasons"),
    Line("reasons", "other content word gone, decision changes, %", "other_changes_choice", "reasons"),
    _most("reasons", "µs, p50 (issue's text: 100)", "p50_us", "reasons", (100, None, None)),
    _most("reasons", "µs beyond the decision, p50", "beyond_p50_us", "reasons", (None, None, None)),
    _most("reasons", "µs beyond the decision, p99", "beyond_p99_us", "reasons", (None, None, None)),
    _most("typos", "banking77", "typos_lost", _B77, (4, 2, 1)),
    _most("typos", "clinc150", "typos_lost", _C150, (4, 2, 1)),
    _most("many-agents", "ms a decision (issue's text: 1)", "decision_ms", "many-agents", (1, None, None), 2),
    _most("many-agents", "ms, one new word more", "new_word_ms", "many-agents", (None, None, None), 2),
)


def places_of(rows: tuple[str, ...] | list[str]) -> list[str]:
    """Return the sets and jobs that measure some rows, each once, in the order of the table."""
    return list(dict.fromkeys(line.at for line in LINES if line.row in rows))
