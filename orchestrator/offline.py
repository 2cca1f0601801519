"""Offline: no connection to any network while the block runs, whoever tries."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn

from orchestrator.http_errors import OfflineError
from orchestrator.own_line import own_line

#: What leads out of the machine, or to another process of it, or lets one in.
_WAYS: Final = ("connect", "connect_ex", "sendto", "sendmsg", "bind")


@contextmanager
def offline() -> Iterator[None]:
    """Refuse every connection, and every look for an address, of this process.

    Raises:
        OfflineError: out of whatever tries, so that its agent fails and says where it wanted to.
    """
    asking = socket.getaddrinfo
    for way in _WAYS:
        setattr(socket.socket, way, _refuse)  # above those of its base, which come back when these go
    socket.getaddrinfo = _refuse_name
    try:
        yield
    finally:
        socket.getaddrinfo = asking
        for way in _WAYS:
            delattr(socket.socket, way)


def is_offline() -> bool:
    """Return whether this process is cut off, so that those that it starts are, too."""
    return socket.getaddrinfo is _refuse_name


def _refuse(_socket: socket.socket, *arguments: Any) -> NoReturn:
    raise OfflineError(_shown(arguments[-1] if arguments else "a socket"), _line())


def _refuse_name(host: Any, port: Any = None, *_: Any, **__: Any) -> NoReturn:
    raise OfflineError(_shown((host, port)), _line())


#: The code that refuses, for whoever listens.
REFUSING: Final = frozenset((_refuse.__code__, _refuse_name.__code__))


def _line() -> str:
    return str(own_line(sys._getframe(2)) or "")  # noqa: SLF001 - the one way to who called


def _shown(address: Any) -> str:
    if isinstance(address, tuple):
        return ":".join(str(part) for part in address[:2])
    return str(address)[:200]
