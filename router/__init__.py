"""Pointsman's router: a text and candidates in, a decision with its reasons out; importing it never imports torch.

A public name is imported when it is first asked for (PEP 562): a program that only serves loads what serves.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from router.attribution import Contribution
    from router.bundled_model import bundled_router, read_out_of_scope
    from router.card_audit import CardAudit, JudgedExample, audit_cards
    from router.dataset import Example, read_examples
    from router.embedding_map import EmbeddingMap, MapAgent, MapPoint, map_requests
    from router.embedding_router import EmbeddingRouter
    from router.errors import BudgetError, DatasetError, ModelFileError, RouterError
    from router.evaluation import Evaluation, evaluate
    from router.examination import Examination, examine
    from router.exemplars import Embeds, Exemplar, Exemplars
    from router.exploration import Explored, explore
    from router.feedback import Feedback, known_reward
    from router.keyword_router import KeywordRouter
    from router.off_policy import Estimate, Policy, estimate, gain, greedy
    from router.prediction import Abstained, Candidate, Prediction, rank_candidates
    from router.profile import AgentProfile
    from router.promotion import Verdict, judge
    from router.protocol import LearnsAgents, Respells, Router
    from router.reasons import Counterfactual, Reasons, find_reasons
    from router.reward_model import RewardModel, calibrated

__all__ = [
    "Abstained",
    "AgentProfile",
    "BudgetError",
    "Candidate",
    "CardAudit",
    "Contribution",
    "Counterfactual",
    "DatasetError",
    "EmbeddingMap",
    "EmbeddingRouter",
    "Embeds",
    "Estimate",
    "Evaluation",
    "Examination",
    "Example",
    "Exemplar",
    "Exemplars",
    "Explored",
    "Feedback",
    "JudgedExample",
    "KeywordRouter",
    "LearnsAgents",
    "MapAgent",
    "MapPoint",
    "ModelFileError",
    "Policy",
    "Prediction",
    "Reasons",
    "Respells",
    "RewardModel",
    "Router",
    "RouterError",
    "Verdict",
    "audit_cards",
    "bundled_router",
    "calibrated",
    "estimate",
    "evaluate",
    "examine",
    "explore",
    "find_reasons",
    "gain",
    "greedy",
    "judge",
    "known_reward",
    "map_requests",
    "rank_candidates",
    "read_examples",
    "read_out_of_scope",
]

_MODULES = {
    "Abstained": "router.prediction",
    "AgentProfile": "router.profile",
    "BudgetError": "router.errors",
    "Candidate": "router.prediction",
    "CardAudit": "router.card_audit",
    "Contribution": "router.attribution",
    "Counterfactual": "router.reasons",
    "DatasetError": "router.errors",
    "EmbeddingRouter": "router.embedding_router",
    "EmbeddingMap": "router.embedding_map",
    "Embeds": "router.exemplars",
    "MapAgent": "router.embedding_map",
    "MapPoint": "router.embedding_map",
    "map_requests": "router.embedding_map",
    "Estimate": "router.off_policy",
    "Evaluation": "router.evaluation",
    "Examination": "router.examination",
    "Example": "router.dataset",
    "Exemplar": "router.exemplars",
    "Exemplars": "router.exemplars",
    "Explored": "router.exploration",
    "Feedback": "router.feedback",
    "JudgedExample": "router.card_audit",
    "KeywordRouter": "router.keyword_router",
    "LearnsAgents": "router.protocol",
    "ModelFileError": "router.errors",
    "Policy": "router.off_policy",
    "Prediction": "router.prediction",
    "Reasons": "router.reasons",
    "Respells": "router.protocol",
    "RewardModel": "router.reward_model",
    "Router": "router.protocol",
    "RouterError": "router.errors",
    "Verdict": "router.promotion",
    "audit_cards": "router.card_audit",
    "bundled_router": "router.bundled_model",
    "calibrated": "router.reward_model",
    "estimate": "router.off_policy",
    "evaluate": "router.evaluation",
    "examine": "router.examination",
    "explore": "router.exploration",
    "find_reasons": "router.reasons",
    "gain": "router.off_policy",
    "greedy": "router.off_policy",
    "judge": "router.promotion",
    "known_reward": "router.feedback",
    "rank_candidates": "router.prediction",
    "read_examples": "router.dataset",
    "read_out_of_scope": "router.bundled_model",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_MODULES[name]), name)
    return value
