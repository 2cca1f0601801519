"""Pointsman's router: a text and candidates in, a decision with its reasons out; importing it never imports torch."""

from router.bundled_model import bundled_router, read_out_of_scope
from router.card_audit import CardAudit, JudgedExample, audit_cards
from router.dataset import Example, read_examples
from router.embedding_map import EmbeddingMap, MapAgent, MapPoint, map_requests
from router.embedding_router import EmbeddingRouter
from router.errors import BudgetError, DatasetError, ModelFileError, RouterError
from router.evaluation import Evaluation, evaluate
from router.examination import Examination, examine
from router.exemplars import Embeds, Exemplar, Exemplars
from router.keyword_router import KeywordRouter
from router.prediction import Abstained, Candidate, Contribution, Prediction
from router.profile import AgentProfile
from router.protocol import LearnsAgents, Router
from router.reasons import Counterfactual, Reasons, find_reasons

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
    "Evaluation",
    "Examination",
    "Example",
    "Exemplar",
    "Exemplars",
    "JudgedExample",
    "KeywordRouter",
    "LearnsAgents",
    "MapAgent",
    "MapPoint",
    "ModelFileError",
    "Prediction",
    "Reasons",
    "Router",
    "RouterError",
    "audit_cards",
    "bundled_router",
    "evaluate",
    "examine",
    "find_reasons",
    "map_requests",
    "read_examples",
    "read_out_of_scope",
]
