"""The learning curve of `eval`: trainings on parts of the examples, with a bar meanwhile, and what they came to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from orchestrator.cli.progress import Bar
from orchestrator.cli.train import recipe_for, require_torch, stage_of

if TYPE_CHECKING:
    from router.learning_curve import LearningPoint
    from router.training_config import Progress

#: Heads of the table.
LEARNT: Final = (">trained on", ">examples", ">accuracy")


def learn_parts(examples: Path, data: Path) -> tuple[LearningPoint, ...]:
    """Return what trainings on parts of a file's examples come to on the labelled requests of another.

    Each part is learnt by the recipe that `pointsman train` would take for so many examples.

    Raises:
        PointsmanError: if torch is not installed.
        RouterError: if a file is refused.
    """
    from router import read_examples

    labelled, asked = read_examples(examples), read_examples(data)
    require_torch()
    from router.learning_curve import SHARES, learning_curve, part_of

    epochs = [recipe_for(part_of(labelled, share)).epochs for share in SHARES]
    with Bar("learning curve", sum(epochs)) as bar:

        def tell(done: Progress) -> None:
            bar.advance(f"learning curve, {stage_of(done)}")

        return learning_curve(labelled, asked, recipe_for, tell)


def learnt_in_words(points: Sequence[LearningPoint]) -> list[tuple[str, str, str]]:
    """Return the rows of the table."""
    return [(f"{p.share:.1%}".replace(".0%", "%"), str(p.examples), f"{p.accuracy:.1%}") for p in points]
