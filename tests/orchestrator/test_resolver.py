"""The resolver."""

import asyncio
import socket
import threading
from typing import Any

import pytest

from orchestrator.resolver import Resolver


def test_a_name_has_addresses_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the system's order."""
    rows = [(socket.AF_INET, 1, 6, "", (address, 80)) for address in ("192.0.2.2", "192.0.2.1", "192.0.2.2")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows)

    async def main() -> tuple[str, ...]:
        resolver = Resolver()
        try:
            return await resolver("a.example", 80)
        finally:
            resolver.close()
            resolver.close()

    assert asyncio.run(main()) == ("192.0.2.2", "192.0.2.1")


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".example", "\udcff"])
def test_what_cannot_be_looked_up_is_an_oserror(host: str) -> None:
    """Whatever the codec of names says."""

    async def main() -> None:
        resolver = Resolver()
        with pytest.raises(OSError):  # noqa: PT011 - the system's own words
            await resolver(host, 80)
        resolver.close()

    asyncio.run(main())


def test_a_name_server_that_hangs_holds_up_neither_handlers_nor_the_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a hundred cancelled look-ups four hold a thread, the others were never begun; `to_thread` stays free."""
    hangs, begun = threading.Event(), list[str]()

    def look_up(host: str, *_: Any, **__: Any) -> list[Any]:
        begun.append(host)
        hangs.wait(60)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    async def main() -> None:
        resolver = Resolver()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(resolver(f"h{number}", 80)) for number in range(100)]
            await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
        assert await asyncio.to_thread(lambda: "free") == "free"
        hangs.set()
        threads = resolver._threads
        resolver.close()
        assert threads is not None
        threads.shutdown(wait=True)
        assert len(begun) <= 4
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("pointsman resolver")]

    asyncio.run(main())
