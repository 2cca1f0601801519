"""What the tests of the training share: eight texts of two labels, learnt in a moment."""

from typing import Final

from router import Example
from router.training_config import Progress, TrainingConfig

TINY: Final = TrainingConfig(
    size=8, sketch_size=64, base_share=0.0, min_df=(1, 1, 1, 1, 1), epochs=4, batch_size=4, folds=2, dropout=0.1
)
EXAMPLES: Final = [
    Example(f"{verb} the {noun} {end}", label)
    for label, verb, noun in (("red", "paint", "wall"), ("blue", "sail", "boat"))
    for end in ("today", "now", "please", "again")
]


def silent(progress: Progress) -> None:
    """Report to nobody."""
