"""Owns the checkpoint: where a training run stands, in a file, so that a run that was cut off goes on (no torch)."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import astuple
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from router.archive import read_arrays
from router.errors import ModelFileError
from router.training_config import Progress

State: TypeAlias = Mapping[str, NDArray[Any]]

FORMAT: Final = 1
MAX_FILE_BYTES: Final = 2 * 1024**3  # parameters and what the optimiser knows of them, in single precision
_ABOUT: Final = "about"
_STATE: Final = "state "
_OUTCOME: Final = "outcome "
_REMEDY: Final = "delete it, or train without resuming"
_KEYS: Final = {"format", "config", "digest", "stage", "epoch", "progress"}


class Checkpoint:
    """Where a training run stands: stages that are over by their outcome, the one that is running by its state.

    The file is written atomically and holds arrays and JSON only. A run that goes on from it gives the bytes of one
    that was never cut off. Without a path nothing is written.

    Attributes:
        progress: Every epoch so far, those before the interruption included.
    """

    def __init__(
        self, path: Path | None = None, *, resume: bool = False, due: Callable[[], bool] = lambda: True
    ) -> None:
        """Keep where a run stands in a file.

        Args:
            path: The file; None keeps nothing.
            resume: Go on from the file, if there is one.
            due: Asked after every epoch whether to write: what was not written is trained again.
        """
        self.progress: list[Progress] = []
        self._path, self._resume, self._due = path, resume, due
        self._about: dict[str, Any] = {}
        self._stage, self._epoch = "", 0
        self._state: State = {}
        self._outcomes: dict[str, NDArray[np.float32]] = {}

    def begin(self, config: Mapping[str, Any], digest: str) -> None:
        """Say what is trained; where the file says how far that came, go on from there.

        Args:
            config: How it is trained, plain JSON types.
            digest: Of the data.

        Raises:
            ModelFileError: The file is damaged, or of another training.
        """
        self._about = {"format": FORMAT, "config": json.loads(json.dumps(config)), "digest": digest}
        if self._path is not None and self._resume and self._path.exists():
            self._read(self._path)

    def restore(self, stage: str) -> tuple[int, State]:
        """Return how many epochs of a stage are done, and the state after them (empty if none are)."""
        return (self._epoch, self._state) if stage == self._stage else (0, {})

    def keep(self, stage: str, epoch: int, state: Callable[[], State]) -> None:
        """Write the state after an epoch, if that is due.

        Raises:
            ModelFileError: The file cannot be written.
        """
        if self._path is not None and self._due():
            self._stage, self._epoch, self._state = stage, epoch, state()
            self._write(self._path)

    def outcome(self, stage: str) -> NDArray[np.float32] | None:
        """Return what a stage came to, if it is over."""
        return self._outcomes.get(stage)

    def finish(self, stage: str, outcome: NDArray[np.float32]) -> None:
        """Write what a stage came to; its state is needed no more.

        Raises:
            ModelFileError: The file cannot be written.
        """
        self._outcomes[stage] = outcome
        self._stage, self._epoch, self._state = "", 0, {}
        if self._path is not None:
            self._write(self._path)

    def remove(self) -> None:
        """Delete the file: the run is over, and what it gave is saved."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _write(self, path: Path) -> None:
        where = {"stage": self._stage, "epoch": self._epoch, "progress": [astuple(done) for done in self.progress]}
        members: dict[str, Any] = {_ABOUT: np.frombuffer(json.dumps({**self._about, **where}).encode(), dtype=np.uint8)}
        members |= {_STATE + name: array for name, array in self._state.items()}
        members |= {_OUTCOME + stage: scores for stage, scores in self._outcomes.items()}
        part = path.with_name(f".{path.name}.part")  # always the same: what a killed run leaves is overwritten
        try:
            with part.open("wb") as stream:
                np.savez(stream, **members)
                stream.flush()
                os.fsync(stream.fileno())
            part.replace(path)
        except OSError as error:
            part.unlink(missing_ok=True)
            problem = f"cannot be written ({error.strerror})"
            raise ModelFileError(path, problem, "make room there, or choose another folder for the model") from error

    def _read(self, path: Path) -> None:
        def check(sizes: Mapping[str, int]) -> None:
            if f"{_ABOUT}.npy" not in sizes:
                raise ModelFileError(path, "is not a checkpoint", _REMEDY)

        unreadable = "check who may read it"
        members = read_arrays(
            path, MAX_FILE_BYTES, what="a checkpoint", remedy=_REMEDY, if_unreadable=unreadable, check=check
        )
        about = _parse(path, members.pop(_ABOUT))
        self._require_the_same(path, about)
        self._stage, self._epoch = about["stage"], about["epoch"]
        self.progress = [Progress(*done) for done in about["progress"]]
        self._state = {name.removeprefix(_STATE): a for name, a in members.items() if name.startswith(_STATE)}
        self._outcomes = {name.removeprefix(_OUTCOME): a for name, a in members.items() if name.startswith(_OUTCOME)}

    def _require_the_same(self, path: Path, about: Mapping[str, Any]) -> None:
        if about["digest"] != self._about["digest"]:
            raise ModelFileError(path, "belongs to a training on other data", _REMEDY)
        mine, its = self._about["config"], about["config"]
        other = sorted(name for name in mine.keys() | its.keys() if mine.get(name) != its.get(name))
        if other:
            differs = ", ".join(f"{name} {its.get(name)} there, {mine.get(name)} here" for name in other)
            raise ModelFileError(path, f"belongs to a training with other settings ({differs})", _REMEDY)


def _parse(path: Path, text: NDArray[Any]) -> dict[str, Any]:
    try:
        about = json.loads(text.tobytes())
    except (ValueError, RecursionError) as error:
        raise ModelFileError(path, f"is not a checkpoint ({error})", _REMEDY) from error
    if not isinstance(about, dict) or about.keys() != _KEYS or about["format"] != FORMAT:
        raise ModelFileError(path, f"is not a checkpoint of format {FORMAT}", _REMEDY)
    kinds = {"config": dict, "digest": str, "stage": str, "epoch": int, "progress": list}
    if any(not isinstance(about[name], kind) for name, kind in kinds.items()) or not all(
        isinstance(done, list) and len(done) == len(Progress.__dataclass_fields__) for done in about["progress"]
    ):
        raise ModelFileError(path, "does not say where its training stands", _REMEDY)
    return about
