"""The tape: answers what handlers read from outside, from a cassette or from the world, whose answers it keeps."""

from __future__ import annotations

import asyncio
import inspect
from collections import Counter
from collections.abc import Callable, Iterable
from contextvars import copy_context
from copy import deepcopy
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Final, Self

from orchestrator.clock import Clock
from orchestrator.errors import unwrapped
from orchestrator.fault import keep, revive
from orchestrator.foreign import as_json
from orchestrator.outside import CURRENT, READING, Outside, Read
from orchestrator.paced_loop import PacedLoop
from scenarios.cassette import Cassette, Recording, RecordMode, digest_of
from scenarios.errors import CassetteError
from scenarios.shelf import ExactShelf, Shelf

#: Takes out of a plain value what nobody may read. The same value becomes the same one; what was taken out stays so.
Redact = Callable[[Any], Any]
Sink = Callable[[Recording], None]


def as_it_is(value: Any) -> Any:
    """Return a value: nothing is taken out."""
    return value


_HINT: Final = "record it again, or record what is new with the record mode `new`"


@dataclass(frozen=True, slots=True)
class Miss:
    """A read that the cassette does not hold.

    Attributes:
        task, call, source, request: of the read.
        nearest: what was recorded and is most like it; None where nothing of the source was.
    """

    task: str
    call: int
    source: str
    request: Any
    nearest: Recording | None


class Tape:
    """Answers the reads of one run; an async context manager that owns the calls that are on their way.

    Attributes:
        redact: what is written, looked for and replayed has gone through it.
        misses: reads that were refused, in order.
        made: what was recorded in this run, in the order of its releases.
        asked: how often the world was asked.
    """

    def __init__(
        self,
        cassette: Cassette,
        mode: RecordMode,
        *,
        redact: Redact = as_it_is,
        sink: Sink = lambda _recording: None,
        gate: asyncio.Event | None = None,
        keep_played: bool = False,
        passes_by: Callable[[Recording], bool] = lambda _recording: False,
        shelve: Callable[[Iterable[Recording]], Shelf] = ExactShelf,
    ) -> None:
        """Prepare.

        Args:
            cassette: what is recorded so far.
            mode: `none` asks nobody, `new` asks the world for what is not recorded, `all` for everything; `once` is
                one of the first two for whoever knows whether there was a cassette.
            redact: what is written, looked for and replayed has gone through it.
            sink: hears of each recording, before the handler has its answer.
            gate: nobody is asked before it is set; what is read meanwhile waits for it.
            keep_played: whether what is played is recorded again, too.
            passes_by: whether a recording that fits is not to be played after all.
            shelve: keeps what is to be played, and finds it.
        """
        self._lives, self.redact, self._sink = mode != "none", redact, sink
        self._gate, self._keeps_played, self._passes_by = gate, keep_played, passes_by
        self._shelf = shelve(cassette.recordings if mode != "all" else ())
        self._calls: Counter[str] = Counter()
        self._group: asyncio.TaskGroup
        self.misses: list[Miss] = []
        self.made: list[Recording] = []
        self.asked = 0

    async def __aenter__(self) -> Self:
        """Begin; again, after an end, with what is left."""
        self._group = asyncio.TaskGroup()
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Wait until nothing is on its way any more."""
        with unwrapped():
            await self._group.__aexit__(kind, error, traceback)

    @property
    def unused(self) -> tuple[Recording, ...]:
        """What is recorded and was not read, in the order of the cassette."""
        return tuple(self._shelf.left())

    def holds(self, task: str, source: str) -> bool:
        """Return whether anything of a source is left to be played for a task."""
        return any((one.task, one.source) == (task, source) for one in self.unused)

    def of(self, task: str) -> Outside:
        """Return who answers the reads of a task."""
        return _TapeOfTask(self, task)

    async def answer(self, task: str, source: str, request: Any, function: Read) -> Any:
        """Answer one read, from the cassette if it is there."""
        self._calls[task] += 1
        source, plain = self.redact(source), self.redact(as_json(request))
        about = {"task": task, "call": self._calls[task], "source": source, "request": plain}
        about["digest"] = digest_of(source, plain)
        while (found := self._shelf.take(task, source, plain)) is not None and self._passes_by(found):
            pass
        if found is not None:
            return await self._play(found)
        if self._lives:
            self._shelf.hold()
            if self._gate is not None:
                await self._gate.wait()
            return await self._ask(about, function)
        near = self._nearest(task, source, about["call"])
        plain = plain if near is None else self._shelf.liken(plain, near.request)
        miss = Miss(task, about["call"], source, plain, near)
        self.misses.append(miss)
        raise CassetteError(task, source, describe(miss), _HINT)

    # -- inside ------------------------------------------------------------------------------------------------------

    async def _play(self, recording: Recording) -> Any:
        """Return or raise what was recorded, at its moment."""
        if self._keeps_played and recording.cut_off:
            self._keep(recording)
        await _moment_of(recording)
        if self._keeps_played:
            self._keep(recording)
        if recording.fault is not None:
            raise revive(recording.fault)
        return deepcopy(recording.answer)

    async def _ask(self, about: dict[str, Any], function: Read) -> Any:
        """Have the world answer, and wait for the moment of release."""
        loop = asyncio.get_running_loop()
        if not isinstance(loop, PacedLoop):
            raise CassetteError(about["task"], about["source"], "this run cannot ask the world", "record it instead")
        self.asked += 1
        call = _Call(loop, about, self._keep, self.redact)
        alone = copy_context()
        alone.run(CURRENT.set, None)  # whatever the function reads in its turn is part of this read
        alone.run(READING.set, True)  # noqa: FBT003 - that is its signature
        name = f"reads {about['source']} for {about['task']}"
        asking = self._group.create_task(call.ask(function), name=name, context=alone)
        try:
            return await call.answered
        except asyncio.CancelledError:
            if call.answered.cancelled():
                asking.cancel()
                self._keep(Recording(**about, at=loop.time(), cut_off=True))
            else:
                call.answered.exception()  # heard of: the cancellation goes before it
            raise

    def _keep(self, recording: Recording) -> None:
        self.made.append(recording)
        self._sink(recording)

    def _nearest(self, task: str, source: str, call: int) -> Recording | None:
        """Return what is left of the same source: of the same task first, and there of the same number."""
        like = [recording for recording in self.unused if recording.source == source]
        return min(like, key=lambda one: (one.task != task, abs(one.call - call)), default=None)


class _TapeOfTask:
    """The tape as one task sees it."""

    __slots__ = ("_tape", "_task")

    def __init__(self, tape: Tape, task: str) -> None:
        self._tape, self._task = tape, task

    async def read(self, source: str, request: Any, function: Read, clock: Clock) -> Any:  # noqa: ARG002 - the protocol's
        """Answer a read; see `TaskContext.read`."""
        return await self._tape.answer(self._task, source, request, function)


class _Call:
    """One call that is outside."""

    def __init__(
        self, loop: PacedLoop, about: dict[str, Any], hear: Callable[[Recording], None], redact: Redact
    ) -> None:
        self._loop, self._about, self._hear, self._redact = loop, about, hear, redact
        self.answered: asyncio.Future[Any] = loop.create_future()
        self._came: dict[str, Any] = {}
        self._error: Exception | None = None
        self._answer: Any = None

    async def ask(self, function: Read) -> None:
        """Call the function; what it returns or raises is released at a moment of its own."""
        self._loop.leave()
        release: Callable[[], object] | None = None
        try:
            self._answer = as_json(await _called(function))
            self._came = {"answer": self._redact(self._answer)}
            release = self._release
        except Exception as error:  # noqa: BLE001 - right: kept, and raised where the handler waits
            fault = keep(error)
            text, attributes = self._redact([fault.text, dict(fault.attributes)])
            self._came = {"fault": replace(fault, text=text, attributes=attributes)}
            self._error, release = error, self._release
        finally:
            self._loop.come_back(release)

    def _release(self) -> None:
        if self.answered.done():  # the handler was cut off
            return
        self._hear(Recording(**self._about, **self._came, at=self._loop.time()))
        if self._error is not None:
            self.answered.set_exception(self._error)
        else:
            self.answered.set_result(deepcopy(self._answer))


async def _called(function: Read) -> Any:
    """Call a function in the world: one that blocks in a thread of its own, whatever the clock of the run says."""
    if inspect.iscoroutinefunction(function):
        return await function()
    output = await asyncio.to_thread(function)
    return await output if inspect.isawaitable(output) else output


async def _moment_of(recording: Recording) -> None:
    """Wait until what was recorded is released; for ever, where its handler was cut off."""
    loop = asyncio.get_running_loop()
    released: asyncio.Future[None] = loop.create_future()
    if not recording.cut_off:
        loop.call_at(max(recording.at, loop.time()), _release, released)
    await released


def _release(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)


def describe(miss: Miss) -> str:
    """Say what is not recorded, and what is nearest to it."""
    asked = _shown(miss.request)
    if miss.nearest is None:
        return f"nothing of it is recorded (call {miss.call}, request {asked})"
    near = miss.nearest
    recorded = f"recorded: call {near.call} of {near.task!r}: {_shown(near.request)}"
    return f"not recorded: call {miss.call} asks {asked}; {recorded}"


def _shown(request: Any) -> str:
    text = repr(request)
    return text if len(text) <= 200 else f"{text[:200]}..."
