import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from router import Example, ModelFileError, RouterError
from router.checkpoint import Checkpoint, State
from router.trained_model import TrainedModel, train
from router.training_config import Progress, TrainingConfig
from tests.router.tiny import EXAMPLES, TINY

WITH_PATIENCE = replace(TINY, cross_validate=True, patience=2, base_share=2.0)


class PowerCutError(Exception):
    """Stands for whatever ends a process."""


def cut_after(epochs: int) -> Callable[[Progress], None]:
    """Return a listener that ends the training when so many epochs were kept."""
    heard: list[Progress] = []

    def listen(done: Progress) -> None:
        heard.append(done)
        if len(heard) > epochs:
            raise PowerCutError

    return listen


def resumed(path: Path, config: TrainingConfig, epochs: int) -> tuple[TrainedModel, list[Progress]]:
    """Train, cut it off, go on, and return the model with all that was told after the cut."""
    with pytest.raises(PowerCutError):
        train(EXAMPLES, config, out_of_scope=["zzz"], progress=cut_after(epochs), checkpoint=Checkpoint(path))
    told: list[Progress] = []
    checkpoint = Checkpoint(path, resume=True)
    return train(EXAMPLES, config, out_of_scope=["zzz"], progress=told.append, checkpoint=checkpoint), told


@pytest.mark.parametrize("config", [TINY, WITH_PATIENCE], ids=["plain", "with patience, a base encoder, every part"])
def test_a_run_goes_on_as_if_it_had_never_been_cut(tmp_path: Path, config: TrainingConfig) -> None:
    """In whatever stage it is cut, the manifest, and so its digest over all arrays, is that of the whole run."""
    told: list[Progress] = []
    whole = train(EXAMPLES, config, out_of_scope=["zzz"], progress=told.append)
    for cut in range(1, len(told), 3):
        model, retold = resumed(tmp_path / "c", config, cut)
        assert model.manifest == whole.manifest
        assert retold == told


def test_what_was_kept_is_not_trained_again(tmp_path: Path) -> None:
    """The epochs before the cut are told at once, and only the others take a step."""
    with pytest.raises(PowerCutError):
        train(EXAMPLES, TINY, progress=cut_after(6), checkpoint=Checkpoint(tmp_path / "c"))
    checkpoint = Checkpoint(tmp_path / "c", resume=True)
    kept: list[tuple[str, int]] = []
    write = checkpoint.keep

    def keep(stage: str, epoch: int, state: Callable[[], State]) -> None:
        kept.append((stage, epoch))
        write(stage, epoch, state)

    checkpoint.keep = keep  # type: ignore[method-assign]  # listens
    train(EXAMPLES, TINY, checkpoint=checkpoint)
    assert kept == [("fit", 3), ("fit", 4)]


def test_it_is_written_only_when_due(tmp_path: Path) -> None:
    """A state that costs tens of megabytes is not written after every epoch of a second."""
    path, asked = tmp_path / "c", iter([False, False, True, False])
    checkpoint = Checkpoint(path, due=lambda: next(asked))
    checkpoint.begin({}, "d")
    seen = []
    for epoch in range(1, 5):
        checkpoint.keep("fit", epoch, lambda: {"x": np.zeros(3)})
        seen.append(path.exists())
    assert seen == [False, False, True, True]
    again = Checkpoint(path, resume=True)
    again.begin({}, "d")
    assert again.restore("fit")[0] == 3
    assert again.restore("other") == (0, {})
    again.remove()
    assert list(tmp_path.iterdir()) == []


def test_without_resuming_the_file_is_not_read(tmp_path: Path) -> None:
    """Whoever starts anew does not care what lies there; it is overwritten."""
    (tmp_path / "c").write_bytes(b"nonsense")
    checkpoint = Checkpoint(tmp_path / "c")
    train(EXAMPLES, TINY, checkpoint=checkpoint)
    with np.load(tmp_path / "c", allow_pickle=False) as members:
        assert "about" in members


@pytest.mark.parametrize(
    ("examples", "config", "problem"),
    [
        ([*EXAMPLES, Example("row", "blue")], TINY, "other data"),
        (EXAMPLES, replace(TINY, epochs=5, seed=1), r"other settings \(epochs 4 there, 5 here, seed 0 there, 1 here\)"),
    ],
    ids=["data", "settings"],
)
def test_the_checkpoint_of_another_training_is_refused(
    tmp_path: Path, examples: list[Example], config: TrainingConfig, problem: str
) -> None:
    """Its state would make a model that no data and no settings explain."""
    with pytest.raises(PowerCutError):
        train(EXAMPLES, TINY, progress=cut_after(2), checkpoint=Checkpoint(tmp_path / "c"))
    with pytest.raises(ModelFileError, match=problem):
        train(examples, config, checkpoint=Checkpoint(tmp_path / "c", resume=True))


def about(text: str) -> dict[str, object]:
    """Return the members of a file that says this of itself."""
    return {"about": np.frombuffer(text.encode(), dtype=np.uint8)}


GOOD = '{"format": 1, "config": {}, "digest": "d", "stage": "fit", "epoch": 1, "progress": []}'


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"x": np.zeros(1)}, "is not a checkpoint"),
        (about("[]"), "format 1"),
        (about("{"), "is not a checkpoint"),
        (about(GOOD.replace('"format": 1', '"format": 2')), "format 1"),
        (about(GOOD.replace('"progress": []', '"progress": [1]')), "does not say where"),
        (about(GOOD.replace('"epoch": 1', '"epoch": "one"')), "does not say where"),
        ({**about(GOOD), "state x": np.array([{}], dtype=object)}, "is not a checkpoint"),
    ],
)
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, members: dict[str, object], problem: str) -> None:
    """Never unpickled, never half believed."""
    with (tmp_path / "c").open("wb") as stream:
        np.savez(stream, **members)  # type: ignore[arg-type]  # whatever a stranger puts there
    checkpoint = Checkpoint(tmp_path / "c", resume=True)
    with pytest.raises(ModelFileError, match=problem):
        checkpoint.begin({}, "d")


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    """Cut short by a full disk, say."""
    checkpoint = Checkpoint(tmp_path / "c")
    checkpoint.begin({}, "d")
    checkpoint.finish("calibrate 1", np.zeros((3, 2), dtype=np.float32))
    (tmp_path / "c").write_bytes((tmp_path / "c").read_bytes()[:-30])
    with pytest.raises(ModelFileError, match="is not a checkpoint"):
        Checkpoint(tmp_path / "c", resume=True).begin({}, "d")


def test_the_state_of_another_network_is_refused(tmp_path: Path) -> None:
    """Shapes are compared before anything is taken over."""
    with pytest.raises(PowerCutError):
        train(EXAMPLES, TINY, progress=cut_after(2), checkpoint=Checkpoint(tmp_path / "c"))
    with np.load(tmp_path / "c", allow_pickle=False) as file:
        members = dict(file)
    with (tmp_path / "c").open("wb") as stream:
        np.savez(stream, **{**members, "state head": np.zeros((2, 2), dtype=np.float32)})
    with pytest.raises(RouterError, match="of another network"):
        train(EXAMPLES, TINY, checkpoint=Checkpoint(tmp_path / "c", resume=True))


def test_a_folder_that_cannot_be_written_to_is_an_error(tmp_path: Path) -> None:
    """Said when the first checkpoint is due, not when an hour has been spent."""
    with pytest.raises(ModelFileError, match="cannot be written"):
        train(EXAMPLES, TINY, checkpoint=Checkpoint(tmp_path / "no" / "c"))


TRAINING = """
import sys
from pathlib import Path
from router.checkpoint import Checkpoint
from router.trained_model import train
from tests.router.tiny import EXAMPLES, TINY

def tell(done):
    print(done.stage, done.epoch, flush=True)
    sys.stdin.readline()

checkpoint = Checkpoint(Path(sys.argv[1]), resume=True)
train(EXAMPLES, TINY, progress=tell, checkpoint=checkpoint).save(sys.argv[2])
"""


def test_a_killed_process_is_resumed_byte_for_byte(tmp_path: Path) -> None:
    """Kill -9 in the fit, start again with the same arguments: the file is that of an uninterrupted training."""
    checkpoint, out = tmp_path / "c", tmp_path / "m.npz"
    command = [sys.executable, "-c", TRAINING, str(checkpoint), str(out)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as first:
        assert first.stdin is not None
        assert first.stdout is not None
        for line in first.stdout:
            if line == "fit 3\n":  # told before it is kept: epoch 2 is what is on disk
                first.send_signal(signal.SIGKILL)
                break
            first.stdin.write("\n")
            first.stdin.flush()
    assert first.returncode == -signal.SIGKILL
    assert not out.exists()
    second = subprocess.run(command, input="\n" * 20, capture_output=True, text=True, env=environment, check=True)
    assert second.stdout.splitlines()[-2:] == ["fit 3", "fit 4"]
    train(EXAMPLES, TINY).save(tmp_path / "whole.npz")
    assert out.read_bytes() == (tmp_path / "whole.npz").read_bytes()
