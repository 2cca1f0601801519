import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from benchmarks.http_cancellations import serving
from orchestrator.context import TaskContext
from orchestrator.http import HttpClient, HttpPolicy
from orchestrator.journal import MemoryJournal
from orchestrator.messages import Task
from orchestrator.orchestrator import Orchestrator
from orchestrator.policy import Policy, Retry
from orchestrator.settings import Settings
from orchestrator.testing import FixedRouter, ScriptedAgent
from tests.orchestrator.faults import counted, functions_of, run_with, wrong_at

COMPONENTS: Final = (
    "orchestrator.addresses",
    "orchestrator.http.answer",
    "orchestrator.http.client",
    "orchestrator.http.connection",
    "orchestrator.http.meter",
    "orchestrator.http.policy",
    "orchestrator.http.pool",
    "orchestrator.http.requests",
    "orchestrator.http.retrying",
    "orchestrator.http.transport",
    "orchestrator.http.wire",
    "orchestrator.resolver",
)
#: Of all points, every so many-th is tried in `make test`; `make faults` tries all.
SOME: Final = 53
#: What the event loop alone calls, and what these call. It tells its own handler of what they raise, for nobody else
#: could be told; the connection is dropped, or the request's time limit ends what waits for it.
CALLBACKS: Final = (
    "http.wire.Wire._end",
    "http.wire.Wire.connection_",
    "http.wire.Wire.data_received",
    "http.wire.Wire.eof_received",
    "http.wire.Wire.pause_writing",
    "http.wire.Wire.resume_writing",
    "http.wire._wake",
)
FUNCTIONS: Final = functions_of(COMPONENTS)
POLICY: Final = Policy(timeout_s=2, retry=Retry(max_attempts=3, backoff_s=0.01, jitter=0))
HTTP: Final = HttpPolicy(timeout_s=0.5, retry=Retry(max_attempts=2, backoff_s=0.001, jitter=0))
#: More than the buffers on the way take at once: whoever writes has to wait.
LARGE: Final = bytes(8_000_000)
#: The sink does not read before so many seconds have passed: a quick one would leave no writer waiting.
SLOW_S: Final = 0.01


class Sink(asyncio.Protocol):
    """Takes one request with `LARGE`, and answers when it has all of it."""

    def __init__(self) -> None:
        self._left = len(LARGE)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        transport.pause_reading()
        asyncio.get_running_loop().call_later(SLOW_S, transport.resume_reading)

    def data_received(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left <= 0:
            self._transport.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
            self._transport.close()


@asynccontextmanager
async def sink() -> AsyncIterator[str]:
    """Take large bodies on a free port of the loopback; yields the URL."""
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
    try:
        yield f"http://localhost:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def scenario(told: list[str]) -> None:
    """Ask servers for parts, for another answer on the same connection, for one that closes; send much to another."""
    journal = MemoryJournal("r")
    try:
        async with sink() as large, serving() as small, HttpClient(allow=["localhost"], policy=HTTP) as client:

            async def fetch(_task: Task, _context: TaskContext) -> list[int]:
                url = small.replace("127.0.0.1", "localhost")
                got = [(await client.get(url + path)).status for path in ("/parts", "/", "/close")]
                return [*got, (await client.request("PUT", large, body=LARGE)).status]

            settings, agents = Settings(log_format="off"), [ScriptedAgent("fetcher", [fetch], policy=POLICY)]
            async with Orchestrator(settings, agents=agents, router=FixedRouter(), journal=journal, run="r") as o:
                result = await (await o.submit("fetcher")).result()
                client.statistics()
            told.append(f"{result.status} {result.output} {result.error}")
    finally:
        told += [str(row.envelope.body) for row in journal.rows]


def test_every_callback_of_a_connection_is_called() -> None:
    """So that there is something to inject into: the peer is slow to take, and says that it will send no more."""
    with counted(FUNCTIONS, None) as calls:
        seen = run_with(scenario, calls, virtual=False)
    assert seen.reports[0] == "completed [200, 200, 200, 204] "
    assert not [name for name in FUNCTIONS if name.startswith(CALLBACKS) and not calls[name]]


def test_every_fault_in_asking_servers_is_reported() -> None:
    """Also one in what only the event loop calls: the request ends, by its time limit at the latest."""
    assert not wrong_at(FUNCTIONS, scenario, SOME, virtual=False, callbacks=CALLBACKS)
