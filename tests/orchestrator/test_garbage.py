"""Garbage: collected later, and no later than before where nobody collects."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest

from orchestrator.garbage import collected_later


@pytest.fixture(autouse=True)
def _on_again() -> Iterator[None]:
    yield
    gc.enable()


def test_it_is_off_inside_and_on_again_afterwards() -> None:
    """After an error too."""
    with pytest.raises(KeyError):
        _look(inside=collected_later())
    assert gc.isenabled()


def _look(inside: AbstractContextManager[None]) -> None:
    with inside:
        assert not gc.isenabled()
        raise KeyError


def test_what_was_off_stays_off() -> None:
    """One inside the other, and where the program itself has turned it off."""
    gc.disable()
    with collected_later(), collected_later():
        assert not gc.isenabled()
    assert not gc.isenabled()
