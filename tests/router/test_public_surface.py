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


def test_the_public_names_are_these() -> None:
    """Names are added on purpose, and none disappears unnoticed."""
    assert router.__all__ == NAMES == sorted(NAMES)
    assert all(hasattr(router, name) for name in NAMES)


@pytest.mark.parametrize("error", [router.BudgetError, router.DatasetError, router.ModelFileError])
def test_errors_have_one_root(error: type[Exception]) -> None:
    """Whoever catches RouterError catches everything of the router's."""
    assert issubclass(error, router.RouterError)
