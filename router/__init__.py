"""Pointsman's router: a text and candidates in, a decision with its reasons out; importing it never imports torch."""

from router.bundled_model import bundled_router, read_out_of_scope
from router.dataset import Example, read_examples
from router.embedding_router import EmbeddingRouter
from router.errors import BudgetError, DatasetError, ModelFileError, RouterError
from router.evaluation import Evaluation, evaluate
from router.examination import Examination, examine
from router.keyword_router import KeywordRouter
from router.prediction import Abstained, Candidate, Contribution, Prediction
from router.profile import AgentProfile
from router.protocol import LearnsAgents, Router

__all__ = [
    "Abstained",
    "AgentProfile",
    "BudgetError",
    "Candidate",
    "Contribution",
    "DatasetError",
    "EmbeddingRouter",
    "Evaluation",
    "Examination",
    "Example",
    "KeywordRouter",
    "LearnsAgents",
    "ModelFileError",
    "Prediction",
    "Router",
    "RouterError",
    "bundled_router",
    "evaluate",
    "examine",
    "read_examples",
    "read_out_of_scope",
]
