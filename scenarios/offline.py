"""Offline: no connection to any network while the block runs, whoever tries."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn
from unittest import mock

from scenarios.errors import OfflineError

#: What leads out of the machine, or to another process of it.
_WAYS: Final = ("connect", "connect_ex", "sendto", "sendmsg")


@contextmanager
def offline() -> Iterator[None]:
    """Refuse every connection, and every look for an address, of this process.

    Raises:
        OfflineError: out of whatever tries, so that its agent fails and says where it wanted to.
    """
    with mock.patch.multiple(socket.socket, **{way: _refuse for way in _WAYS}):  # type: ignore[arg-type] - any attribute
        with mock.patch.object(socket, "getaddrinfo", _refuse_name):
            yield


def _refuse(_socket: socket.socket, *arguments: Any) -> NoReturn:
    raise OfflineError(_shown(arguments[-1] if arguments else "a socket"))


def _refuse_name(host: Any, port: Any = None, *_: Any, **__: Any) -> NoReturn:
    raise OfflineError(_shown((host, port)))


def _shown(address: Any) -> str:
    if isinstance(address, tuple):
        return ":".join(str(part) for part in address[:2])
    return str(address)[:200]
