"""What if: the decisions of a run on record taken again: another threshold, an agent less, another model."""

from orchestrator.whatif.alternative import Alternative
from orchestrator.whatif.answer import Answer, Side
from orchestrator.whatif.asking import Audit, WhatIf, audit, what_if
from orchestrator.whatif.consequences import Consequence
from orchestrator.whatif.recorded import Decided, RecordedRun, Rules

__all__ = [
    "Alternative",
    "Answer",
    "Audit",
    "Consequence",
    "Decided",
    "RecordedRun",
    "Rules",
    "Side",
    "WhatIf",
    "audit",
    "what_if",
]
