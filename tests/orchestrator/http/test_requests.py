"""Requests, and where they are led."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import PointsmanError
from orchestrator.http.requests import make_request, origin_of, read_url, redirected
from orchestrator.http_errors import HttpRequestError


def request(method: str = "GET", url: str = "https://a.example/x?token=s3cret", **given: Any) -> httpx.Request:
    nothing = dict.fromkeys(("params", "headers", "json", "form", "body"))
    return make_request(method, url, **nothing | given)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a.example",
        "/path",
        "//a.example/",
        "http:a.example",
        "http:///path",
        "https://",
        "ftp://a.example/s3cret",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "gopher://a.example:70/_s3cret",
        "https://user:s3cret@a.example/",
        "https://user@a.example/",
        "https://a.example:0/s3cret",
        "https://a.example:99999/s3cret",
        "https://a.example:port/s3cret",
        "https://a.example/ s3cret",
        "https://a.example\\@b.example/",
        "https://a.example\t.b.example/",
        "https://a.example/\r\nHost: b.example",
        "https://a.example/\0",
        "https://a.example/\ud800",
        "https://a.example/\u2028",
        "https://[::1/s3cret",
        "https://[v1.x]/",
        "https://[fe80::1%25eth0]/",
        "https://\uff11\uff12\uff17.0.0.1/",
        "https://a.example/" + "s3cret" * 2000,
        "https://" + "a" * 8000,
    ],
)
def test_what_is_no_url_over_http_is_refused_without_being_quoted(url: str) -> None:
    """Scheme, host, port, no user, no character that two parsers read differently; messages hold no secret."""
    with pytest.raises(HttpRequestError) as caught:
        read_url(url)
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@given(
    st.one_of(
        st.text(max_size=200),
        st.text(max_size=60).map("http://{}".format),
        st.text(max_size=60).map("https://a.example/{}".format),
    )
)
def test_any_text_is_a_url_or_our_error(text: str) -> None:
    """Nothing else comes out of the parser."""
    try:
        url = read_url(text)
    except PointsmanError:
        return
    assert url.scheme in ("http", "https")
    assert not url.userinfo
    assert not url.fragment


@given(st.text(max_size=60), st.sampled_from([301, 302, 303, 307, 308]), st.sampled_from(["GET", "POST"]))
def test_any_location_is_a_request_or_our_error(location: str, status: int, method: str) -> None:
    """Whatever a service says."""
    try:
        further = redirected(request(method), status, location)
    except PointsmanError:
        return
    assert further is not None
    assert further.url.scheme == "https"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"method": "get"}, "write it in capitals"),
        ({"method": "CONNECT"}, "none that a client uses"),
        ({"method": "GET\r\nX: y"}, "none that a client uses"),
        ({"headers": {"Host": "b.example"}}, "set by the client itself"),
        ({"headers": {"Content-Length": "7"}}, "set by the client itself"),
        ({"headers": {"transfer-encoding": "chunked"}}, "set by the client itself"),
        ({"headers": {"a b": "c"}}, "no header's name"),
        ({"headers": {"a": "s3cret\r\nHost: b.example"}}, "not printable ASCII"),
        ({"headers": {"a": "s3cret\u00e9"}}, "not printable ASCII"),
        ({"json": {1, 2}}, "cannot be sent"),
        ({"json": float("nan")}, "cannot be sent"),
        ({"json": {}, "body": b"x"}, "given twice"),
        ({"form": {"a": "b"}, "body": b"x"}, "given twice"),
    ],
)
def test_a_request_that_would_be_read_differently_is_refused(given: dict[str, Any], problem: str) -> None:
    """Headers that frame a message are ours; a value is never quoted."""
    with pytest.raises(HttpRequestError, match=problem) as caught:
        request(**given)
    assert "s3cret" not in str(caught.value)


def test_a_body_is_json_a_form_or_bytes() -> None:
    """Each with its content type."""
    assert request("POST", json={"a": 1}).headers["content-type"] == "application/json"
    assert request("POST", form={"a": "b c"}).content == b"a=b+c"
    assert request("POST", body=b"\0").content == b"\0"
    assert request(params={"q": "a b&c"}).url.query == b"token=s3cret&q=a+b%26c"


@pytest.mark.parametrize(
    ("status", "method", "becomes", "keeps_body"),
    [
        (301, "POST", "GET", False),
        (302, "POST", "GET", False),
        (303, "POST", "GET", False),
        (303, "PUT", "GET", False),
        (301, "PUT", "PUT", True),
        (307, "POST", "POST", True),
        (308, "POST", "POST", True),
    ],
)
def test_a_redirect_keeps_method_and_body_as_its_status_says(
    status: int,
    method: str,
    becomes: str,
    keeps_body: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """RFC 9110, 15.4; on the same origin all headers stay."""
    asked = request(method, json={"a": 1}, headers={"Authorization": "Bearer s3cret"})
    further = redirected(asked, status, "/y#part")
    assert further is not None
    assert (further.method, str(further.url)) == (becomes, "https://a.example/y")
    assert further.content == (asked.content if keeps_body else b"")
    assert ("content-type" in further.headers) is keeps_body
    assert further.headers["authorization"] == "Bearer s3cret"
    assert further.headers["host"] == "a.example"


@pytest.mark.parametrize("location", ["https://b.example/", "https://a.example:444/", "//b.example/x"])
def test_another_origin_gets_no_credentials(location: str) -> None:
    """Authorization, cookies and any header of the caller's stay behind; another port is another origin."""
    secrets = {"Authorization": "Bearer s3cret", "Cookie": "s3cret", "X-Api-Key": "s3cret", "Accept": "text/html"}
    further = redirected(request(headers=secrets), 302, location)
    assert further is not None
    assert "s3cret" not in repr(further.headers.raw) + str(further.url)
    assert further.headers["accept"] == "text/html"
    assert further.headers["host"] == further.url.netloc.decode()


@pytest.mark.parametrize(
    ("status", "location", "problem"),
    [
        (302, "http://a.example/", "from https to http"),
        (307, "https://b.example/", "take the body to another origin"),
        (302, "https://user:s3cret@b.example/", "user's name"),
        (302, "ftp://b.example/", "names no scheme and host"),
        (302, "https://b.example\\@c.example", "leads to no URL"),
        (302, "https://[", "neither a name nor an address"),
        (302, "https://b.example:0/", "port that is none"),
        (302, "/" + "a" * 9000, "leads to no URL"),
    ],
)
def test_a_way_that_gives_something_away_is_refused(status: int, location: str, problem: str) -> None:
    """Neither encryption nor a body is lost on the way."""
    with pytest.raises(HttpRequestError, match=problem) as caught:
        redirected(request("POST", json={"a": 1}), status, location)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(("status", "location"), [(200, "/y"), (304, "/y"), (300, "/y"), (302, None)])
def test_other_answers_lead_nowhere(status: int, location: str | None) -> None:
    """A redirect without a place is an answer."""
    assert redirected(request(), status, location) is None


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://A.example/x?y", "https://a.example"),
        ("https://a.example:443/", "https://a.example"),
        ("http://a.example:8080/s3cret", "http://a.example:8080"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
    ],
)
def test_of_a_url_only_the_origin_is_shown(url: str, shown: str) -> None:
    """Paths hold tokens, too ('/hooks/T0/B0/...')."""
    assert origin_of(httpx.URL(url)) == shown
