from dataclasses import replace

import numpy as np
import pytest

from router.checkpoint import Checkpoint
from router.course import Course, best_epoch
from router.trained_model import train
from router.training_config import Progress
from tests.router.tiny import EXAMPLES, TINY


def test_the_best_epoch_is_the_first_with_the_least_loss() -> None:
    """Of equal ones the shorter training."""
    assert best_epoch([3.0, 1.0, 2.0, 1.0]) == 2
    assert best_epoch([1.0]) == 1


@pytest.mark.parametrize(("losses", "over"), [([3, 2], False), ([3, 2, 4], False), ([3, 2, 4, 2], True), ([], False)])
def test_patience_runs_out_when_the_loss_has_not_fallen(losses: list[float], *, over: bool) -> None:
    """Two epochs in a row without a new least loss, of this stage alone."""
    kept = Checkpoint()
    kept.progress += [Progress("fit", at, 9, 1.0, loss, 0.5) for at, loss in enumerate(losses, start=1)]
    kept.progress += [Progress("other", at, 9, 1.0, 9.0, 0.5) for at in range(1, 9)]
    assert Course(kept, patience=2).is_over("fit") is over
    assert not Course(kept).is_over("fit")


def test_an_early_stop_ends_every_later_stage_at_the_epoch_found() -> None:
    """The network that is calibrated and the one that is served have seen as many epochs."""
    told: list[Progress] = []
    config = replace(TINY, epochs=20, patience=2, learning_rate=2.0)
    model = train(EXAMPLES, config, progress=told.append)
    losses = [done.held_out_loss for done in told if done.stage == "find epochs"]
    found = int(np.argmin(np.array(losses))) + 1
    assert len(losses) == found + 2 < 20
    for stage in ("calibrate 1", "fit"):
        assert [done.epoch for done in told if done.stage == stage] == list(range(1, found + 1))
    assert model.manifest.config["patience"] == 2
    assert len(model.manifest.history) == len(losses)


def test_being_watched_changes_no_model() -> None:
    """The held-out texts are judged without a random draw: the served arrays are those of the stages alone."""
    told: list[Progress] = []
    model = train(EXAMPLES, TINY, progress=told.append)
    assert [done.held_out_loss is not None for done in told] == [True] * 4 + [False] * 4
    history = [(done.loss, done.held_out_loss, done.held_out_accuracy) for done in told[:4]]
    assert np.allclose(model.manifest.history, np.array(history, dtype=float), atol=1e-6)
