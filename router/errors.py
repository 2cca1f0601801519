"""Owns the errors of the router: one root, one page."""

from pathlib import Path


class RouterError(Exception):
    """Raised when the router is given something it cannot use; the message says what, which and what to do."""


class ModelFileError(RouterError):
    """Raised when a file of a model, roster or checkpoint is missing, damaged, too large, or contradicts itself."""

    def __init__(self, path: Path, problem: str, remedy: str) -> None:
        """Name the file, what is wrong with it, and what to do about it."""
        super().__init__(f"{path}: {problem}; {remedy}")
        self.path = path
        self.problem = problem
        self.remedy = remedy


class BudgetError(RouterError):
    """Raised when no threshold is proved to keep an error budget on the requests that were held out."""

    def __init__(self, budget: float, held_out: int, least: float | None, *, steady: bool = False) -> None:
        """Name the budget, how many requests were held out, and the smallest budget they can prove, if any.

        Whether it would be proved for a steady mix is said too.
        """
        could = "nor is any up to 0.5" if least is None else f"the smallest that is proved is {least:g}"
        ways = [] if least is None else ["choose that"]
        if steady:
            ways.append("set budget_mix to steady if each agent will be asked for as often as in training")
        ways.append("train on more examples")
        super().__init__(
            f"error_budget {budget:g} is not proved at any threshold by the {held_out} requests held out in training"
            f" (95% confidence), {could}; {', or '.join(ways)}"
        )
        self.budget = budget
        self.held_out = held_out
        self.least = least
        self.steady = steady


class DatasetError(RouterError):
    """Raised when a data set of examples is refused, at a line or as a whole (line 0)."""

    def __init__(self, path: Path, line: int, problem: str, remedy: str) -> None:
        """Name the file and line, what is wrong there, and what to do about it."""
        place = f"{path}:{line}" if line else str(path)
        super().__init__(f"{place}: {problem}; {remedy}")
        self.path = path
        self.line = line
        self.problem = problem
