"""Frames: JSON values on a socket between two processes, each with its length before it."""

from __future__ import annotations

import socket
import struct
from typing import Any, Final

import orjson

_LENGTH: Final = struct.Struct(">Q")
LENGTH_BYTES: Final = _LENGTH.size


def pack(value: Any) -> bytes:
    """Return a JSON value as a frame.

    Raises:
        TypeError: if it is no JSON.
    """
    body = orjson.dumps(value)
    return _LENGTH.pack(len(body)) + body


def length_of(head: bytes | bytearray) -> int:
    """Return how many bytes follow the `LENGTH_BYTES` bytes of `head`."""
    length: int = _LENGTH.unpack(head)[0]
    return length


def read_frame(channel: socket.socket) -> Any:
    """Wait for one frame and return its value.

    Raises:
        EOFError: if the other side is gone.
    """
    return orjson.loads(_read(channel, length_of(_read(channel, LENGTH_BYTES))))


def _read(channel: socket.socket, count: int) -> bytearray:
    got = bytearray()
    while len(got) < count:
        part = channel.recv(min(count - len(got), 1 << 20))
        if not part:
            raise EOFError
        got += part
    return got
