"""Logbook: what is logged in one run of a scenario: our line for each decision, and what agents log themselves."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from orchestrator.clock import VirtualClock
from orchestrator.logs import make_logger

if TYPE_CHECKING:
    import structlog

_MOST: Final = 100_000


class Logbook(logging.Handler):
    """Keeps lines, the last 100,000 at most; levels of loggers stay as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        self._decisions = io.StringIO()
        self._said: list[str] = []

    def logger(self, clock: VirtualClock) -> structlog.typing.FilteringBoundLogger | None:
        """Return a logger for the decisions of a run."""
        return make_logger("json", self._decisions, now=clock.now)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line of somebody else's, with its traceback if it has one."""
        self._said += self.format(record).splitlines()
        del self._said[:-_MOST]

    @property
    def lines(self) -> tuple[str, ...]:
        """What was logged."""
        return (*self._decisions.getvalue().splitlines(), *self._said)

    @contextmanager
    def open(self) -> Iterator[None]:
        """Hear what is logged in the block."""
        logging.getLogger().addHandler(self)
        try:
            yield
        finally:
            logging.getLogger().removeHandler(self)
