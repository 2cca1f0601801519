"""Requests: made of what a caller gives, checked, and made anew where an answer leads elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from orchestrator.addresses import read_literal
from orchestrator.http.extra import httpx
from orchestrator.http_errors import HttpRequestError

_LONGEST_URL: Final = 8192
_METHOD: Final = re.compile(r"[A-Z]{1,20}")
# Controls, blanks, backslashes and halves of surrogate pairs: parsers disagree on them, and that is what attacks use.
_FORBIDDEN: Final = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029\ud800-\udfff]")
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,200}")
_OURS: Final = frozenset(
    (
        *("host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "keep-alive"),
        *("proxy-authorization", "expect"),
    )
)
# What goes on to another origin. Any other header of the caller's may be a credential ('X-Api-Key').
_FOR_ANYBODY: Final = frozenset(("accept", "accept-encoding", "accept-language", "user-agent"))


def make_request(
    method: str,
    url: str,
    *,
    params: Mapping[str, str] | None,
    headers: Mapping[str, str] | None,
    json: Any,
    form: Mapping[str, str] | None,
    body: bytes | None,
) -> httpx.Request:
    """Return a request that can be sent any number of times.

    Raises:
        HttpRequestError: if the method, the URL, a header or the body is refused.
    """
    if not _METHOD.fullmatch(method) or method == "CONNECT":
        raise HttpRequestError(f"method {method[:20]!r}", "is none that a client uses; write it in capitals")
    given = {"accept": "*/*", "accept-encoding": "gzip", "user-agent": "pointsman", **check_headers(headers or {})}
    target = read_url(url)
    if params:
        target = target.copy_merge_params(dict(params))
    try:
        request = httpx.Request(method, target, headers=given, json=json, data=form, content=body)
    except (TypeError, ValueError) as error:
        raise HttpRequestError("the body", f"cannot be sent as JSON or a form: {error}") from error
    if sum(part is not None for part in (json, form, body)) > 1:
        raise HttpRequestError("the body", "is given twice; give one of `json`, `form` and `body`")
    return request


def read_url(text: str) -> httpx.URL:
    """Return a URL that is asked for over HTTP. Messages never quote it: a query or path may hold a secret.

    Raises:
        HttpRequestError: if it is none, or carries a user's name or password.
    """
    if len(text) > _LONGEST_URL:
        raise HttpRequestError("the URL", f"is longer than {_LONGEST_URL} characters; send a body instead")
    if _FORBIDDEN.search(text):
        raise HttpRequestError("the URL", "holds a blank, a control character or a backslash; percent-encode it")
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError, TypeError):
        raise HttpRequestError("the URL", "is none; check its host, port and brackets") from None
    return _checked(url)


def _checked(url: httpx.URL) -> httpx.URL:
    if url.scheme not in ("http", "https") or not url.raw_host:
        raise HttpRequestError("the URL", "names no scheme and host; it begins with https://HOST/")
    if url.userinfo:
        raise HttpRequestError("the URL", "holds a user's name or password; send them as a header")
    if url.port is not None and not 0 < url.port < 65_536:
        raise HttpRequestError("the URL", "names a port that is none; ports are 1 to 65535")
    read_literal(url.raw_host.decode("ascii"))
    return url.copy_with(fragment=None)


def check_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers by lower-case name.

    Raises:
        HttpRequestError: if one is malformed, or ours to set. The value is not quoted.
    """
    for name, value in headers.items():
        if not _HEADER.fullmatch(name):
            raise HttpRequestError(f"header {name[:40]!r}", "is no header's name; use letters, digits and dashes")
        if name.lower() in _OURS:
            raise HttpRequestError(f"header {name!r}", "is set by the client itself; leave it out")
        if not value.isascii() or not value.isprintable() or value != value.strip():
            raise HttpRequestError(f"header {name!r}", "has a value that is not printable ASCII; encode it")
    return {name.lower(): value for name, value in headers.items()}


def redirected(request: httpx.Request, status: int, location: str | None) -> httpx.Request | None:
    """Return the request that an answer leads to (RFC 9110, 15.4); None where it leads nowhere.

    Another origin gets no header of the caller's but those that say what is understood, and no body.

    Raises:
        HttpRequestError: if the way is refused: no URL, from https to http, or a body to another origin.
    """
    if status not in (301, 302, 303, 307, 308) or location is None:
        return None
    where = "the redirect"
    try:
        if len(location) > _LONGEST_URL or _FORBIDDEN.search(location):
            raise HttpRequestError(where, "leads to no URL; ask the service's owner")
        url = _checked(request.url.join(location))
    except (httpx.InvalidURL, ValueError, TypeError):
        raise HttpRequestError(where, "leads to no URL; ask the service's owner") from None
    if request.url.scheme == "https" and url.scheme == "http":
        raise HttpRequestError(where, "leads from https to http; ask there directly if that is meant")
    becomes_get = (status == 303 and request.method != "HEAD") or (status in (301, 302) and request.method == "POST")
    body = b"" if becomes_get else request.content
    headers = {name: value for name, value in request.headers.items() if name not in _OURS}
    if becomes_get:
        headers.pop("content-type", None)
    if not same_origin(request.url, url):
        if body:
            raise HttpRequestError(where, "would take the body to another origin; send it there yourself")
        headers = {name: value for name, value in headers.items() if name in _FOR_ANYBODY}
    return httpx.Request("GET" if becomes_get else request.method, url, headers=headers, content=body or None)


def same_origin(one: httpx.URL, other: httpx.URL) -> bool:
    """Return whether two URLs have scheme, host and port in common (RFC 6454)."""
    return origin_of(one) == origin_of(other)


def origin_of(url: httpx.URL) -> str:
    """Return scheme, host and port: as much of a URL as may be shown."""
    port = url.port or (443 if url.scheme == "https" else 80)
    host = url.raw_host.decode("ascii", errors="replace").lower()
    default = port == (443 if url.scheme == "https" else 80)
    return f"{url.scheme}://{f'[{host}]' if ':' in host else host}" + ("" if default else f":{port}")
