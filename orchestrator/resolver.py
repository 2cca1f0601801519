"""The resolver: names to addresses in threads of its own, so that a name server that hangs holds up nobody else."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Final

_THREADS: Final = 4


class Resolver:
    """Asks the system's resolver, four names at a time.

    Not `asyncio.to_thread`: its threads are those of every plain-`def` handler, and a cancelled look-up goes on in its
    thread until the system gives up. A look-up that finds the four threads busy waits; one that is cancelled while it
    waits is never begun.
    """

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None

    async def __call__(self, host: str, port: int) -> tuple[str, ...]:
        """Return the addresses of a name, each once, in the system's order.

        Raises:
            OSError: if it has none or nobody can say.
        """
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="pointsman resolver")
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _look_up, host, port)
        return tuple(dict.fromkeys(found))

    def close(self) -> None:
        """Let the threads end when their look-ups do; begin none of those that wait."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None


def _look_up(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # the idna codec's word for a label that is empty or too long
        raise OSError(f"name {host!r} cannot be looked up") from error
    return [str(address[0]) for *_, address in found]
