"""Owns the model that ships with the package, and the requests it learnt to refuse."""

from pathlib import Path
from typing import Final

from router.budget import Mix
from router.dataset import read_texts
from router.embedding_router import EmbeddingRouter
from router.errors import RouterError

BUNDLED: Final = Path(__file__).with_name("bundled")


def bundled_router(error_budget: float | None = None, budget_mix: Mix = "auto") -> EmbeddingRouter:
    """Load the bundled model with no candidates yet: every agent registers by its own card.

    Args:
        error_budget: Share of the routed requests that may be wrong, as ``EmbeddingRouter`` takes it.
        budget_mix: Of whom it holds for, likewise.

    Raises:
        BudgetError: The model's held-out requests do not prove the budget.
        ModelFileError: The file is missing or damaged.
    """
    path = BUNDLED / "router.npz"
    return EmbeddingRouter.load(path, use_trained_labels=False, error_budget=error_budget, budget_mix=budget_mix)


def read_out_of_scope(path: Path | str = BUNDLED / "out_of_scope.txt") -> tuple[str, ...]:
    """Read requests that no agent serves.

    Args:
        path: JSON Lines of ``{"text"}`` if its name ends in ``.jsonl``; else one request a line, blank lines and lines
            starting with ``#`` left out.

    Raises:
        DatasetError: A line of JSON Lines is not what it should be.
        RouterError: The file cannot be read as UTF-8.
    """
    if Path(path).suffix == ".jsonl":
        return read_texts(path)
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RouterError(f"{path}: cannot be read ({error}); check the path, save it as UTF-8") from error
    return tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))
