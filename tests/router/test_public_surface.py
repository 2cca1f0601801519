import pytest

import router

NAMES = [
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


def test_the_public_names_are_these() -> None:
    """Names are added on purpose, and none disappears unnoticed."""
    assert router.__all__ == NAMES == sorted(NAMES)
    assert all(hasattr(router, name) for name in NAMES)


@pytest.mark.parametrize("error", [router.BudgetError, router.DatasetError, router.ModelFileError])
def test_errors_have_one_root(error: type[Exception]) -> None:
    """Whoever catches RouterError catches everything of the router's."""
    assert issubclass(error, router.RouterError)
