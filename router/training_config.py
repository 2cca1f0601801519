"""Owns the knobs of the training, the defaults for many, for few and for cards, and what a progress report says."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from router.budget import Mix
from router.calibration import DEFAULT_THRESHOLD


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """How a model is trained; the defaults suit thousands of examples.

    Attributes:
        size: Length of a trained row.
        size_per_label: Where not 0, a row is at most so many times the number of labels long.
        sketch_size: Length of the fixed sketch; a multiple of 64.
        sketch_share: Length of a text's sketch before training, relative to that of its features.
        base_share: The same of its vector from the bundled base encoder; 0 leaves it to agents added later.
        base_noise: Length of the noise on that vector in each step, relative to it; so that few examples are not learnt
            by heart.
        blend: Share of the label's mean sketch in its row, 0 to 1; helps when examples are few.
        bits: Logarithm of the number of hash buckets.
        word_order: Whether pairs of words are features; a dozen examples an agent cannot teach them.
        names: Whether the label's name is read as one example more, see ``router.label_name``; never held out.
        spelling: Whether a word that is neither seen nor known is read as the one that was meant, ``router.spelling``.
        min_df: Least number of texts with a word, character n-gram, bigram, skip-bigram, pair.
        epochs: Passes over the examples.
        patience: Where not 0, stop once the loss on held-out examples has not fallen for so many epochs.
        batch_size: Examples a step.
        learning_rate: Of Adagrad, falling linearly to a twentieth.
        sum_by_row: Whether a row has one sum of squared slopes in it, not one for each number; few examples lose by it.
        dropout: Share of the features hidden from each step.
        smoothing: Label smoothing.
        scale: Inverse temperature of the training softmax.
        folds: Held-out parts used for calibration; only the first is used unless ``cross_validate``.
        cross_validate: Hold out every part in turn, for few examples.
        threshold: Confidence below which the router abstains, when there are no out-of-scope requests.
        out_of_scope_share: What out-of-scope requests weigh of all held-out ones, if there are any, where scale and
            floor of the confidence are fitted.
        refused: Share of the held-out out-of-scope requests that the threshold is chosen to refuse, when there are.
        error_budget: Share of the routed requests that may be wrong; decides on the threshold instead, if given.
        budget_mix: Whether it also holds where agents are asked for more or less often, see ``router.budget``.
        seed: Of every random number drawn.
        threads: Of torch while training; more than one neither pays here nor gives the same bytes on every run.
    """

    size: int = 64
    size_per_label: int = 0
    sketch_size: int = 256
    sketch_share: float = 1.0
    base_share: float = 2.0
    base_noise: float = 0.0
    blend: float = 0.0
    bits: int = 20
    word_order: bool = True
    names: bool = False
    spelling: bool = True
    min_df: tuple[int, int, int, int, int] = (1, 2, 2, 2, 5)
    epochs: int = 20
    patience: int = 0
    batch_size: int = 128
    learning_rate: float = 0.2
    sum_by_row: bool = True
    dropout: float = 0.9
    smoothing: float = 0.1
    scale: float = 12.0
    folds: int = 10
    cross_validate: bool = False
    threshold: float = DEFAULT_THRESHOLD
    out_of_scope_share: float = 0.5
    refused: float = 0.9
    error_budget: float | None = None
    budget_mix: Mix = "auto"
    seed: int = 0
    threads: int = 1


FEW_EXAMPLES: Final = TrainingConfig(
    size_per_label=4,
    sketch_size=576,
    base_share=8.0,
    base_noise=1.0,
    blend=0.6,
    word_order=False,
    names=True,
    min_df=(1, 1, 2, 2, 3),
    epochs=40,
    batch_size=32,
    learning_rate=0.05,
    sum_by_row=False,
    dropout=0.8,
    folds=6,
    cross_validate=True,
    out_of_scope_share=0.25,
)

# A handful of agents known by their cards: the words of a card decide, for a request may name what another agent does
# ("look up the script for what the log no longer shows"), and the base encoder knows only what it is about.
FROM_CARDS: Final = replace(FEW_EXAMPLES, size=24, base_share=0.0, base_noise=0.0, epochs=80, names=False)

#: From so many labels on, what a training holds out and rehearses says how agents compare.
LEAST_TO_REHEARSE: Final = 16


def recipe_for_cards(agents: int) -> TrainingConfig:
    """Return how to learn the cards of so many agents.

    The words of a few cards tell few agents apart; many agents need what the base encoder knows of meaning: of 199
    tools with ten examples each 73.9% were found instead of 69.0.
    """
    return FROM_CARDS if agents < LEAST_TO_REHEARSE else FEW_EXAMPLES


#: Examples and thumbs from which the recipe below is the better one, and several times faster.
MANY_ROWS: Final = 1000

# Where thumbs were added to few examples: the recipe for many, and the base encoder for agents that have few still.
FROM_FEEDBACK: Final = TrainingConfig(base_share=4.0, learning_rate=0.1, sum_by_row=False)


def recipe(few: TrainingConfig, examples: int, thumbs: int) -> TrainingConfig:
    """Return how to learn so many thumbs beside so many examples.

    That is the recipe for few, which the caller chose for the examples alone, or from ``MANY_ROWS`` of both on the one
    for many, which reads no names: thumbs say more. What is calibrated, and for which budget, stays that of the recipe
    for few.
    """
    if not thumbs or examples + thumbs < MANY_ROWS:
        return few
    return replace(
        FROM_FEEDBACK,
        folds=few.folds,
        cross_validate=few.cross_validate,
        threshold=few.threshold,
        out_of_scope_share=few.out_of_scope_share,
        refused=few.refused,
        error_budget=few.error_budget,
        budget_mix=few.budget_mix,
        seed=few.seed,
        threads=few.threads,
    )


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the training is: the stage, the epoch from 1 of how many, and the mean loss of that epoch in nats.

    Of texts held out, where there are any: their mean loss after the epoch, without smoothing, and their accuracy.
    """

    stage: str
    epoch: int
    epochs: int
    loss: float
    held_out_loss: float | None = None
    held_out_accuracy: float | None = None


Report: TypeAlias = Callable[[Progress], None]
