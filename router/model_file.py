"""Owns the model file: arrays and a manifest in one ``.npz``, written atomically, read only when everything agrees."""

import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from router.archive import read_arrays
from router.budget import HeldOut
from router.errors import ModelFileError

# 3: says whether word order counts; 4: keeps what an error budget is proved by; 5: names its base encoder; 6: and
# the course of its training.
SCHEMA_VERSION: Final = 6
MAX_FILE_BYTES: Final = 512 * 1024**2
MAX_MANIFEST_BYTES: Final = 4 * 1024**2
_ARRAYS: Final = {
    "buckets": "<i4",
    "idf": "<f4",
    "rows": "<f2",
    "head": "<f4",
    "background": "<f4",
    "held_out_confidence": "<f4",
    "held_out_wrong": "|b1",
}
_BLOCK: Final = 1 << 16
_REMEDY: Final = "train the model again or fetch an undamaged copy"


class TrainedLabel(BaseModel):
    """A label the head has a row for, and the card it was trained from ("" when it was trained from a data set)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    version: str = ""
    profile_digest: str = ""


class _Version(BaseModel):
    """What every manifest says, whatever its version."""

    schema_version: int


class Manifest(BaseModel):
    """Everything about a model that is not an array; sizes are checked against the arrays when a file is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: int
    bits: int = Field(ge=8, le=24)
    word_order: bool
    features: int = Field(ge=0)
    size: int = Field(ge=1, le=4096)
    sketch_size: int = Field(ge=64, le=4096, multiple_of=64)
    sketch_weight: FiniteFloat = Field(gt=0)
    base: str = Field(pattern="^([0-9a-f]{16})?$")
    base_size: int = Field(ge=0, le=4096, multiple_of=64)
    base_weight: FiniteFloat = Field(ge=0)
    unseen_idf: FiniteFloat = Field(gt=0)
    labels: tuple[TrainedLabel, ...]
    scale: FiniteFloat = Field(gt=0, le=1e6)
    floor: FiniteFloat
    threshold: FiniteFloat = Field(ge=0, le=1)
    error_budget: FiniteFloat | None = Field(gt=0, lt=1)
    held_out: int = Field(ge=0)
    config: dict[str, Any]
    metrics: dict[str, float]
    history: tuple[tuple[FiniteFloat, FiniteFloat, FiniteFloat], ...] = ()
    training_digest: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class ModelArrays:
    """The arrays of a model.

    Attributes:
        buckets: Seen buckets, rising, int32, shape (features,).
        idf: Their inverse document frequency, float32, shape (features,).
        rows: Trained rows with IDF folded in, float16, shape (features, size).
        head: Unit rows of the labels, float32, shape (labels, size + base + sketch).
        background: Mean unit vector of the training texts, float32, shape (size + base + sketch,).
        held_out_confidence: Of every decision on a held-out request, falling, float32, shape (held out,).
        held_out_wrong: Whether that decision is wrong, shape (held out,).
    """

    buckets: NDArray[np.int32]
    idf: NDArray[np.float32]
    rows: NDArray[np.float16]
    head: NDArray[np.float32]
    background: NDArray[np.float32]
    held_out_confidence: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    held_out_wrong: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))

    @property
    def held_out(self) -> HeldOut:
        """Return the decisions that an error budget is proved by."""
        return HeldOut(self.held_out_confidence, self.held_out_wrong)

    def with_held_out(self, held_out: HeldOut) -> "ModelArrays":
        """Return the same arrays with these decisions."""
        return replace(self, held_out_confidence=held_out.confidence, held_out_wrong=held_out.wrong)

    def by_name(self) -> dict[str, NDArray[Any]]:
        """Return the arrays under their names in the file."""
        return {name: getattr(self, name) for name in _ARRAYS}


def seal(manifest: Manifest, arrays: ModelArrays) -> Manifest:
    """Return the manifest with the digest of itself and the arrays."""
    return manifest.model_copy(update={"digest": _digest(manifest, arrays.by_name())})


def write_model(path: Path, manifest: Manifest, arrays: ModelArrays) -> None:
    """Write a sealed model; a reader sees the old file or the whole new one, never a part.

    Raises:
        ModelFileError: The folder cannot be written to.
    """
    text = np.frombuffer(manifest.model_dump_json().encode(), dtype=np.uint8)
    try:
        folder = tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise ModelFileError(
            path, f"cannot be written ({error.strerror})", "choose a folder you can write to"
        ) from error
    with folder:  # private, but the file in it has the mode that the umask gives to any other
        temporary = Path(folder.name) / path.name
        with temporary.open("wb") as stream:
            members: dict[str, Any] = {"manifest": text, **arrays.by_name()}
            np.savez(stream, **members)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)


def read_model(path: Path) -> tuple[Manifest, ModelArrays]:
    """Read a model and verify its manifest, shapes, types and digest.

    Raises:
        ModelFileError: Anything is missing, too large, or does not agree.
    """
    members = _members(path)
    manifest = _manifest(path, members.pop("manifest", None))
    _verify(path, manifest, members)
    return manifest, ModelArrays(**members)


def _members(path: Path) -> dict[str, NDArray[Any]]:
    def check(sizes: Mapping[str, int]) -> None:
        if "manifest.npy" not in sizes:
            raise ModelFileError(path, "has no manifest", _REMEDY)
        if sizes["manifest.npy"] > MAX_MANIFEST_BYTES:
            raise ModelFileError(path, "unpacks to more than the limit", _REMEDY)

    unreadable = "check the path, or train a model first"
    return read_arrays(path, MAX_FILE_BYTES, what="a model file", remedy=_REMEDY, if_unreadable=unreadable, check=check)


def _manifest(path: Path, text: NDArray[Any] | None) -> Manifest:
    if text is None or text.dtype != np.uint8 or text.ndim != 1:
        raise ModelFileError(path, "has a manifest that is not bytes", _REMEDY)
    _verify_version(path, text.tobytes())
    try:
        manifest = Manifest.model_validate_json(text.tobytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "manifest"
        raise ModelFileError(path, f"manifest refused at {place}: {first['msg']}", _REMEDY) from error
    return manifest


def _verify_version(path: Path, text: bytes) -> None:
    """Refuse another version before its fields are looked at: people should not be told of fields that it has not."""
    try:
        version = _Version.model_validate_json(text).schema_version
    except ValidationError:
        return  # the whole manifest is refused next, with the place
    if version != SCHEMA_VERSION:
        problem = f"has schema version {version}, this program reads {SCHEMA_VERSION}"
        raise ModelFileError(path, problem, "train the model again with this version")


def _verify(path: Path, manifest: Manifest, members: dict[str, NDArray[Any]]) -> None:
    if set(members) != set(_ARRAYS):
        raise ModelFileError(path, f"has the members {sorted(members)}, not {sorted(_ARRAYS)}", _REMEDY)
    width = manifest.size + manifest.base_size + manifest.sketch_size
    shapes: dict[str, tuple[int, ...]] = {
        "buckets": (manifest.features,),
        "idf": (manifest.features,),
        "rows": (manifest.features, manifest.size),
        "head": (len(manifest.labels), width),
        "background": (width,),
        "held_out_confidence": (manifest.held_out,),
        "held_out_wrong": (manifest.held_out,),
    }
    for name, kind in _ARRAYS.items():
        array = members[name]
        if array.dtype != np.dtype(kind) or array.shape != shapes[name]:
            problem = f"has {name} as {array.dtype}{array.shape}, not {np.dtype(kind)}{shapes[name]}"
            raise ModelFileError(path, problem, _REMEDY)
    if _digest(manifest, members) != manifest.digest:
        raise ModelFileError(path, "does not match its digest", _REMEDY)
    _verify_values(path, manifest, members)


def _verify_values(path: Path, manifest: Manifest, members: dict[str, NDArray[Any]]) -> None:
    buckets = members["buckets"]
    rising = bool((np.diff(buckets) > 0).all())
    if not rising or (len(buckets) and not 0 <= buckets[0] <= buckets[-1] < 1 << manifest.bits):
        raise ModelFileError(path, "has buckets out of order or out of range", _REMEDY)
    finite = all(bool(np.isfinite(members[name]).all()) for name in ("idf", "head", "background"))
    # Half precision has no fast isfinite: an exponent of ones is what infinities and NaN have in common.
    # A block at a time stays in the cache, which is ten times faster.
    bits = members["rows"].view(np.uint16).ravel()
    blocks = (bits[at : at + _BLOCK] for at in range(0, bits.size, _BLOCK))
    if not finite or any(((block & 0x7FFF) >= 0x7C00).any() for block in blocks):
        raise ModelFileError(path, "has weights that are not finite", _REMEDY)
    _verify_held_out(path, members["held_out_confidence"], members["held_out_wrong"])
    if len({label.name for label in manifest.labels}) != len(manifest.labels):
        raise ModelFileError(path, "has two labels of the same name", _REMEDY)


def _verify_held_out(path: Path, confidence: NDArray[Any], wrong: NDArray[Any]) -> None:
    probable = bool(((confidence >= 0) & (confidence <= 1)).all())  # false for what is not a number
    falling = bool((confidence[1:] <= confidence[:-1]).all())
    if not probable or not falling or bool((wrong.view(np.uint8) > 1).any()):
        raise ModelFileError(path, "has held-out decisions that are out of order or no probabilities", _REMEDY)


def _digest(manifest: Manifest, arrays: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256(manifest.model_copy(update={"digest": ""}).model_dump_json().encode())
    for name in _ARRAYS:
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name}{array.dtype.str}{array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()
