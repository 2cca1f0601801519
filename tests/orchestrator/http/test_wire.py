import asyncio

import pytest

from orchestrator.http import HttpClient, HttpPolicy
from orchestrator.http.wire import Wire
from orchestrator.http_errors import HttpTransportError
from orchestrator.policy import Retry
from tests.orchestrator.http.loopback import loopback, until

ONCE = HttpPolicy(timeout_s=30, retry=Retry(max_attempts=1))


async def test_a_connection_that_could_not_be_taken_over_is_dropped_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop tells its handler of a callback that fails, and goes on as if it had not: the socket would stay open."""
    told: list[BaseException | None] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context.get("exception")))

    def fail(_wire: Wire, _transport: asyncio.BaseTransport) -> None:
        raise MemoryError("no room")

    async with loopback() as server, HttpClient(allow=["127.0.0.1"], policy=ONCE) as client:
        monkeypatch.setattr(Wire, "connection_made", fail)
        with pytest.raises(HttpTransportError) as caught:
            await client.get(f"http://127.0.0.1:{server.port}/")
        await until(lambda: bool(server.transports) and server.transports[0].is_closing())
        monkeypatch.undo()
        assert (await client.get(f"http://127.0.0.1:{server.port}/")).status == 200
    assert caught.value.nothing_sent
    assert [str(error) for error in told] == ["no room"]
