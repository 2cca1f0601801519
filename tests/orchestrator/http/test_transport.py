"""The transport against a server on the loopback."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestrator.addresses import AddressGuard
from orchestrator.http import GuardedTransport
from orchestrator.http_errors import AddressBlockedError, HttpClosedError
from tests.orchestrator.http.loopback import Loopback, Say, answer, loopback, until


async def _nobody(host: str, port: int) -> tuple[str, ...]:
    raise OSError("no such name")


def transport(**given: Any) -> GuardedTransport:
    return GuardedTransport(AddressGuard(["127.0.0.1"], _nobody), **given)


def client(subject: GuardedTransport, timeout: float = 5.0) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=subject, timeout=timeout, trust_env=False)


async def ask(
    say: Say, *, times: int = 1, method: str = "GET", body: bytes = b""
) -> tuple[Loopback, list[httpx.Response]]:
    """Return what the server saw and what it answered."""
    async with loopback(say) as server, client(transport()) as asking:
        url = f"http://127.0.0.1:{server.port}/"
        return server, [await asking.request(method, url, content=body or None) for _ in range(times)]


def test_a_connection_is_used_again() -> None:
    """Ten requests, one connection."""
    server, answers = asyncio.run(ask(lambda _: answer(b"[]"), times=10))
    assert [a.content for a in answers] == [b"[]"] * 10
    assert server.accepts == 1


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        answer(b"[]") + b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\ncuckoo!",
    ],
)
def test_a_connection_that_is_spent_or_spoilt_is_not(said: bytes) -> None:
    """Least of all one with something unasked in it: the next caller would take it for its answer."""
    server, answers = asyncio.run(ask(lambda _: said, times=3))
    assert [a.content for a in answers] == [b"[]"] * 3
    assert server.accepts == 3


@pytest.mark.parametrize(
    ("said", "body"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + answer(b"late"), b"late"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", b"abc"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    ],
)
def test_answers_take_their_various_forms(said: bytes, body: bytes) -> None:
    """Interim answers are skipped, chunks joined."""
    server, answers = asyncio.run(ask(lambda _: said, times=2))
    assert [a.content for a in answers] == [body] * 2
    assert server.accepts == 1


def test_a_head_has_no_body_and_leaves_the_connection_fit() -> None:
    """Its length is that of the body it does not have."""
    server, _ = asyncio.run(ask(lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", times=2, method="HEAD"))
    assert server.accepts == 1


@pytest.mark.parametrize(
    "said",
    [
        None,
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"b" * 100_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_no_answer_is_httpxs_error_and_leaves_no_connection(said: bytes | None) -> None:
    """Neither half an answer nor one with two lengths is one."""

    async def main() -> None:
        async with loopback(lambda _: said) as server:
            subject = transport()
            async with client(subject) as asking:
                with pytest.raises(httpx.TransportError):
                    await asking.get(f"http://127.0.0.1:{server.port}/")
                found = subject.statistics()
                assert (found.in_use, found.idle) == (0, 0)

    asyncio.run(main())


def test_a_body_that_is_cut_short_is_an_error() -> None:
    """Five of nine bytes are no answer."""

    async def main() -> None:
        def say(_: str) -> bytes:
            asyncio.get_running_loop().call_soon(server.transports[0].close)
            return b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabcde"

        async with loopback(say) as server, client(transport()) as asking:
            with pytest.raises(httpx.RemoteProtocolError):
                await asking.get(f"http://127.0.0.1:{server.port}/")

    asyncio.run(main())


def test_a_large_body_goes_out_as_fast_as_the_peer_takes_it() -> None:
    """Eight megabytes arrive whole."""
    body = bytes(range(256)) * 32_768
    server, _ = asyncio.run(ask(lambda _: answer(), method="POST", body=body))
    assert server.came == body


def test_a_large_answer_comes_in_as_fast_as_it_is_read() -> None:
    """What is read ahead is bounded; nothing is lost by that."""
    body = bytes(range(256)) * 32_768

    async def main() -> None:
        subject = transport()
        async with loopback(lambda _: answer(body)) as server, client(subject) as asking:
            request = asking.build_request("GET", f"http://127.0.0.1:{server.port}/")
            response = await asking.send(request, stream=True)
            [connection] = subject._pool._in_use
            await until(lambda: connection._wire._reading_paused)
            assert len(connection._wire._buffer) < 1_000_000
            assert await response.aread() == body

    asyncio.run(main())


def test_a_peer_may_answer_before_it_has_read_everything() -> None:
    """It refuses a body by answering and closing: that answer counts, not the broken pipe."""

    async def main() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer(b"", "413 Too Large", "Connection: close"))
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server, client(transport()) as asking:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            with contextlib.suppress(httpx.ReadError):  # the kernel may throw the answer away with the connection
                assert (await asking.post(url, content=b"x" * 200_000)).status_code == 413

    asyncio.run(main())


def test_a_peer_that_is_silent_is_given_up_in_time() -> None:
    """Reading, connecting and waiting for a slot each have their own limit, as httpx has them."""

    async def main() -> None:
        async with loopback(lambda _: b"") as server:
            subject = transport(slots=1)
            async with client(subject, timeout=0.05) as asking, asyncio.TaskGroup() as group:
                url = f"http://127.0.0.1:{server.port}/"
                with pytest.raises(httpx.ReadTimeout):
                    await asking.get(url)
                held = group.create_task(asking.get(url, timeout=60))
                await until(lambda: subject.statistics().in_use == 1)
                with pytest.raises(httpx.PoolTimeout):
                    await asking.get(url)
                held.cancel()
            assert subject.statistics().in_use == 0

        async def hangs(host: str, port: int) -> tuple[str, ...]:
            await asyncio.Event().wait()
            return ()

        async with client(GuardedTransport(AddressGuard([], hangs)), timeout=0.05) as asking:
            with pytest.raises(httpx.ConnectTimeout):
                await asking.get("http://a.example/")

    asyncio.run(main())


def test_a_port_that_nobody_serves_and_a_name_that_nobody_knows_are_connect_errors() -> None:
    """Whoever retries may: nothing was sent."""

    async def main() -> None:
        async with loopback() as server:
            free = server.port
        async with client(transport()) as asking:
            for url in (f"http://127.0.0.1:{free}/", "http://a.example/"):
                with pytest.raises(httpx.ConnectError):
                    await asking.get(url)

    asyncio.run(main())


def test_an_address_that_does_not_answer_leaves_its_turn_to_the_next() -> None:
    """A name with two addresses is served by the one that works."""

    async def resolve(host: str, port: int) -> tuple[str, ...]:
        return ("127.0.0.9", "127.0.0.1")

    async def main() -> None:
        guard = AddressGuard(["127.0.0.0/8"], resolve)
        async with loopback() as server, client(GuardedTransport(guard)) as asking:
            assert (await asking.get(f"http://a.example:{server.port}/")).status_code == 200

    asyncio.run(main())


def test_a_client_of_httpx_meets_the_guard() -> None:
    """Whoever takes an `httpx.AsyncClient` can be given the guard."""

    async def main() -> None:
        async with loopback(host="127.0.0.2") as server, client(transport()) as asking:
            with pytest.raises(AddressBlockedError):
                await asking.get(f"http://127.0.0.2:{server.port}/")
            assert server.accepts == 0

    asyncio.run(main())


def test_closing_ends_requests_on_their_way() -> None:
    """A run that ends takes its open requests with it."""

    async def main() -> None:
        async with loopback(lambda _: b"") as server:
            subject = transport()
            async with client(subject) as asking:
                async with asyncio.TaskGroup() as group:
                    task = group.create_task(_broken(asking, f"http://127.0.0.1:{server.port}/"))
                    await until(lambda: bool(server.requests))
                    await subject.aclose()
                    await subject.aclose()
                assert task.done()
                with pytest.raises(HttpClosedError):
                    await asking.get("http://127.0.0.1/")
            assert subject.statistics().in_use == 0

    asyncio.run(main())


async def _broken(asking: httpx.AsyncClient, url: str) -> None:
    with pytest.raises(httpx.TransportError):
        await asking.get(url)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for service.example alone, signed by itself."""
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=service.example"]
    command += ["-addext", "subjectAltName=DNS:service.example", "-keyout", "key.pem", "-out", "cert.pem"]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no openssl to make a certificate with: TLS, SNI and names in certificates are not tested")
    return folder


@pytest.mark.parametrize("name", ["service.example", "service.example.", "other.example"])
def test_under_tls_the_name_is_proved_though_an_address_is_connected_to(name: str, certificate: Path) -> None:
    """SNI, certificate and Host header are the name's; a certificate for another name is refused."""
    asked: list[str | None] = []
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    serving.sni_callback = lambda _connection, sni, _context: asked.append(sni)
    trusting = ssl.create_default_context(cafile=certificate / "cert.pem")

    async def resolve(host: str, port: int) -> tuple[str, ...]:
        return ("127.0.0.1",)

    async def main() -> None:
        guard = AddressGuard(["127.0.0.1"], resolve)
        async with loopback(tls=serving) as server, client(GuardedTransport(guard, tls=trusting)) as asking:
            url = f"https://{name}:{server.port}/"
            if name.startswith("service"):
                assert (await asking.get(url)).status_code == 200
                assert f"host: {name}:{server.port}" in server.requests[0].lower()
            else:
                with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                    await asking.get(url)
                assert not server.requests
        assert asked == [name.removesuffix(".")]

    asyncio.run(main())


def test_cancelling_in_the_middle_of_a_handshake_leaves_nothing(certificate: Path) -> None:
    """At every turn of the loop between the first packet and the answer."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    trusting = ssl.create_default_context(cafile=certificate / "cert.pem")

    async def resolve(host: str, port: int) -> tuple[str, ...]:
        return ("127.0.0.1",)

    async def main() -> None:
        subject = GuardedTransport(AddressGuard(["127.0.0.1"], resolve), tls=trusting, slots=2)
        async with loopback(tls=serving) as server, client(subject) as asking:
            url = f"https://service.example:{server.port}/"
            for turns in range(60):
                async with asyncio.TaskGroup() as group:
                    task = group.create_task(asking.get(url, headers={"Connection": "close"}))
                    for _ in range(turns):
                        await asyncio.sleep(0)
                    task.cancel()
                assert subject.statistics().in_use == 0
            for _ in range(10):
                assert (await asking.get(url)).status_code == 200
            assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())
