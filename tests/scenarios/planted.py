"""Twenty-four secrets, and agents that put them wherever a run writes something; for tests that look for them."""

from __future__ import annotations

import base64
import json
import logging
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final
from urllib.parse import quote, quote_plus

from orchestrator.context import TaskContext
from orchestrator.errors import AgentError
from orchestrator.http import HttpClient
from orchestrator.messages import Task
from orchestrator.plan import Plan
from tests.scenarios.recorded_agents import Reader

CARDS: Final = ("4539578763621486", "5425233430109903", "374245455400126", "6011000990139424")
IBANS: Final = (
    "DE89370400440532013000", "GB29NWBK60161331926819", "FR1420041010050500013M02606", "NL91ABNA0417164300",
)  # fmt: skip
TOKENS: Final = (
    "ghp_1a2b3c4d5e6f7g8h9i0j1k2l", "tok-91f3-b77e-aa02", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl",
    "s3cr3t-of-the-client",
)  # fmt: skip
COOKIES: Final = ("c00kie-of-the-session", "c00kie-of-the-tracker", "c00kie-of-a-header", "c00kie-in-a-log")
EMAILS: Final = ("ada@bank.example", "bob@bank.example", "eve@mail.example", "zoe@mail.example")
PHONES: Final = ("+4915123456789", "+442071838750", "+33142685300", "+12025550143")
PLANTED: Final = (*CARDS, *IBANS, *TOKENS, *COOKIES, *EMAILS, *PHONES)


class Bank(BaseHTTPRequestHandler):
    """Answers with secrets in its headers, its body, and JSON inside that."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        inner = json.dumps({"card": CARDS[0], "access_token": TOKENS[1], "note": json.dumps({"mail": EMAILS[0]})})
        packed = base64.b64encode(f"call {PHONES[0]}, or else".encode()).decode()
        body = json.dumps({"iban": IBANS[0], "inner": inner, "next": f"/x?mail={quote(EMAILS[1])}", "b64": packed})
        self.send_response(200)
        self.send_header("Set-Cookie", f"sid={COOKIES[0]}; Path=/; HttpOnly")
        self.send_header("Set-Cookie", f"t={COOKIES[1]}; Path=/")
        self.send_header("X-Auth-Token", TOKENS[2])
        self.send_header("X-Contact", PHONES[1])
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


@contextmanager
def bank() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Bank) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


async def ask(task: Task, context: TaskContext) -> Any:
    """Ask the bank with secrets in query, headers and body; hand on what it says."""
    about = task.payload
    url = f"{about['url']}/accounts?iban={quote_plus(about['iban'])}&api_key={about['login']['client_secret']}"
    async with HttpClient(allow=("127.0.0.1",)) as client:
        answer = await client.post(
            url,
            json={"customer": {"phone": about["phone"], "card": about["card"]}, "raw": json.dumps(about["login"])},
            headers={"Authorization": f"Bearer {about['login']['token']}", "Cookie": f"x={about['cookie']}"},
        )
    said = answer.json()
    inner = json.loads(said["inner"])
    logging.getLogger("bank").warning("paid with %s for %s, %s", inner["card"], EMAILS[1], PHONES[1])
    paid = await context.effect("pay", lambda key: {"to": IBANS[1], "key": key}, key=f"pay/{inner['card']}")
    context.add_task(f"remind {EMAILS[2]}", agent="fails", payload={"about": inner, "text": answer.text})
    return {"said": said, "inner": inner, "cookie": answer.headers["set-cookie"], "paid": paid, "n": answer.status}


async def fails(task: Task, context: TaskContext) -> Any:
    """Read something that fails, say so, and give up with more secrets in what it says."""

    def read() -> None:
        raise ValueError(f"no account {IBANS[2]} of {PHONES[2]}, cookie: s={COOKIES[3]}", {"mail": EMAILS[3]})

    try:
        await context.read("ledger", read, request={"card": CARDS[1]})
    except ValueError as error:
        logging.getLogger("bank").exception("Set-Cookie: t=%s", COOKIES[1])
        text = task.payload["about"]["access_token"]
        raise AgentError(f"{error}; with {text}, card {CARDS[2]}, {IBANS[3]}, and {PHONES[3]}") from error


PLAN: Final = {
    "iban": "DE89 3704 0044 0532 0130 00",
    "card": CARDS[3],
    "phone": PHONES[0],
    "cookie": COOKIES[2],
    "login": {"token": TOKENS[0], "client_secret": TOKENS[3]},
}


def agents() -> list[Reader]:
    return [Reader("asks", ask), Reader("fails", fails)]


def plan(url: str) -> Plan:
    request = f"ask about {CARDS[1]} for {EMAILS[3]}, Cookie: s={COOKIES[2]}"
    return Plan("planted", (Task("one", request, {**PLAN, "url": url}), Task("two", "ask again", {"url": url} | PLAN)))


#: What a page keeps its data in, packed: see `scenarios.html.blocks`.
_BLOCK: Final = re.compile(rb'<script type="text/plain" id="data-[^"]*">([^<]*)</script>')


#: What may be base64.
_PACKED: Final = re.compile(rb"[A-Za-z0-9+/]{16,4000}={0,2}")


def opened(data: bytes) -> bytes:
    """Return bytes, and after them what is packed in them."""
    data += b"\n".join(zlib.decompress(base64.b64decode(block[1])) for block in _BLOCK.finditer(data))
    packed = (found[0].rstrip(b"=") for found in _PACKED.finditer(data))
    return data + b"\n".join(base64.b64decode(one + b"=" * (-len(one) % 4)) for one in packed if len(one) % 4 != 1)


def hits(data: bytes) -> list[str]:
    """Return the planted secrets that are in bytes, as they are, in fours, or in an encoding; in pages, too."""
    data = opened(data)
    ways = ((lambda one: one), quote, lambda one: " ".join(one[at : at + 4] for at in range(0, len(one), 4)))
    return [one for one in PLANTED if any(way(one).encode() in data for way in ways)]
