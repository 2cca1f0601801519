"""A server on the loopback that says what a test makes it say, and counts who connects."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Say = Callable[[str], bytes | None]


def answer(body: bytes = b"{}", status: str = "200 OK", *headers: str) -> bytes:
    """Return an answer with its length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass
class Loopback:
    """What the server saw: `accepts` connections, the heads of the `requests`, and what `came` after them."""

    port: int = 0
    accepts: int = 0
    requests: list[str] = field(default_factory=list)
    came: bytes = b""
    transports: list[asyncio.Transport] = field(default_factory=list)


@asynccontextmanager
async def loopback(
    say: Say = lambda _: answer(), *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Loopback]:
    """Serve until the block ends. `say` gets a request's head; None says nothing and closes."""
    seen = Loopback()

    class Server(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            self.transport, self.buffer = transport, b""
            seen.accepts += 1
            seen.transports.append(transport)

        def data_received(self, data: bytes) -> None:
            self.buffer += data
            while b"\r\n\r\n" in self.buffer:
                head, _, rest = self.buffer.partition(b"\r\n\r\n")
                length = next((int(n[15:]) for n in head.lower().split(b"\r\n") if n.startswith(b"content-length:")), 0)
                if len(rest) < length:
                    return
                seen.came += rest[:length]
                self.buffer = rest[length:]
                seen.requests.append(head.decode())
                said = say(head.decode())
                if said is None:
                    self.transport.close()
                else:
                    self.transport.write(said)

    server = await asyncio.get_running_loop().create_server(Server, host, port, ssl=tls)
    seen.port = server.sockets[0].getsockname()[1]
    try:
        yield seen
    finally:
        server.close()
        for transport in seen.transports:
            transport.abort()
        await asyncio.sleep(0)


async def until(done: Callable[[], bool]) -> None:
    """Let the loop turn until something is so."""
    for _ in range(100_000):
        if done():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to be so")
