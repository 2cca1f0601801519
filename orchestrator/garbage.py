"""Garbage: its collection put off where a great many values are made that all stay."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collected_later() -> Iterator[None]:
    """Look for no cycles of garbage inside, in the whole process: short work, after which it goes on as before.

    Each ten thousand values that stay make the collector look at all of them again: a third of the time that a plan of
    a megabyte takes to be read. Where collecting was off, it stays off.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
