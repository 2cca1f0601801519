"""The mailbox of a run that is recorded: what people say to its questions from other processes, until it takes it.

Only the process that records a run writes its rows, each at a moment of the run; so what is said elsewhere waits here.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import Final, Self

import orjson
from pydantic import ConfigDict, TypeAdapter, ValidationError

from orchestrator.errors import AnswerError
from orchestrator.inbox import Reply
from orchestrator.journal.process import Process, this_process
from orchestrator.messages import Envelope
from scenarios.errors import RecordingError

_SUFFIX: Final = ".answers"
_OWNER: Final = "owner.json"
_ANSWER: Final = TypeAdapter(Reply, config=ConfigDict(strict=True))


class Mailbox:
    """A folder with one file for each answer; a context manager that makes it and takes it away."""

    def __init__(self, cassettes: Path, run: str, *, every_s: float) -> None:
        """Prepare; `cassettes` is the folder of recorded runs, which is looked at every `every_s` seconds."""
        self._folder, self._every_s = _folder_of(cassettes, run), every_s

    def __enter__(self) -> Self:
        """Make it.

        Raises:
            RecordingError: if it cannot be made.
        """
        try:
            self._folder.mkdir(parents=True)
            (self._folder / _OWNER).write_text(this_process(0.0).to_text(), encoding="utf-8")
        except OSError as error:
            raise RecordingError(
                f"{self._folder}: cannot be made: {error.strerror}; record under another run"
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        """Take it away, with all that nobody waits for any more."""
        shutil.rmtree(self._folder, ignore_errors=True)

    async def take(self, asked: Envelope) -> Reply:
        """Return what somebody says to a question, once it is here. It stays until the end: the first one counts.

        Raises:
            RecordingError: if it is no answer.
        """
        path = _letter(self._folder, asked.id)
        while not path.exists():  # noqa: ASYNC110 - another process puts it there
            await asyncio.sleep(self._every_s)
        try:
            return _ANSWER.validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise RecordingError(f"{path}: it is no answer: {error}; use `pointsman answer`") from error


def deliver(cassettes: Path, run: str, task: str, asked: str, reply: Reply) -> bool:
    """Give an answer to the process that records a run; return False where none does.

    Args:
        cassettes: the folder of recorded runs.
        run: its id.
        task: whose question it is.
        asked: id of the envelope with the question.
        reply: what is said; checked before.

    Raises:
        AnswerError: if somebody has answered already.
    """
    folder = _folder_of(cassettes, run)
    if not _is_looked_at(folder):
        return False
    path = _letter(folder, asked)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.write_bytes(orjson.dumps(reply._asdict()))
        path.hardlink_to(part)  # whole, and only if there is none
    except FileExistsError:
        raise AnswerError(task, "somebody answered already; the first answer counts") from None
    except FileNotFoundError:  # the run has ended
        return False
    finally:
        part.unlink(missing_ok=True)
    return True


def _folder_of(cassettes: Path, run: str) -> Path:
    return cassettes / f"{run}{_SUFFIX}"


def _letter(folder: Path, asked: str) -> Path:
    return folder / f"{asked}.json"


def _is_looked_at(folder: Path) -> bool:
    try:
        owner = (folder / _OWNER).read_text(encoding="utf-8")
    except OSError:
        return False
    return not Process.from_text(owner).is_known_to_be_gone()
