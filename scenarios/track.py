"""Owns the track: the rows of one run, in order, from a journal, a file of JSON Lines, or memory."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Final, Protocol

from orchestrator.errors import DocumentError, JournalError, PointsmanError
from orchestrator.journal import JournalReader, Row
from orchestrator.topics import TASK_JUDGED
from scenarios.glance import Glance, glance

#: Rows that are handed out together.
CHUNK: Final = 1024
#: Bytes that one row of a file may have.
MAX_ROW: Final = 64 * 1024 * 1024
#: Rows that are read again one by one, at most.
MANY: Final = 2000
_BLOCK: Final = 1 << 20
#: How a row ends that says what people thought of a decision afterwards: no part of what the run did.
_SAID: Final = f'"topic":"{TASK_JUDGED}"}}'.encode()
_HINT: Final = "give what `pointsman journal export --run ID` wrote"


class Track(Protocol):
    """The rows of one run, as canonical bytes; what people said of its decisions is left out.

    Attributes:
        name: what it is called where it is shown.
        run: id of the run.
    """

    name: str
    run: str

    def chunks(self) -> Iterator[list[bytes]]:
        """Yield all rows, `CHUNK` at a time."""
        ...

    def row(self, ordinal: int) -> bytes:
        """Return a row that `chunks` has yielded, counted from 0."""
        ...

    def place(self, ordinal: int) -> int:
        """Return where a row stands that `chunks` has yielded: its sequence in the journal, or its line."""
        ...

    def refusal(self, ordinal: int, problem: str) -> PointsmanError:
        """Return the error that says what is wrong with a row."""
        ...


def look(track: Track, ordinal: int, row: bytes) -> Glance:
    """Return the parts of a row of a track.

    Raises:
        PointsmanError: if it is no row, or one of another run; says where it stands.
    """
    try:
        seen = glance(row)
    except ValueError as error:
        raise track.refusal(ordinal, f"it is no row of a journal: {error}") from None
    if seen.run != track.run.encode():
        raise track.refusal(ordinal, f"it is of run {seen.run.decode(errors='replace')!r}, not of {track.run!r}")
    return seen


class Again:
    """Looks again at rows of a track: one by one if there are few, or along the track if there are many, in order."""

    def __init__(self, track: Track, many: int) -> None:
        self._track, self._along = track, many > MANY
        self._chunks: Iterator[list[bytes]] = iter(())
        self._chunk: list[bytes] = []
        self._begin = -1

    def look(self, at: int) -> Glance:
        """Return a row; one that stands before the last is not found along the track."""
        if not self._along or 0 <= at < self._begin:
            return look(self._track, at, self._track.row(at))
        if self._begin < 0:
            self._chunks, self._begin = self._track.chunks(), 0
        while at >= self._begin + len(self._chunk):
            self._begin += len(self._chunk)
            self._chunk = next(self._chunks)
        return look(self._track, at, self._chunk[at - self._begin])


class JournalTrack:
    """A run in a journal file.

    Most of its rows stand one after the other, so of their sequence numbers only those are kept that begin anew.

    Attributes:
        reader: of the file.
    """

    def __init__(self, reader: JournalReader, run: str) -> None:
        self.name = self.run = run
        self.reader, self._seen = reader, 0
        self._ordinals, self._sequences = array("q"), array("q")

    def chunks(self, begin: int = 0) -> Iterator[list[bytes]]:
        """Yield all rows, `CHUNK` at a time; or those from one on, counted from 0, before which all were yielded."""
        after = self.place(begin - 1) if begin else 0
        for chunk in self.reader.stored(run=self.run, but=TASK_JUDGED, size=CHUNK, after=after):
            first, last = chunk[0][0], chunk[-1][0]
            if last - first < len(chunk):
                self.pass_by(begin, first, len(chunk))
            else:
                for at, (sequence, _) in enumerate(chunk, start=begin):
                    self.pass_by(at, sequence, 1)
            begin += len(chunk)
            yield [row for _, row in chunk]

    def pass_by(self, begin: int, sequence: int, count: int) -> None:
        """Count rows as yielded, from one on, that stand one after the other; those that were, stay as they are."""
        new = begin + count - self._seen
        if new <= 0:
            return
        sequence += count - new
        if not self._seen or self.place(self._seen) != sequence:
            self._ordinals.append(self._seen)
            self._sequences.append(sequence)
        self._seen += new

    def row(self, ordinal: int) -> bytes:
        """Return a row that `chunks` has yielded, counted from 0."""
        return self.reader.stored_at(self.place(ordinal))

    def place(self, ordinal: int) -> int:
        """Return the sequence number of a row that `chunks` has yielded."""
        at = bisect_right(self._ordinals, ordinal) - 1
        return self._sequences[at] + ordinal - self._ordinals[at]

    def refusal(self, ordinal: int, problem: str) -> PointsmanError:
        """Return the error that says what is wrong with a row."""
        return JournalError(f"{self.reader.path}: row {self.place(ordinal)}: {problem}; run `pointsman journal verify`")


class FileTrack:
    """A run in a file of JSON Lines, as `pointsman journal export` writes it. The file is read, never kept."""

    def __init__(self, path: Path) -> None:
        """Look at the first row.

        Raises:
            DocumentError: if the file cannot be read, is empty, or its first line is no row.
        """
        self.name, self.run, self._path = str(path), "", path
        self._offsets, self._lines = array("q"), array("q")
        try:
            with path.open("rb") as file:
                first = file.readline(MAX_ROW)
        except OSError as error:
            raise DocumentError(path, 0, 0, f"it cannot be read: {error.strerror}", "check the path") from None
        if not first.strip():
            raise DocumentError(path, 0, 0, "its first line is empty", _HINT)
        try:
            self.run = glance(first.rstrip(b"\r\n")).run.decode()
        except ValueError as error:
            raise DocumentError(path, 1, 1, f"it is no row of a journal: {error}", _HINT) from None

    def chunks(self) -> Iterator[list[bytes]]:
        """Yield all rows, `CHUNK` at a time."""
        waiting: list[bytes] = []
        for lines in self._read():
            waiting += lines
            whole = len(waiting) - len(waiting) % CHUNK
            yield from (waiting[begin : begin + CHUNK] for begin in range(0, whole, CHUNK))
            del waiting[:whole]
        if waiting:
            yield waiting

    def _read(self) -> Iterator[list[bytes]]:
        rest, offset, number, known = b"", 0, 0, self._lines[-1] if self._lines else 0
        with self._path.open("rb") as file:
            while block := file.read(_BLOCK):
                text = rest + block
                lines, odd = text.split(b"\n"), b"\r" in text or _SAID in text
                rest = lines.pop()
                if len(rest) > MAX_ROW:
                    raise DocumentError(self._path, number + len(lines) + 1, 1, f"longer than {MAX_ROW} bytes", _HINT)
                yield self._kept(lines, offset, number, known, odd=odd)
                offset, number = offset + sum(map(len, lines)) + len(lines), number + len(lines)
        if rest:
            yield self._kept([rest], offset, number, known, odd=True)

    def _kept(self, lines: list[bytes], offset: int, number: int, known: int, *, odd: bool) -> list[bytes]:
        """Return the rows among these lines, and remember where each begins: newlines left out, as many as lines."""
        begins = list(accumulate(map(len, lines), initial=offset - number))
        kept: Sequence[int] = range(len(lines))
        rows = lines
        if odd or b"" in lines:
            plain = [line.rstrip(b"\r") for line in lines]
            kept = [at for at, line in enumerate(plain) if line and not line.endswith(_SAID)]
            rows = [plain[at] for at in kept]
        if number >= known:  # else they were yielded before
            del begins[len(lines) :]
            self._offsets.extend(begins if rows is lines else [begins[at] for at in kept])
            self._lines.extend(
                range(number + 1, number + 1 + len(lines)) if rows is lines else [number + at + 1 for at in kept]
            )
        return rows

    def row(self, ordinal: int) -> bytes:
        """Return a row that `chunks` has yielded, counted from 0."""
        with self._path.open("rb") as file:
            file.seek(self._offsets[ordinal] + self._lines[ordinal] - 1)
            return file.readline(MAX_ROW).rstrip(b"\r\n")

    def place(self, ordinal: int) -> int:
        """Return the line of a row that `chunks` has yielded."""
        return self._lines[ordinal]

    def refusal(self, ordinal: int, problem: str) -> PointsmanError:
        """Return the error that says what is wrong with a row."""
        return DocumentError(self._path, self.place(ordinal), 1, problem, _HINT)


class MemoryTrack:
    """A run whose rows are at hand: those of a `MemoryJournal`, or what its `export` returns."""

    def __init__(self, rows: Iterable[Row] | bytes, name: str = "") -> None:
        """Keep the rows.

        Args:
            rows: of one run; or JSON Lines.
            name: what they are called where they are shown; that of the run if it is empty.

        Raises:
            JournalError: if the first of them is no row.
        """
        texts = rows.splitlines() if isinstance(rows, bytes) else [row.canonical for row in rows]
        numbered = [(number, text) for number, text in enumerate(texts, start=1) if not text.endswith(_SAID)]
        self._rows = [text for _, text in numbered]
        self._places = [number for number, _ in numbered]
        self.run, self.name = "", name
        if self._rows:
            try:
                self.run = glance(self._rows[0]).run.decode()
            except ValueError as error:
                raise self.refusal(0, f"it is no row of a journal: {error}") from None
        self.name = name or self.run

    def chunks(self) -> Iterator[list[bytes]]:
        """Yield all rows, `CHUNK` at a time."""
        for begin in range(0, len(self._rows), CHUNK):
            yield self._rows[begin : begin + CHUNK]

    def row(self, ordinal: int) -> bytes:
        """Return a row, counted from 0."""
        return self._rows[ordinal]

    def place(self, ordinal: int) -> int:
        """Return which row it is, counted from 1."""
        return self._places[ordinal]

    def refusal(self, ordinal: int, problem: str) -> PointsmanError:
        """Return the error that says what is wrong with a row."""
        return JournalError(f"row {self.place(ordinal)} of {self.name!r}: {problem}")
