"""No connection is made to a blocked address: a listener on the loopback counts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final

import pytest

from orchestrator import AgentError, HttpClient, HttpError, HttpPolicy
from orchestrator.addresses import AddressGuard, Resolve
from orchestrator.http_errors import AddressBlockedError, HttpAnswerError, HttpRequestError
from orchestrator.policy import Retry
from tests.orchestrator.http.loopback import answer, loopback, until

ONCE: Final = HttpPolicy(retry=Retry(max_attempts=1), timeout_s=20)

# What leads to 127.0.0.1, ::1 or 0.0.0.0 (this host) with one resolver, parser or kernel or another.
DECIMAL: Final = (
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "127.1.",
    "127.255.255.254",
    "0.0.0.0",
    "0",
    "0.0",
    "0.",
)
NUMBERS: Final = ("2130706433", "2130706433.", "4294967296", "0x7f000001", "0X7F000001", "0x7f.1", "0x7f.0.0.1", "0x0")
OCTAL: Final = ("017700000001", "0177.0.0.1", "0177.1", "00", "127.0.0.01", "127.0.0x0.1", "0177.0x0.0.1")
MAPPED: Final = (
    *(
        "[::1]",
        "[::]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::ffff:0.0.0.0]",
        "[::FFFF:7F00:1]",
    ),
    *("[::127.0.0.1]", "[::ffff:0:127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::1]"),
    *(
        "[2001:0:7f00:1::80ff:fffe]",
        "[fe80::5efe:7f00:1]",
        "[::1%lo]",
        "[::1%25lo]",
        "[::ffff:127.1]",
        "[::ffff:0x7f000001]",
    ),
)
UNICODE: Final = (
    *(
        "\uff11\uff12\uff17.0.0.1",
        "127\u30020\u30020\u30021",
        "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460",
        "\u0661\u0662\u0667.0.0.1",
    ),
    *(
        "127\uff0e0\uff0e0\uff0e1",
        "\U0001d7cf27.0.0.1",
        "127.0.0.1\u200b",
        "\uff10",
        "127%2e0%2e0%2e1",
        "%31%32%37.0.0.1",
    ),
)
NAMES: Final = (
    "localhost",
    "LOCALHOST",
    "localhost.",
    "loc\u00adalhost",
    "\u24dbocalhost",
    "both.example",
    "127.0.0.1.nip.example",
)
USERS: Final = (
    "a.example@127.0.0.1",
    "a.example:80@127.0.0.1",
    "127.0.0.1@a.example",
    "a.example\\@127.0.0.1",
    "a.example#@127.0.0.1",
)
SPACES: Final = ("127.0.0.1\t", " 127.0.0.1", "127.0.0.1\0.a.example", "127.0.0.1\r\n")
FORMS: Final = (*DECIMAL, *NUMBERS, *OCTAL, *MAPPED, *UNICODE, *NAMES, *USERS, *SPACES)


async def hostile(host: str, port: int) -> Sequence[str]:
    """Answer as an attacker's name server does: this host, beside an address that may be asked."""
    return ("127.0.0.1",) if host.startswith(("localhost", "127")) else ("192.0.3.1", "127.0.0.1")


@pytest.mark.parametrize("form", FORMS, ids=ascii)
def test_no_form_of_this_hosts_address_is_connected_to(form: str) -> None:
    """More than sixty: decimal, hexadecimal, octal, wrapped in IPv6, Unicode digits, user names, hostile names."""

    async def main() -> None:
        async with loopback(host="127.0.0.1") as here, HttpClient(resolve=hostile, policy=ONCE) as client:
            with pytest.raises(HttpError):
                await client.get(f"http://{form}:{here.port}/")
            assert here.accepts == 0

    asyncio.run(main())


def test_there_are_sixty_forms() -> None:
    """Each once."""
    assert len(set(FORMS)) == len(FORMS) >= 60


def test_the_listener_counts_what_a_blind_guard_lets_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test can fail: with the guard's eyes shut, several forms connect."""
    monkeypatch.setattr(AddressGuard, "_why_not", lambda *_, **__: "")
    connected = 0

    async def main(form: str) -> int:
        async with loopback(host="127.0.0.1") as here, HttpClient(resolve=hostile, policy=ONCE) as client:
            with contextlib.suppress(HttpError):
                await client.get(f"http://{form}:{here.port}/")
            return here.accepts

    for form in ("127.0.0.1", "[::ffff:127.0.0.1]", "localhost", "127\u30020\u30020\u30021", "0.0.0.0"):
        connected += asyncio.run(main(form))
    assert connected == 5


@pytest.mark.parametrize(
    ("allow", "form"), [("127.0.0.0/8", "127.0.0.1"), ("127.0.0.1", "[::ffff:127.0.0.1]"), ("localhost", "localhost")]
)
def test_what_is_allowed_is_connected_to(allow: str, form: str) -> None:
    """Networks, addresses and names."""

    async def main() -> None:
        async with loopback() as here, HttpClient(allow=[allow], policy=ONCE) as client:
            assert (await client.get(f"http://{form}:{here.port}/")).status == 200
            assert here.accepts == 1

    asyncio.run(main())


def rebinding(*answers: str) -> tuple[Resolve, list[str]]:
    """Return a resolver that gives one answer after the other, and the names that it was asked for."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return (answers[min(len(asked), len(answers)) - 1],)

    return resolve, asked


def test_the_checked_address_is_the_one_connected_to() -> None:
    """The name is resolved once; what its server says a moment later does not matter. The Host header is the name."""

    async def main() -> None:
        resolve, asked = rebinding("127.0.0.1", "127.0.0.2")
        async with loopback() as good, loopback(host="127.0.0.2", port=good.port) as bad:
            async with HttpClient(allow=["127.0.0.1"], resolve=resolve, policy=ONCE) as client:
                url = f"http://rebind.example:{good.port}/"
                assert (await client.get(url)).status == 200
                assert (await client.get(url)).status == 200  # over the connection that is there
                assert (asked, good.accepts) == (["rebind.example"], 1)
                assert f"host: rebind.example:{good.port}" in good.requests[0].lower()
                good.transports[0].close()
                [connection] = client._transport._pool._idle  # type: ignore[attr-defined]
                await until(lambda: not connection.is_quiet)
                with pytest.raises(AddressBlockedError, match=r"127\.0\.0\.2, which is loopback"):
                    await client.get(url)
            assert bad.accepts == 0

    asyncio.run(main())


@pytest.mark.parametrize("status", ["301 a", "302 a", "303 a", "307 a", "308 a"])
@pytest.mark.parametrize(
    "target",
    ["http://127.0.0.2:{port}/", "//127.0.0.2:{port}/", "http://inside.example:{port}/", "http://0x7f.2:{port}/"],
)
def test_a_redirect_is_checked_like_a_first_request(status: str, target: str) -> None:
    """Every hop; trying again cannot help, so the agent's task fails at once."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        return ("127.0.0.2",)

    async def main() -> None:
        async with loopback(lambda _: answer(b"", status, f"Location: {target.format(port=port)}")) as outside:
            port = outside.port
            async with loopback(host="127.0.0.2", port=port) as inside:
                async with HttpClient(allow=["127.0.0.1"], resolve=resolve, policy=ONCE) as client:
                    with pytest.raises(HttpRequestError) as caught:
                        await client.get(f"http://127.0.0.1:{port}/")
                assert isinstance(caught.value, AgentError)
                assert (outside.accepts, inside.accepts) == (1, 0)

    asyncio.run(main())


def test_an_answer_that_is_refused_halfway_gives_its_slot_back() -> None:
    """Too large, or packed in a way that nobody asked for: the rest is not read, and its connection is dropped."""

    async def main() -> None:
        said = [answer(b"x" * 100_000), answer(b"x" * 100_000, "200 OK", "Content-Encoding: br")]
        policy = ONCE.model_copy(update={"connections": 1, "max_answer_bytes": 50_000})
        async with loopback(lambda _: said[0]) as server, HttpClient(allow=["127.0.0.1"], policy=policy) as client:
            for _ in range(6):
                with pytest.raises(HttpAnswerError):
                    await client.get(f"http://127.0.0.1:{server.port}/")
                said.reverse()
            pool = client.statistics().pool
            assert pool is not None
            assert (pool.in_use, pool.idle) == (0, 0)

    asyncio.run(main())


def test_credentials_do_not_follow_a_redirect_to_another_origin() -> None:
    """Seen from the other server: another port is another origin."""

    async def main() -> None:
        async with loopback() as other:
            there = answer(b"", "302 a", f"Location: http://127.0.0.1:{other.port}/")
            async with loopback(lambda _: there) as first, HttpClient(allow=["127.0.0.1"], policy=ONCE) as client:
                secrets = {"Authorization": "Bearer s3cret", "Cookie": "a=s3cret", "X-Api-Key": "s3cret"}
                await client.get(f"http://127.0.0.1:{first.port}/", headers=secrets)
            assert first.requests[0].count("s3cret") == 3
            assert "s3cret" not in other.requests[0]

    asyncio.run(main())
