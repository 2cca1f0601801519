"""Plain requests and answers: as JSON, for whoever records what was asked and what came."""

from __future__ import annotations

import base64
from types import MappingProxyType
from typing import Any, Final

from orchestrator.http.answer import HttpAnswer
from orchestrator.http.extra import httpx

#: Headers of a request that belong to what is asked. Any other may be a credential, or differ from call to call.
_ASKED: Final = ("accept", "accept-language", "content-type", "idempotency-key", "range")


def request_as_json(request: httpx.Request) -> dict[str, Any]:
    """Return what a request asks for: method, URL, body, and those headers that say what is wanted."""
    headers = {name: request.headers[name] for name in _ASKED if name in request.headers}
    about = {"method": request.method, "url": str(request.url), "headers": headers}
    return about | ({"body": _as_text(request.content)} if request.content else {})


def answer_as_json(answer: HttpAnswer) -> dict[str, Any]:
    """Return an answer as JSON, whole."""
    about = {"status": answer.status, "headers": dict(answer.headers), "target": answer.target}
    return about | {"body": _as_text(answer.body)}


def answer_from_json(plain: dict[str, Any]) -> HttpAnswer:
    """Return the answer that `answer_as_json` made JSON of."""
    body = plain["body"]
    raw = body.encode() if isinstance(body, str) else base64.b64decode(body["base64"])
    return HttpAnswer(plain["status"], MappingProxyType(dict(plain["headers"])), raw, plain["target"])


def _as_text(body: bytes) -> str | dict[str, str]:
    """Return a body as text, so that people can read it; as base64 where it is none."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}
