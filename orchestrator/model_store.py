"""The model store: models by digest beside the journal, which of them serves, and how it came to that.

`DIGEST.npz` is a model, `DIGEST.json` says how it was made, `champion.json` names the one that serves and the steps
that led there. The last is replaced as a whole: a run that starts meanwhile reads the old champion or the new one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator.documents import suggest
from orchestrator.errors import DocumentError, ModelStoreError
from orchestrator.files import write_atomically

if TYPE_CHECKING:
    from router.trained_model import TrainedModel

#: How the model that ships with the package is called here.
BUNDLED: Final = "bundled"
_DIGITS: Final = 16
_SCHEMA: Final = 1
_POINTER: Final = "champion.json"
_MAX_BYTES: Final = 16 * 1024 * 1024
_is_digest = re.compile(r"[0-9a-f]{16}").fullmatch


class Step(BaseModel):
    """One change of who serves: when (seconds since the epoch), from whom to whom, and why against the checks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: float
    what: Literal["promoted", "rolled back"]
    before: str
    after: str
    forced: bool = False
    reason: str = ""


class _Pointer(BaseModel):
    """The file that names the champion: `line` holds those that led to it, it alone last; none is the bundled one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = Field(default=1, alias="schema")
    line: tuple[str, ...] = ()
    history: tuple[Step, ...] = ()


class StoredModel(NamedTuple):
    """A model of the store: its digest, its file, and how it was made."""

    digest: str
    path: Path
    about: Mapping[str, Any]


class ModelStore:
    """Keeps models in a folder, which is made with the first of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def champion(self) -> str:
        """Digest of the model that serves; empty for the bundled one.

        Raises:
            DocumentError: if the file that names it is damaged.
        """
        line = self._read().line
        return line[-1] if line else ""

    @property
    def history(self) -> tuple[Step, ...]:
        """Every change of who serves, the oldest first.

        Raises:
            DocumentError: if the file that holds it is damaged.
        """
        return self._read().history

    def path(self, digest: str) -> Path:
        """Return the file of a model."""
        return self.folder / f"{digest}.npz"

    def models(self) -> tuple[StoredModel, ...]:
        """Return all models, by the time when they were made.

        Raises:
            DocumentError: if a file that says how one was made is damaged.
        """
        digests = sorted(path.stem for path in self.folder.glob("*.npz"))
        stored = (StoredModel(digest, self.path(digest), self._about(digest)) for digest in digests)
        return tuple(sorted(stored, key=lambda model: (model.about.get("at", 0.0), model.digest)))

    def find(self, digest: str) -> StoredModel:
        """Return the one model whose digest begins like this.

        Raises:
            ModelStoreError: if there is none, or more than one.
        """
        models = self.models()
        found = [model for model in models if digest and model.digest.startswith(digest)]
        if len(found) == 1:
            return found[0]
        hint = suggest(digest, [model.digest for model in models])
        raise ModelStoreError(digest, f"{len(found)} models of {self.folder} begin like this; {hint}")

    def add(self, model: TrainedModel, about: Mapping[str, Any]) -> StoredModel:
        """Keep a model and how it was made; the same model again keeps its file.

        Raises:
            ModelFileError: if the model cannot be written.
            PointsmanError: if the rest cannot be written.
        """
        digest = model.manifest.digest[:_DIGITS]
        self.folder.mkdir(parents=True, exist_ok=True)
        model.save(self.path(digest))
        whole = {"schema": _SCHEMA, "digest": digest, **about}
        write_atomically(self._about_path(digest), [json.dumps(whole, indent=2).encode()])
        return StoredModel(digest, self.path(digest), whole)

    def promote(self, digest: str, at: float, *, reason: str = "") -> Step:
        """Let a model of the store serve; a reason says that it was forced in.

        Raises:
            ModelStoreError: if it serves already.
        """
        pointer = self._read()
        before = self.champion
        if digest == before:
            raise ModelStoreError(digest, "serves already")
        step = Step(at=at, what="promoted", before=before, after=digest, forced=bool(reason), reason=reason)
        self._write((*pointer.line, digest), (*pointer.history, step))
        return step

    def roll_back(self, at: float, to: str = "") -> Step:
        """Let the model serve that served before this one, or an earlier one, or `bundled`.

        Raises:
            ModelStoreError: if no other served before, or not the one named, or its file is gone.
        """
        pointer = self._read()
        if not pointer.line:
            raise ModelStoreError(BUNDLED, "serves, and nothing served before; there is nothing to go back to")
        served = ("", *pointer.line[:-1])
        place = len(served) - 1 if not to else _place(to, served)
        line = pointer.line[:place]
        if line and not self.path(line[-1]).is_file():
            raise ModelStoreError(line[-1], f"{self.path(line[-1])} is gone; go further back with --to")
        after = line[-1] if line else ""
        step = Step(at=at, what="rolled back", before=pointer.line[-1], after=after)
        self._write(line, (*pointer.history, step))
        return step

    # -- inside ------------------------------------------------------------------------------------------------------

    def _read(self) -> _Pointer:
        path = self.folder / _POINTER
        if not path.exists():
            return _Pointer()
        try:
            pointer = _Pointer.model_validate(_read_object(path))
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(map(str, fault["loc"]))
            raise _damaged(path, f"{where}: {fault['msg']}") from None
        for digest in pointer.line:
            if not _is_digest(digest):
                raise _damaged(path, f"line: {digest!r} is no digest of a model")
        return pointer

    def _write(self, line: tuple[str, ...], history: tuple[Step, ...]) -> None:
        whole = _Pointer(line=line, history=history).model_dump_json(indent=2, by_alias=True)
        write_atomically(self.folder / _POINTER, [whole.encode()])

    def _about(self, digest: str) -> Mapping[str, Any]:
        path = self._about_path(digest)
        about = _read_object(path) if path.exists() else {}
        if not isinstance(about.get("at", 0.0), int | float):
            raise _damaged(path, "at: not a number of seconds")
        return about

    def _about_path(self, digest: str) -> Path:
        return self.folder / f"{digest}.json"


def _place(digest: str, served: tuple[str, ...]) -> int:
    """Return where the model stands last among those that served."""
    found = [at for at, one in enumerate(served) if (one or BUNDLED).startswith(digest)]
    if not found:
        hint = suggest(digest, [one or BUNDLED for one in served])
        raise ModelStoreError(digest, f"did not serve before; {hint}")
    return found[-1]


def _read_object(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise _damaged(path, f"larger than {_MAX_BYTES} bytes")
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(path, f"cannot be read as JSON: {error}") from None
    if not isinstance(value, dict):
        raise _damaged(path, f"{type(value).__name__} where an object should be")
    return value


def _damaged(path: Path, problem: str) -> DocumentError:
    hint = f"restore it, or remove {path.name}: the bundled model serves then"
    return DocumentError(path, 0, 0, problem, hint if path.name == _POINTER else f"restore or remove {path.name}")
