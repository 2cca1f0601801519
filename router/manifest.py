"""Owns the manifest: everything about a model that is not an array, as a value and as JSON from an untrusted file."""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final, NoReturn

_CHECK: Final = "check"
#: Objects and lists in a manifest, at most; one of ten thousand agents and a thousand epochs has eleven thousand.
MOST_CONTAINERS: Final = 50_000


class ManifestError(ValueError):
    """Raised when a manifest is not what it should be; says where and what."""


def _whole(least: int, most: float = math.inf, multiple_of: int = 1) -> Any:
    def check(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most or value % multiple_of:
            raise ManifestError(f"not a whole number from {least} to {most}, multiple of {multiple_of}: {value!r:.80}")
        return value

    return field(metadata={_CHECK: check})


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ManifestError(f"not a finite number: {value!r:.80}")
    return float(value)


def _real(fits: Callable[[float], bool], what: str, *, optional: bool = False) -> Any:
    def check(value: object) -> float | None:
        if optional and value is None:
            return None
        number = _number(value)
        if not fits(number):
            raise ManifestError(f"not {what}: {number:g}")
        return number

    return field(metadata={_CHECK: check})


def _text(value: object) -> str:
    if not isinstance(value, str) or (not value.isascii() and _is_broken(value)):
        raise ManifestError(f"not a string of characters: {value!r:.80}")
    return value


def _is_broken(text: str) -> bool:
    """Return whether a string has half a surrogate pair, which JSON can write and UTF-8 cannot."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ManifestError(f"neither true nor false: {value!r:.80}")
    return value


def _base(value: object) -> str:
    if not re.fullmatch("([0-9a-f]{16})?", _text(value)):
        raise ManifestError(f"not 16 hexadecimal digits: {value!r:.80}")
    return str(value)


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ManifestError(f"{type(value).__name__} where an object should be")
    return value


def _metrics(value: object) -> dict[str, float]:
    return {name: _number(number) for name, number in _object(value).items()}


def _three(value: object) -> tuple[float, float, float]:
    if not isinstance(value, list) or len(value) != 3:
        raise ManifestError(f"not a list of three numbers: {value!r:.80}")
    one, two, three = map(_number, value)
    return one, two, three


def _history(value: object) -> tuple[tuple[float, float, float], ...]:
    if not isinstance(value, list):
        raise ManifestError(f"{type(value).__name__} where a list should be")
    return tuple(map(_three, value))


def _labels(value: object) -> "tuple[TrainedLabel, ...]":
    if not isinstance(value, list):
        raise ManifestError(f"{type(value).__name__} where a list should be")
    return tuple(TrainedLabel(**_checked(TrainedLabel, entry)) for entry in value)


@dataclass(frozen=True, slots=True)
class TrainedLabel:
    """A label the head has a row for, and the card it was trained from ("" when it was trained from a data set)."""

    name: str = field(metadata={_CHECK: _text})
    version: str = field(default="", metadata={_CHECK: _text})
    profile_digest: str = field(default="", metadata={_CHECK: _text})


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Everything about a model that is not an array; sizes are checked against the arrays when a file is read.

    What a field may hold is checked where a manifest is read, ``parse``; plain Python, because importing a library for
    it took longer than loading the model.
    """

    schema_version: int = _whole(1)
    bits: int = _whole(8, 24)
    word_order: bool = field(metadata={_CHECK: _flag})
    features: int = _whole(0)
    size: int = _whole(1, 4096)
    sketch_size: int = _whole(64, 4096, multiple_of=64)
    sketch_weight: float = _real(lambda value: value > 0, "above 0")
    base: str = field(metadata={_CHECK: _base})
    base_size: int = _whole(0, 4096, multiple_of=64)
    base_weight: float = _real(lambda value: value >= 0, "at least 0")
    unseen_idf: float = _real(lambda value: value > 0, "above 0")
    stranger_weights: tuple[float, float, float] = field(metadata={_CHECK: _three})
    stranger_bias: float = field(metadata={_CHECK: _number})
    rare_words: bool = field(metadata={_CHECK: _flag})
    labels: tuple[TrainedLabel, ...] = field(metadata={_CHECK: _labels})
    scale: float = _real(lambda value: 0 < value <= 1e6, "above 0 and at most 1e6")
    floor: float = field(metadata={_CHECK: _number})
    rise: float = _real(lambda value: 0 <= value <= 1e6, "from 0 to 1e6")
    fall: float = _real(lambda value: 0 <= value <= 1e6, "from 0 to 1e6")
    shift: float = field(metadata={_CHECK: _number})
    threshold: float = _real(lambda value: 0 <= value <= 1, "from 0 to 1")
    error_budget: float | None = _real(lambda value: 0 < value < 1, "between 0 and 1", optional=True)
    held_out: int = _whole(0)
    rehearsed: int = _whole(0)
    config: dict[str, Any] = field(metadata={_CHECK: _object})
    metrics: dict[str, float] = field(metadata={_CHECK: _metrics})
    history: tuple[tuple[float, float, float], ...] = field(metadata={_CHECK: _history})
    training_digest: str = field(metadata={_CHECK: _text})
    digest: str = field(default="", metadata={_CHECK: _text})

    @property
    def spelling(self) -> bool:
        """Return whether a word that training has not seen is read as one that was meant, see ``router.spelling``."""
        return self.config.get("spelling") is True

    def to_json(self) -> str:
        """Return the manifest as JSON; the same manifest gives the same characters."""
        return json.dumps(asdict(self), separators=(",", ":"), allow_nan=False)


def version_of(text: bytes) -> int | None:
    """Return the schema version that a manifest says it has, whatever its other fields; None if it says none."""
    try:
        version = _loads(text).get("schema_version")
    except ManifestError:
        return None
    return version if isinstance(version, int) else None


def parse(text: bytes) -> Manifest:
    """Read a manifest.

    Raises:
        ManifestError: It is no JSON, or a field is missing, unknown, or not what it should be.
    """
    return Manifest(**_checked(Manifest, _loads(text)))


def _loads(text: bytes) -> dict[str, Any]:
    if text.count(b"{") + text.count(b"[") > MOST_CONTAINERS:  # the parser makes half a million of them a second
        raise ManifestError(f"more than {MOST_CONTAINERS} objects and lists")
    try:
        return _object(json.loads(text, parse_constant=_refuse))
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"not JSON ({error})") from error


def _refuse(constant: str) -> NoReturn:
    raise ManifestError(f"{constant} is no number")


def _checked(kind: type, values: object) -> Mapping[str, Any]:
    """Return the values of a dataclass of that kind, all of them checked."""
    given = _object(values)
    known = {one.name: one.metadata[_CHECK] for one in fields(kind)}
    if given.keys() != known.keys():
        raise ManifestError(f"fields are missing or unknown: {', '.join(sorted(given.keys() ^ known.keys())):.200}")
    checked = {}
    for name, check in known.items():
        try:
            checked[name] = check(given[name])
        except ManifestError as error:
            raise ManifestError(f"{name}: {error}") from error
    return checked
