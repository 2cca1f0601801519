import asyncio
import socket

import pytest

from orchestrator.http_errors import OfflineError
from orchestrator.offline import is_offline, offline


async def test_nobody_gets_out_of_a_block_that_is_offline() -> None:
    """Neither by address nor by name, neither through asyncio nor beside it; the error says where to."""
    loop = asyncio.get_running_loop()
    with offline(), socket.socket() as one, socket.socket(type=socket.SOCK_DGRAM) as other:
        assert is_offline()
        with pytest.raises(OfflineError, match=r"10\.0\.0\.1:80"):
            one.connect(("10.0.0.1", 80))
        with pytest.raises(OfflineError, match=r"example\.invalid:443"):
            socket.create_connection(("example.invalid", 443))
        one.setblocking(False)  # noqa: FBT003 - that is its signature
        with pytest.raises(OfflineError, match=r"127\.0\.0\.1:9"):
            await loop.sock_connect(one, ("127.0.0.1", 9))
        with pytest.raises(OfflineError):
            other.sendto(b"x", ("127.0.0.1", 9))


def test_after_the_block_everything_is_as_before() -> None:
    """Even if it was left by an error."""
    before = socket.getaddrinfo, socket.socket.connect
    with pytest.raises(KeyError), offline():
        raise KeyError
    assert (socket.getaddrinfo, socket.socket.connect) == before
    assert "connect" not in vars(socket.socket)
    assert not is_offline()
