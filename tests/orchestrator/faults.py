"""Faults: raises at any call of any function of the orchestrator's components, and says what became of it."""

from __future__ import annotations

import asyncio
import functools
import gc
import importlib
import inspect
import os
import sys
import threading
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FunctionType, ModuleType
from typing import Any, Final, Literal

from orchestrator.clock import run_virtual

Moment = Literal["before", "after"]
Functions = dict[str, tuple[Any, str, FunctionType]]
Main = Callable[[list[str]], Coroutine[Any, Any, None]]
MOMENTS: Final[tuple[Moment, ...]] = ("before", "after")
A_DAY: Final = 86_400.0
#: Seconds after which a run in real time counts as hung.
A_WHILE: Final = 20.0
TEXT: Final = "injected fault"
#: Of a function that is called no more often, every call is tried.
FEW: Final = 3
#: Methods that Python calls by itself, with an await or a block.
HOOKS: Final = ("__aenter__", "__aexit__", "__aiter__", "__anext__", "__await__", "__call__", "__enter__", "__exit__")


class InjectedError(Exception):
    """Raised where a test wants something to fail that never does."""


@dataclass(frozen=True)
class Point:
    """One call: the `number`th of a function, from 1, and whether it fails before it does anything, or after.

    After it, of a function that gives back a coroutine, or the steps of an await, is after the last of these: until
    then nothing happened.
    """

    function: str
    number: int = 1
    moment: Moment = "before"


@dataclass
class Seen:
    """What became of a run with a fault in it."""

    raised: bool = False
    reports: list[str] = field(default_factory=list)
    hung: bool = False
    unheard: list[str] = field(default_factory=list)
    left_open: list[str] = field(default_factory=list)

    def wrong(self) -> str:
        """Return what is wrong: a hung run, an error that nobody retrieved or was told of, a connection left open."""
        if self.hung:
            return "the run hung"
        if self.unheard:
            return f"never retrieved: {self.unheard}"
        if self.raised and not any(TEXT in report for report in self.reports):
            return f"nobody was told; reports: {self.reports}"
        return f"left open: {self.left_open}" if self.left_open else ""


def functions_of(names: tuple[str, ...], but: tuple[str, ...] = ()) -> Functions:
    """Return all functions and methods of modules by name, each with its owner and its name there.

    Args:
        names: of the modules.
        but: beginnings of the names of functions to leave out, without `orchestrator.`.
    """
    found: Functions = {}
    for name in names:
        module = importlib.import_module(name)
        for owner in (module, *_classes(module)):
            for attribute, value in vars(owner).items():
                if isinstance(value, FunctionType) and value.__module__ == name and _can_fail(attribute):
                    found[f"{name.removeprefix('orchestrator.')}.{value.__qualname__}"] = owner, attribute, value
    return {name: it for name, it in found.items() if not name.startswith(but)}


def points(functions: Functions, calls: Counter[str], every: int) -> list[Point]:
    """Return where to inject: before and after the first and a middle call of every function, or each of a few calls.

    Args:
        functions: by name.
        calls: how often each is called in a run in which nothing is injected.
        every: of all points, take every so many-th; with FAULTS=all in the environment all.
    """
    found = [
        Point(name, number, moment)
        for name in sorted(functions)
        if calls[name]
        for number in ((1, (calls[name] + 1) // 2) if calls[name] > FEW else range(1, calls[name] + 1))
        for moment in MOMENTS
    ]
    return found if os.environ.get("FAULTS") == "all" else found[::every]


def wrong_at(
    functions: Functions, main: Main, every: int, *, virtual: bool = True, callbacks: tuple[str, ...] = ()
) -> dict[Point, str]:
    """Play a scenario once as it is, then once for each point with a fault there; return where that went wrong.

    Args:
        functions: where to inject, by name.
        main: the scenario.
        every: of all points, every so many-th is tried; see `points`.
        virtual: whether it plays in virtual time.
        callbacks: beginnings of the names of functions that the event loop alone calls. It tells its own handler what
            they raise, as nobody else could: that is the report.
    """
    gc.collect()
    gc.freeze()  # what is here already is looked through after each of hundreds of runs
    try:
        with counted(functions, None) as calls:
            assert not run_with(main, calls, virtual=virtual).wrong()
        found = {}
        for point in points(functions, calls, every):
            with counted(functions, point) as seen:
                heard = point.function.startswith(callbacks) if callbacks else False
                wrong = run_with(main, seen, virtual=virtual, heard=heard).wrong()
            if virtual and not seen["injected"] and point.moment == "before":  # one that is cancelled has no after
                wrong = "the run did not come to it, although the one before it did"
            if wrong:
                found[point] = wrong
        return found
    finally:
        gc.unfreeze()


def _classes(module: ModuleType) -> Iterator[type]:
    for value in vars(module).values():
        if inspect.isclass(value) and value.__module__ == module.__name__ and not issubclass(value, BaseException):
            yield value


def _can_fail(name: str) -> bool:
    return not name.startswith("__") or name in HOOKS


@contextmanager
def counted(functions: Functions, fault: Point | None) -> Iterator[Counter[str]]:
    """Count the calls of functions; the one that `fault` names raises."""
    calls: Counter[str] = Counter()
    undo: list[tuple[Any, str, Any]] = []
    for name, (owner, attribute, function) in functions.items():
        wrapped = _wrapped(name, function, calls, fault)
        for place in (owner, *_importers(attribute, function)) if inspect.ismodule(owner) else (owner,):
            undo.append((place, attribute, function))
            setattr(place, attribute, wrapped)
    try:
        yield calls
    finally:
        for place, attribute, function in undo:
            setattr(place, attribute, function)


@functools.cache
def _importers(attribute: str, function: FunctionType) -> list[ModuleType]:
    return [
        module
        for name, module in list(sys.modules.items())
        if name.startswith(("orchestrator", "tests.orchestrator")) and vars(module).get(attribute) is function
    ]


def _wrapped(name: str, function: FunctionType, calls: Counter[str], fault: Point | None) -> Callable[..., Any]:
    def is_now(moment: Moment) -> bool:
        return fault is not None and (fault.function, fault.number, fault.moment) == (name, calls[name], moment)

    def check(moment: Moment) -> None:
        if is_now(moment):
            calls["injected"] += 1
            raise InjectedError(TEXT)

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def run_async(*args: Any, **kwargs: Any) -> Any:
            calls[name] += 1
            check("before")
            mine = is_now("after")
            result = await function(*args, **kwargs)
            if mine:
                calls["injected"] += 1
                raise InjectedError(TEXT)
            return result

        return run_async

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        calls[name] += 1
        check("before")
        mine = is_now("after")
        result = function(*args, **kwargs)
        return _failing_after(function, result, calls) if mine else result

    return run


def _failing_after(function: FunctionType, result: Any, calls: Counter[str]) -> Any:
    if inspect.iscoroutine(result):
        return _awaited_then_failing(result, calls)
    if function.__name__ == "__await__":
        return _stepping_then_failing(result, calls)
    calls["injected"] += 1
    raise InjectedError(TEXT)


async def _awaited_then_failing(coroutine: Coroutine[Any, Any, Any], calls: Counter[str]) -> None:
    await coroutine
    calls["injected"] += 1
    raise InjectedError(TEXT)


def _stepping_then_failing(steps: Generator[Any, None, None], calls: Counter[str]) -> Generator[Any, None, None]:
    yield from steps
    calls["injected"] += 1
    raise InjectedError(TEXT)


def run_with(
    main: Main, calls: Counter[str], *, virtual: bool = True, heard: bool = False, within_s: float = A_WHILE
) -> Seen:
    """Play a scenario, for a day of virtual time or so many real seconds at most, and return what became of it.

    `main` gets a list, to which it adds all that it was told; an error that it raises counts as well. With `heard` an
    injected error that the loop's handler is told of counts, too; and no connection may be left open.
    """
    seen = Seen()

    def hear(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        told = seen.reports if heard and isinstance(context.get("exception"), InjectedError) else seen.unheard
        told.append(_told(context))

    async def limited() -> None:
        asyncio.get_running_loop().set_exception_handler(hear)
        limit = asyncio.timeout(A_DAY if virtual else within_s)
        try:
            async with limit:
                await main(seen.reports)
        except TimeoutError:
            if not limit.expired():
                raise
            seen.hung = True

    with _listening_to_threads(seen.unheard), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            (run_virtual if virtual else asyncio.run)(limited())
        except Exception as error:  # noqa: BLE001 - whatever comes out of a run is a report
            seen.reports.append("".join(traceback.format_exception(error)))
        gc.collect()
    seen.unheard += [str(warning.message) for warning in caught if "never" in str(warning.message)]
    if heard:
        seen.left_open += [str(warning.message) for warning in caught if "unclosed" in str(warning.message)]
    seen.raised = bool(calls["injected"])
    return seen


@contextmanager
def _listening_to_threads(unheard: list[str]) -> Iterator[None]:
    real = threading.excepthook
    threading.excepthook = lambda args: unheard.append(f"thread {args.thread} ended by {args.exc_value!r}")
    try:
        yield
    finally:
        threading.excepthook = real


def _told(context: dict[str, Any]) -> str:
    error = context.get("exception")
    return f"{context} {''.join(traceback.format_exception(error)) if error else ''}"
