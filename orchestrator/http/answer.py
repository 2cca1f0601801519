"""The answer: status, headers and body as frozen values, and how a packed body is unpacked within its bound."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from orchestrator.http_errors import HttpAnswerError, HttpStatusError

_GZIP: Final = 31  # zlib's number for 32 KB of history in a gzip wrapping


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back, whole.

    Attributes:
        status: the HTTP status.
        headers: by lower-case name; values of a repeated header are joined by commas.
        body: unpacked.
        target: method and origin, for messages.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    target: str

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The body as text, in the charset that the answer names, else UTF-8; what does not fit becomes U+FFFD."""
        _, _, charset = self.headers.get("content-type", "").lower().partition("charset=")
        try:
            return self.body.decode(charset.partition(";")[0].strip(" \"'") or "utf-8", errors="replace")
        except (LookupError, ValueError):  # no such charset, or no charset at all
            return self.body.decode("utf-8", errors="replace")

    def json(self) -> Any:
        """Return the body as JSON.

        Raises:
            HttpAnswerError: if it is none; NaN, repeated keys and a depth beyond Python's are none.
        """
        try:
            return json.loads(self.body, parse_constant=_refuse_constant, object_pairs_hook=_unique)
        except (ValueError, RecursionError) as error:
            raise HttpAnswerError(self.target, "the answer is no JSON; see its `text`") from error

    def raise_for_status(self) -> HttpAnswer:
        """Return the answer itself if it is a success.

        Raises:
            HttpStatusError: if it is none.
        """
        if not self.is_success:
            raise HttpStatusError(self.target, self.status)
        return self


class Unpacking:
    """Collects a body and unpacks it as it comes; neither form may exceed the bound, however tightly it is packed."""

    def __init__(self, target: str, encoding: str, limit: int) -> None:
        self._target, self._encoding, self._limit = target, encoding.strip().lower(), limit
        self._unpack = zlib.decompressobj(_GZIP) if self._encoding in ("gzip", "x-gzip") else None
        self._body = bytearray()
        self._packed = 0

    def add(self, chunk: bytes) -> None:
        """Take the next part.

        Raises:
            HttpAnswerError: if there is more than there may be, or it is not what it says.
        """
        self._packed += len(chunk)
        if self._unpack is None and self._encoding not in ("", "identity"):
            raise HttpAnswerError(self._target, "the answer is packed in a way that was not asked for; gzip was")
        if self._unpack is not None:
            room = self._limit - len(self._body) + 1
            try:
                chunk = self._unpack.decompress(chunk, room)
            except zlib.error as error:
                raise HttpAnswerError(self._target, "the answer says that it is gzip and is not") from error
        self._body += chunk
        if max(self._packed, len(self._body)) > self._limit:
            problem = f"the answer is larger than {self._limit} bytes; raise `max_answer_bytes` or ask for less"
            raise HttpAnswerError(self._target, problem)

    def finish(self) -> bytes:
        """Return the whole body.

        Raises:
            HttpAnswerError: if its end is missing.
        """
        if self._unpack is not None and self._packed and not self._unpack.eof:
            raise HttpAnswerError(self._target, "the answer's gzip is cut short")
        return bytes(self._body)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found
