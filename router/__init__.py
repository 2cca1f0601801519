"""Pointsman's router: a text and candidates in, a decision with its reasons out; importing it never imports torch."""

from router.bundled_model import bundled_router, read_out_of_scope
from router.card_audit import CardAudit, JudgedExample, audit_cards
from router.dataset import Example, read_examples
from router.embedding_router import EmbeddingRouter
from router.errors import BudgetError, DatasetError, ModelFileError, RouterError
from router.evaluation import Evaluation, evaluate
from router.examination import Examination, examine
from router.exemplars import Embeds, Exemplar, Exemplars
from router.exploration import Explored, explore
from router.feedback import Feedback, known_reward
from router.keyword_router import KeywordRouter
from router.off_policy import Estimate, Policy, estimate, gain, greedy
from router.prediction import Abstained, Candidate, Contribution, Prediction
from router.profile import AgentProfile
from router.promotion import Verdict, judge
from router.protocol import LearnsAgents, Router
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
    "ModelFileError",
    "Policy",
    "Prediction",
    "Reasons",
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
    "read_examples",
    "read_out_of_scope",
]
