"""Owns the roster file: the agents that a router has registered, with their rows, so that they outlive the process."""

import json
import math
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from router.archive import read_arrays, write_arrays
from router.errors import ModelFileError
from router.kinds import MOST_KINDS
from router.rarity import Heard
from router.snapshot import Entry, digest_entries

FORMAT: Final = 3  # 1 had one row an agent, 2 no length of its words
MAX_FILE_BYTES: Final = 1024**3
MAX_ABOUT_BYTES: Final = 32 * 1024**2
_FRAME_BYTES: Final = 4096  # at most what an archive of two arrays adds to them
_ABOUT: Final = "about"
_ROWS: Final = "rows"
_KEYS: Final = {"format": int, "model": str, "digest": str, "agents": list}
_REMEDY: Final = "register the agents by their cards and save the roster again"


def write_roster(path: Path, model: str, entries: Mapping[str, Entry]) -> None:
    """Write agents; a reader sees the old file or the whole new one, never a part.

    Args:
        path: The file.
        model: Digest of the model that their rows belong to.
        entries: The agents by name.

    Raises:
        ModelFileError: The folder cannot be written to, or the file would be larger than is read again.
    """
    ordered = [entries[name] for name in sorted(entries)]
    about = {
        "format": FORMAT,
        "model": model,
        "digest": digest_entries(model, ordered),
        "agents": [_say(entry) for entry in ordered],
    }
    rows = np.concatenate([entry.rows for entry in ordered]) if ordered else np.zeros((0, 0), dtype=np.float32)
    text = np.frombuffer(json.dumps(about, separators=(",", ":")).encode(), dtype=np.uint8)
    if len(text) > MAX_ABOUT_BYTES or len(text) + rows.nbytes + _FRAME_BYTES > MAX_FILE_BYTES:
        problem = f"would not be read again with {len(ordered)} agents, it would be too large"
        raise ModelFileError(path, problem, "keep fewer agents in one router, or register them by their cards")
    write_arrays(path, {_ABOUT: text, _ROWS: rows.astype("<f4", copy=False)})


def _say(entry: Entry) -> list[Any]:
    heard = entry.heard
    words = dict(sorted(heard.words.items()))
    return [entry.name, entry.version, entry.stranger, len(entry.rows), heard.texts, words, heard.length]


def read_roster(path: Path, model: str, width: int) -> dict[str, Entry]:
    """Read agents by name, and verify that they are those that were written, under this very model.

    Args:
        path: The file.
        model: Digest of the model that serves.
        width: Length of its rows.

    Raises:
        ModelFileError: The file is missing, damaged, too large, or of another model.
    """
    members = _members(path)
    about = _parse(path, members[_ABOUT])
    if about["model"] != model:
        problem = f"was written under the model {about['model']:.16}, not {model:.16}, which serves"
        raise ModelFileError(path, problem, f"serve that model, or {_REMEDY}")
    agents, rows = _agents(path, about["agents"]), members[_ROWS]
    ends = np.cumsum([agent.rows for agent in agents], dtype=np.int64)
    _verify_rows(path, rows, (int(ends[-1]), width) if agents else (0, 0))
    entries = [agent.entry(some) for agent, some in zip(agents, np.split(rows, ends[:-1]), strict=False)]
    if digest_entries(model, entries) != about["digest"]:
        raise ModelFileError(path, "does not match its digest", _REMEDY)
    return {entry.name: entry for entry in entries}


def _members(path: Path) -> dict[str, NDArray[Any]]:
    def check(sizes: Mapping[str, int]) -> None:
        names = {f"{_ABOUT}.npy", f"{_ROWS}.npy"}
        if sizes.keys() != names:
            raise ModelFileError(path, f"has the members {sorted(sizes)}, not {sorted(names)}", _REMEDY)
        if sizes[f"{_ABOUT}.npy"] > MAX_ABOUT_BYTES:
            raise ModelFileError(path, f"says more than {MAX_ABOUT_BYTES} bytes about its agents", _REMEDY)

    unreadable = "check the path, or save a roster first"
    return read_arrays(
        path, MAX_FILE_BYTES, what="a roster file", remedy=_REMEDY, if_unreadable=unreadable, check=check
    )


def _parse(path: Path, text: NDArray[Any]) -> dict[str, Any]:
    try:
        about = json.loads(text.tobytes())
    except (ValueError, RecursionError) as error:
        raise ModelFileError(path, f"is not a roster file ({error})", _REMEDY) from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise ModelFileError(path, f"is not a roster file of format {FORMAT}", _REMEDY)
    if about.keys() != _KEYS.keys() or any(type(about[name]) is not kind for name, kind in _KEYS.items()):
        raise ModelFileError(path, f"does not say {', '.join(_KEYS)} and nothing else", _REMEDY)
    return about


class _Agent(NamedTuple):
    """What the file says of an agent beside its rows, and how many those are."""

    name: str
    version: str
    stranger: bool
    rows: int
    texts: int
    words: dict[str, int]
    length: float

    def entry(self, rows: NDArray[np.float32]) -> Entry:
        """Return it as a router has it."""
        return Entry(self.name, self.version, rows, self.stranger, Heard(self.texts, self.words, self.length))


def _agents(path: Path, agents: list[Any]) -> list[_Agent]:
    found: list[_Agent] = []
    for at, agent in enumerate(agents):
        kinds = [str, str, bool, int, int, dict, float]
        if not isinstance(agent, list) or [type(part) for part in agent] != kinds or not _counts(*agent[3:]):
            raise ModelFileError(path, f"has no name, version, kind, rows and words for its agent {at}", _REMEDY)
        found.append(_Agent(*agent))
    if any(one.name >= other.name for one, other in pairwise(found)):
        raise ModelFileError(path, "names its agents out of order, or one of them twice", _REMEDY)
    return found


def _counts(rows: int, texts: int, words: dict[str, Any], length: float) -> bool:
    """Return whether there are rows, each word stands in one to all of the texts, and only words have a length."""
    return (
        1 <= rows <= MOST_KINDS
        and texts >= 0
        and math.isfinite(length)
        and (length > 0 if words else length == 0)
        and all(type(times) is int and 1 <= times <= texts for times in words.values())
    )


def _verify_rows(path: Path, rows: NDArray[Any], shape: tuple[int, int]) -> None:
    if rows.dtype != np.dtype("<f4") or rows.shape != shape:
        raise ModelFileError(path, f"has rows as {rows.dtype}{rows.shape}, not float32{shape}", _REMEDY)
    if not bool(np.isfinite(rows).all()):
        raise ModelFileError(path, "has rows that are not finite", _REMEDY)
