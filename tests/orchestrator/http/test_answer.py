"""Answers, and how their bodies are unpacked."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.http.answer import HttpAnswer, Unpacking
from orchestrator.http_errors import HttpAnswerError, HttpStatusError


def answer(body: bytes = b"", content_type: str = "", status: int = 200) -> HttpAnswer:
    return HttpAnswer(status, {"content-type": content_type}, body, "GET https://a.example")


@given(st.binary(max_size=2000), st.integers(1, 300))
def test_a_packed_body_comes_out_as_it_went_in_however_it_is_cut(body: bytes, size: int) -> None:
    """Parts of any size."""
    packed = gzip.compress(body)
    unpacking = Unpacking("t", "GZip", 5000)
    for start in range(0, len(packed), size):
        unpacking.add(packed[start : start + size])
    assert unpacking.finish() == body


def test_a_bomb_is_noticed_within_its_bound() -> None:
    """100 MB in 100 KB: refused after at most the bound and one byte are unpacked."""
    bomb = gzip.compress(b"\0" * 100_000_000, compresslevel=9)
    unpacking = Unpacking("GET https://a.example", "gzip", 1_000_000)
    with pytest.raises(HttpAnswerError, match="larger than 1000000 bytes"):
        unpacking.add(bomb)
    assert len(unpacking._body) == 1_000_001


@pytest.mark.parametrize("size", [10, 11])
def test_the_bound_is_the_largest_size_that_passes(size: int) -> None:
    """Ten bytes of ten pass, eleven do not."""
    unpacking = Unpacking("t", "", 10)
    if size == 10:
        unpacking.add(b"x" * size)
        assert unpacking.finish() == b"x" * size
    else:
        with pytest.raises(HttpAnswerError):
            unpacking.add(b"x" * size)


@pytest.mark.parametrize(
    ("encoding", "body", "problem"),
    [
        ("br", b"x", "was not asked for"),
        ("gzip, gzip", b"x", "was not asked for"),
        ("gzip", b"no gzip at all", "says that it is gzip"),
        ("gzip", zlib.compress(b"x"), "says that it is gzip"),
        ("gzip", gzip.compress(b"x" * 100)[:-9], "cut short"),
    ],
)
def test_what_is_not_what_it_says_is_refused(encoding: str, body: bytes, problem: str) -> None:
    """Nothing is guessed, and half a body is none."""
    with pytest.raises(HttpAnswerError, match=problem):
        _unpack(encoding, body)


def _unpack(encoding: str, body: bytes) -> bytes:
    unpacking = Unpacking("t", encoding, 1000)
    unpacking.add(body)
    return unpacking.finish()


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("", "é".encode(), "é"),
        ("text/plain; charset=latin-1", b"\xe9", "é"),
        ('text/plain; charset="utf-8"; x=y', "é".encode(), "é"),
        ("text/plain; charset=klingon", b"a", "a"),
        ("text/plain; charset=a\0b", b"a", "a"),
        ("text/plain", b"\xff", "\ufffd"),
    ],
)
def test_text_is_read_in_the_charset_that_the_answer_names(content_type: str, body: bytes, text: str) -> None:
    """An unknown charset is UTF-8; what does not fit is marked and not an error."""
    assert answer(body, content_type).text == text


@pytest.mark.parametrize(
    "body", [b"", b"{", b"NaN", b'{"a":1,"a":2}', b"[" * 100_000, b"\xff\xfe\xfd", b'{"a":' + b"1" * 5000 + b"}"]
)
def test_what_is_no_json_is_our_error(body: bytes) -> None:
    """NaN, repeated keys and bottomless nesting are none."""
    with pytest.raises(HttpAnswerError, match="no JSON"):
        answer(body).json()


def test_a_success_is_returned_and_anything_else_raised() -> None:
    """`raise_for_status` chains."""
    assert answer(b"[1]").raise_for_status().json() == [1]
    with pytest.raises(HttpStatusError, match=r"GET https://a\.example: status 503") as caught:
        answer(status=503).raise_for_status()
    assert caught.value.status == 503


def test_an_answer_does_not_show_its_headers_and_body() -> None:
    """They may hold secrets, and reprs end in logs."""
    assert "secret" not in repr(HttpAnswer(200, {"set-cookie": "secret"}, b"secret", "GET https://a.example"))
