"""The letterbox: where threads of handlers wait for what the event loop does for them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, Final

#: Seconds after which a thread that waits looks whether there is still a loop to wait for.
_LOOKS_EVERY_S: Final = 10.0


class Letterbox:
    """Threads post here what they want, and wait until it is done, however long that takes.

    A slow disk is waited for as an `await` would wait for it. Nobody waits for what does not come: whoever waits when
    it is closed is refused, so is whoever comes later or finds the loop gone. What waits is bounded by the threads that
    handlers have: each waits for one thing at a time.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._waiting: dict[Future[Any], BaseException] = {}
        self._closed = False

    def post(self, take: Callable[[Future[Any]], object], refusal: BaseException) -> Any:
        """Have the loop take something on that fills a future, and return or raise what that is filled with.

        Called in a thread. Where it cannot be, `refusal` is raised.
        """
        answer: Future[Any] = Future()
        with self._lock:
            if self._closed:
                raise refusal
            self._waiting[answer] = refusal
        try:
            self._tell(take, answer, refusal)
            while not wait((answer,), _LOOKS_EVERY_S).done:
                if self._loop.is_closed():
                    raise refusal
            return answer.result()
        finally:
            with self._lock:
                del self._waiting[answer]

    def refuse(self, answer: Future[Any]) -> None:
        """Refuse what is not answered yet; called in the loop."""
        with self._lock:
            refusal = self._waiting.get(answer)
        if refusal is not None and not answer.done():
            answer.set_exception(refusal)

    def close(self) -> None:
        """Let nobody wait here any longer; called in the loop."""
        with self._lock:
            self._closed, waiting = True, tuple(self._waiting)
        for answer in waiting:
            self.refuse(answer)

    def _tell(self, take: Callable[[Future[Any]], object], answer: Future[Any], refusal: BaseException) -> None:
        try:
            self._loop.call_soon_threadsafe(take, answer)
        except RuntimeError:  # the loop is closed
            raise refusal from None
