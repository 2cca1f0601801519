"""Malformed inputs: valid ones mutated by bytes and by structure, and what is known to break parsers."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Final

_ALIASES: Final = b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"%c: &%c [*%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c]\n" % ((97 + n, 97 + n) + (96 + n,) * 9) for n in range(1, 9)
)
#: Each was seen to break a parser of YAML, JSON or URLs somewhere.
HORRORS: Final = (
    b"",
    b"\x00",
    b"\xff\xfe\x00",
    b"\xef\xbb\xbfplan: x\n",
    b"[" * 10_000,
    b"{" * 10_000,
    b'{"a":' * 10_000,
    b"- " * 10_000,
    b"a:\n" + b"".join(b" " * n + b"a:\n" for n in range(1, 400)),
    _ALIASES,
    b"a: &a [*a]\n",
    b"<<: *x\n",
    b"a: NaN\nb: .inf\nc: -.inf\n",
    b'{"at": NaN, "x": Infinity}',
    b"1e999999",
    b"9" * 5000,
    b'"\\ud800"',
    b"\xed\xa0\x80",
    b"a: 1\na: 2\n",
    b'{"run": "r", "run": "s"}',
    b"!!python/object/apply:os.system [x]\n",
    b"%YAML 9.9\n---\na\n",
    b"--- a\n--- b\n",
    b"? [a, b]\n: c\n",
    b"a: |\n" + b" x\n" * 20_000,
    b"x" * 200_000,
    b"\xe2\x80\xa8\xe2\x80\xa9\xc2\x85",
    b"a: '" + b"\\x00" * 1000,
    b"tasks:\n  a: {request: x, after: b}\n  b: {request: x, after: a}\n",
    b"2026-13-45T99:99:99Z",
    b"0x7fffffffffffffffffffffff",
    b"http://[::ffff:7f00:1%25eth0]:99999999999/",
    b"http://0x7f.1/\xe2\x80\xae",
    b"POINTSMAN_POLICY__RETRY__MAX_ATTEMPTS=\xf0\x9f\x92\xa9",
)
#: About as large as a document may be, and wrong from the beginning.
LARGE: Final = (
    b"- a\n" * 249_999,
    b"[" + b"[]," * 333_330 + b"]",
    b"".join(b"k%d: 1\n" % number for number in range(80_000)),
    b"plan: x\ntasks:\n" + b"".join(b"  t%d: {reqest: x}\n" % number for number in range(45_000)),
    b"scenario: x\nexamples:\n" + b"".join(b"  - {a: %d}\n" % number for number in range(60_000)),
    b'a: "' + b"\\x41" * 240_000 + b'"\n',
    b"a." * 100_000 + b"b",
)
#: So many smaller inputs come before the large ones, which take longer than a short run has.
_BEFORE_LARGE: Final = 1000
_TOKENS: Final = (
    *(b"\x00", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\t", b"\r", b"\x1b[31m", b"\xe2\x80\xa8"),
    *(b"&a ", b"*a", b"!!map ", b"? ", b"<<: ", b"- ", b": ", b"{", b"}", b"[", b"]", b"'", b'"', b"#", b"|", b">"),
    *(b"NaN", b".inf", b"null", b"true", b"-1", b"1e400", b"9" * 400, b"~", b"\\ud800", b"../..", b"*.>", b"..", b"@"),
)

Mutation = Callable[[random.Random, bytearray], None]


def malformed(valid: Sequence[bytes], count: int, seed: int) -> Iterator[bytes]:
    """Yield so many inputs: horrors, valid ones with one to eight mutations each, and in a long run large ones."""
    draw = random.Random(seed)
    for number in range(count):
        if number < len(HORRORS):
            yield HORRORS[number]
            continue
        if 0 <= number - _BEFORE_LARGE < len(LARGE):
            yield LARGE[number - _BEFORE_LARGE]
            continue
        raw = bytearray(draw.choice(valid))
        for _ in range(draw.randint(1, 8)):
            draw.choice(_MUTATIONS)(draw, raw)
        yield bytes(raw)


def _place(draw: random.Random, raw: bytearray) -> int:
    return draw.randrange(len(raw) + 1)


def _span(draw: random.Random, raw: bytearray) -> slice:
    begin = _place(draw, raw)
    return slice(begin, min(len(raw), begin + draw.randint(1, 64)))


def _insert_token(draw: random.Random, raw: bytearray) -> None:
    at = _place(draw, raw)
    raw[at:at] = draw.choice(_TOKENS)


def _replace_token(draw: random.Random, raw: bytearray) -> None:
    raw[_span(draw, raw)] = draw.choice(_TOKENS)


def _flip(draw: random.Random, raw: bytearray) -> None:
    if raw:
        raw[draw.randrange(len(raw))] ^= 1 << draw.randrange(8)


def _delete(draw: random.Random, raw: bytearray) -> None:
    del raw[_span(draw, raw)]


def _repeat(draw: random.Random, raw: bytearray) -> None:
    span = _span(draw, raw)
    raw[span.stop : span.stop] = bytes(raw[span]) * draw.choice((1, 2, 50))


def _cut(draw: random.Random, raw: bytearray) -> None:
    del raw[_place(draw, raw) :]


def _swap_lines(draw: random.Random, raw: bytearray) -> None:
    lines = bytes(raw).split(b"\n")
    one, other = draw.randrange(len(lines)), draw.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    raw[:] = b"\n".join(lines)


def _indent_line(draw: random.Random, raw: bytearray) -> None:
    lines = bytes(raw).split(b"\n")
    at = draw.randrange(len(lines))
    lines[at] = draw.choice((b"  ", b"\t", b" ")) + lines[at]
    raw[:] = b"\n".join(lines)


_MUTATIONS: Final[tuple[Mutation, ...]] = (
    _insert_token,
    _replace_token,
    _flip,
    _delete,
    _repeat,
    _cut,
    _swap_lines,
    _indent_line,
)
