"""Owns the model file: arrays and a manifest in one ``.npz``, written atomically, read only when everything agrees."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from router.archive import read_arrays, write_arrays
from router.budget import HeldOut
from router.errors import ModelFileError
from router.manifest import Manifest, ManifestError, parse, version_of
from router.packed_rows import PackedRows

# 3: says whether word order counts; 4: keeps what an error budget is proved by; 5: names its base encoder; 6: rows of
# four bits a weight, with a scale each, the confidence's beta map, how strangers are scored, the course of training;
# 7: weighs the words of strangers, keeps what an error budget among them is proved by; 8: says whether it does;
# 9: pairs of words count as often as they stand in a text, and all rows are read in one step.
SCHEMA_VERSION: Final = 9
MAX_FILE_BYTES: Final = 512 * 1024**2
MAX_MANIFEST_BYTES: Final = 4 * 1024**2
_ARRAYS: Final = {
    "buckets": "<i4",
    "idf": "<f2",
    "codes": "|u1",
    "scales": "<f2",
    "head": "<f4",
    "background": "<f4",
    "held_out_confidence": "<f4",
    "held_out_wrong": "|b1",
    "rehearsed_confidence": "<f4",
    "rehearsed_wrong": "|b1",
}
_REMEDY: Final = "train the model again or fetch an undamaged copy"


@dataclass(frozen=True, slots=True)
class ModelArrays:
    """The arrays of a model.

    Attributes:
        buckets: Seen buckets, rising, int32, shape (features,).
        idf: Their inverse document frequency, float16, shape (features,).
        codes: Trained rows with IDF folded in, as ``PackedRows`` has them, uint8, shape (features, (size + 1) // 2).
        scales: Their factors, float16, shape (features,).
        head: Unit rows of the labels, float32, shape (labels, size + base + sketch).
        background: Mean unit vector of the training texts, float32, shape (size + base + sketch,).
        held_out_confidence: Of every decision on a held-out request, falling, float32, shape (held out,).
        held_out_wrong: Whether that decision is wrong, shape (held out,).
        rehearsed_confidence: The same of decisions with pretended strangers, float32, shape (rehearsed,).
        rehearsed_wrong: Whether that decision is wrong, shape (rehearsed,).
    """

    buckets: NDArray[np.int32]
    idf: NDArray[np.float16]
    codes: NDArray[np.uint8]
    scales: NDArray[np.float16]
    head: NDArray[np.float32]
    background: NDArray[np.float32]
    held_out_confidence: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    held_out_wrong: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    rehearsed_confidence: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    rehearsed_wrong: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))

    def rows(self, size: int) -> PackedRows:
        """Return the trained rows, given their length, shape (features, size)."""
        return PackedRows(self.codes, self.scales, size)

    @property
    def held_out(self) -> HeldOut:
        """Return the decisions that an error budget is proved by."""
        return HeldOut(self.held_out_confidence, self.held_out_wrong)

    @property
    def rehearsed(self) -> HeldOut:
        """Return the decisions that an error budget is proved by while there are strangers."""
        return HeldOut(self.rehearsed_confidence, self.rehearsed_wrong)

    def with_held_out(self, held_out: HeldOut, rehearsed: HeldOut) -> "ModelArrays":
        """Return the same arrays with these decisions, without and with strangers."""
        return replace(
            self,
            held_out_confidence=held_out.confidence,
            held_out_wrong=held_out.wrong,
            rehearsed_confidence=rehearsed.confidence,
            rehearsed_wrong=rehearsed.wrong,
        )

    def by_name(self) -> dict[str, NDArray[Any]]:
        """Return the arrays under their names in the file."""
        return {name: getattr(self, name) for name in _ARRAYS}


def seal(manifest: Manifest, arrays: ModelArrays) -> Manifest:
    """Return the manifest with the digest of itself and the arrays."""
    return replace(manifest, digest=_digest(manifest, arrays.by_name()))


def write_model(path: Path, manifest: Manifest, arrays: ModelArrays) -> None:
    """Write a sealed model; a reader sees the old file or the whole new one, never a part, see ``write_arrays``.

    Raises:
        ModelFileError: The folder cannot be written to.
    """
    text = np.frombuffer(manifest.to_json().encode(), dtype=np.uint8)
    write_arrays(path, {"manifest": text, **arrays.by_name()})


def read_model(path: Path) -> tuple[Manifest, ModelArrays]:
    """Read a model and verify its manifest, shapes, types and digest; the codes stay in the file, see ``read_arrays``.

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
            raise ModelFileError(path, f"has a manifest larger than {MAX_MANIFEST_BYTES} bytes", _REMEDY)

    unreadable = "check the path, or train a model first"
    return read_arrays(path, MAX_FILE_BYTES, what="a model file", remedy=_REMEDY, if_unreadable=unreadable, check=check)


def _manifest(path: Path, text: NDArray[Any] | None) -> Manifest:
    if text is None or text.dtype != np.uint8 or text.ndim != 1:
        raise ModelFileError(path, "has a manifest that is not bytes", _REMEDY)
    version = version_of(text.tobytes())
    if version is not None and version != SCHEMA_VERSION:  # people should not be told of fields that it has not
        problem = f"has schema version {version}, this program reads {SCHEMA_VERSION}"
        raise ModelFileError(path, problem, "train the model again with this version")
    try:
        return parse(text.tobytes())
    except ManifestError as error:
        raise ModelFileError(path, f"manifest refused: {error}", _REMEDY) from error


def _verify(path: Path, manifest: Manifest, members: dict[str, NDArray[Any]]) -> None:
    if set(members) != set(_ARRAYS):
        raise ModelFileError(path, f"has the members {sorted(members)}, not {sorted(_ARRAYS)}", _REMEDY)
    width = manifest.size + manifest.base_size + manifest.sketch_size
    shapes: dict[str, tuple[int, ...]] = {
        "buckets": (manifest.features,),
        "idf": (manifest.features,),
        "codes": (manifest.features, (manifest.size + 1) // 2),
        "scales": (manifest.features,),
        "head": (len(manifest.labels), width),
        "background": (width,),
        "held_out_confidence": (manifest.held_out,),
        "held_out_wrong": (manifest.held_out,),
        "rehearsed_confidence": (manifest.rehearsed,),
        "rehearsed_wrong": (manifest.rehearsed,),
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
    floats = ("idf", "scales", "head", "background")
    if not all(bool(np.isfinite(members[name]).all()) for name in floats):
        raise ModelFileError(path, "has weights that are not finite", _REMEDY)
    if bool((members["scales"] < 0).any()):
        raise ModelFileError(path, "has scales below 0", _REMEDY)
    for kind in ("held_out", "rehearsed"):
        _verify_held_out(path, members[f"{kind}_confidence"], members[f"{kind}_wrong"])
    if len({label.name for label in manifest.labels}) != len(manifest.labels):
        raise ModelFileError(path, "has two labels of the same name", _REMEDY)


def _verify_held_out(path: Path, confidence: NDArray[Any], wrong: NDArray[Any]) -> None:
    probable = bool(((confidence >= 0) & (confidence <= 1)).all())  # false for what is not a number
    falling = bool((confidence[1:] <= confidence[:-1]).all())
    if not probable or not falling or bool((wrong.view(np.uint8) > 1).any()):
        raise ModelFileError(path, "has held-out decisions that are out of order or no probabilities", _REMEDY)


def _digest(manifest: Manifest, arrays: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256(replace(manifest, digest="").to_json().encode())
    for name in _ARRAYS:
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name}{array.dtype.str}{array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()
