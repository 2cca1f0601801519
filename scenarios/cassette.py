"""The cassette: what a run read from outside, call by call, as a file of JSON Lines that people can read and review."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final, Literal, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator.agent import describe_fault
from orchestrator.ancestry import Ancestry, Diversion
from orchestrator.errors import DocumentError
from orchestrator.fault import Fault
from orchestrator.files import write_atomically

#: Bytes of a line, and of a file. An answer is bounded by the HTTP client and the policy of its agent.
MAX_LINE: Final = 64_000_000
MAX_FILE: Final = 1_000_000_000
#: How the line of a footer begins; no other begins like this.
_FOOTER: Final = b'{"redacted":'
RecordMode = Literal["none", "once", "new", "all"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


P = TypeVar("P", bound=_Part)


class Recording(_Part):
    """One read from outside, and what came of it.

    Attributes:
        task: id of the task whose handler read.
        call: number of the read among those of its task, from 1.
        source: what was asked.
        digest: of source and request; a read is known again by its task and this.
        request: what was asked for.
        at: virtual seconds of the run at which the handler got it.
        answer: what came; of a read that ended in `fault`, or was cut off, there is none.
        fault: what it raised.
        cut_off: whether the handler was gone before anything came.
    """

    task: str
    call: int = Field(ge=1)
    source: str
    digest: str
    request: Any = None
    at: Annotated[float, Field(ge=0, strict=False)]
    answer: Any = None
    fault: Fault | None = None
    cut_off: bool = False


class Override(_Part):
    """One place in what an agent returns that is replaced.

    Attributes:
        task: id of the task.
        pointer: JSON Pointer into the output.
        value: what stands there instead.
    """

    task: str
    pointer: str
    value: Any = None


class Diverted(_Part):
    """One decision that is replaced.

    Attributes:
        task: id of the task.
        nth: which of the decisions on it, from 1.
        agent: who gets it.
    """

    task: str
    nth: int = Field(ge=1)
    agent: str


class Header(_Part):
    """What a cassette belongs to.

    Attributes:
        pointsman: format and version.
        run: id of the recorded run, or title of the scenario.
        epoch: seconds since the Unix epoch at which the run's virtual time began.
        plan: its name.
        tasks: what was submitted, as tasks are in the journal.
        budget: of the run.
        settings: those that decide what happens.
        workspace: folder that relative paths in payloads started from, as it was given.
        profile: of redaction, its name or its file; empty where nothing was taken out.
        key: mark of the key of its pseudonyms; empty where they are numbered.
        stated: of a scenario's, which of its pseudonyms are secrets that the scenario itself states, as a digest.
        origin: run that this one was forked from; its keys of effects, chance and ids are those of that.
        overrides: answers of agents that are replaced.
        diverted: decisions that are replaced.
    """

    pointsman: Literal["cassette/1"] = "cassette/1"
    run: str
    epoch: Annotated[float, Field(strict=False)] = 0.0
    plan: str = ""
    tasks: tuple[dict[str, Any], ...] = ()
    budget: dict[str, Any] | None = None
    settings: dict[str, Any] = {}
    workspace: str = ""
    profile: str = ""
    key: str = ""
    stated: str = ""
    origin: str = ""
    overrides: tuple[Override, ...] = ()
    diverted: tuple[Diverted, ...] = ()

    def ancestry(self) -> Ancestry:
        """Return what the run has from the one that it was forked from."""
        return Ancestry(self.origin, tuple(Diversion(one.task, one.nth, one.agent) for one in self.diverted))


class Footer(_Part):
    """What is known at the end of a recording.

    Attributes:
        redacted: by rule, how many secrets were taken out, and of how many places; nothing of the secrets themselves.
    """

    redacted: Mapping[str, Annotated[tuple[int, int], Field(strict=False)]]


class Cassette(_Part):
    """A header, recordings in the order in which they were released, and a footer where the run came to its end."""

    header: Header
    recordings: tuple[Recording, ...] = ()
    footer: Footer | None = None
    cut_short: bool = False


def digest_of(source: str, request: Any) -> str:
    """Return what a read is known by: SHA-256 over source and request as canonical JSON."""
    return hashlib.sha256(orjson.dumps([source, request], option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def encode_line(part: Header | Recording | Footer) -> bytes:
    """Return a part as one line of JSON, what it does not have left out."""
    return orjson.dumps(part.model_dump(mode="json", exclude_defaults=True) | _always(part)) + b"\n"


def _always(part: Header | Recording | Footer) -> dict[str, Any]:
    return {"pointsman": part.pointsman} if isinstance(part, Header) else {}


def save_cassette(path: Path, cassette: Cassette) -> None:
    """Write a cassette, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = (cassette.header, *cassette.recordings, *((cassette.footer,) if cassette.footer else ()))
    write_atomically(path, map(encode_line, parts))


def load_header(path: str | Path) -> Header:
    """Read what a cassette belongs to, and no more of it.

    Raises:
        DocumentError: if it cannot be read, or its first line is no header.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            line = file.readline(MAX_LINE + 1)
    except OSError as error:
        raise _unreadable(path, error) from None
    return _read(path, 1, line.rstrip(b"\n"), Header)


def load_cassette(path: str | Path) -> Cassette:
    """Read a cassette; a last line without its end, as a crash leaves it, is left out, and `cut_short` says so.

    Raises:
        DocumentError: if there is no such file, it is too large, or a line is none of a cassette; with its number.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_FILE:
            raise DocumentError(path, 1, 1, f"the file is larger than {MAX_FILE // 10**6} MB", "record less at once")
        with path.open("rb") as file:
            lines = _Lines(file)
            header = _read(path, 1, next(lines, b""), Header)
            recordings, footer = _rest(path, lines)
            return Cassette(header=header, recordings=recordings, footer=footer, cut_short=lines.cut_short)
    except OSError as error:
        raise _unreadable(path, error) from None


class _Lines:
    """The lines of a file, each read when it is wanted, without their ends; what follows the last end is left out."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.cut_short = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        line = self._file.readline(MAX_LINE + 1)
        self.cut_short = bool(line) and not line.endswith(b"\n") and len(line) <= MAX_LINE
        if not line or self.cut_short:
            raise StopIteration
        return line.rstrip(b"\n")


def _unreadable(path: Path, error: OSError) -> DocumentError:
    problem = f"the cassette cannot be read: {error.strerror or error}"
    return DocumentError(path, 1, 1, problem, "record it first, or correct the path")


def _rest(path: Path, lines: Iterable[bytes]) -> tuple[tuple[Recording, ...], Footer | None]:
    recordings: list[Recording] = []
    footer: Footer | None = None
    for number, line in enumerate(lines, 2):
        if footer is not None:
            raise DocumentError(path, number, 1, "a line after the last one", "take it out, or record it again")
        if line.startswith(_FOOTER):
            footer = _read(path, number, line, Footer)
        else:
            recordings.append(_recording(path, number, line))
    return tuple(recordings), footer


def _recording(path: Path, number: int, line: bytes) -> Recording:
    recording = _read(path, number, line, Recording)
    if recording.digest != digest_of(recording.source, recording.request):
        hint = "record it again, or restore the line: a request that is changed by hand is never found"
        raise DocumentError(path, number, 1, "the digest is not that of the request", hint)
    return recording


def _read(path: Path, number: int, line: bytes, model: type[P]) -> P:
    what = model.__name__.lower()
    if not line:
        raise DocumentError(path, number, 1, f"the line is empty where a {what} should be", "record it again")
    if len(line) > MAX_LINE:
        raise DocumentError(path, number, 1, f"the line is longer than {MAX_LINE // 10**6} MB", "record it again")
    try:
        return model.model_validate_json(line)
    except ValidationError as error:
        column, fault = _fault(line, error, what)
        raise DocumentError(path, number, column, fault, "record it again") from None


def _fault(line: bytes, error: ValidationError, what: str) -> tuple[int, str]:
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError as broken:
        return broken.colno, f"no {what} of a cassette: no JSON: {broken.msg}"
    return 1, describe_fault(error, f"no {what} of a cassette")
