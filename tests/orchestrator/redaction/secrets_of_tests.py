"""Secrets that tests make up, and ways in which texts hold them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Final
from urllib.parse import quote, quote_plus

from hypothesis import strategies as st


def with_luhn(digits: str) -> str:
    """Return digits with the one that makes their sum right, as long hand has it."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return digits + str(-total % 10)


def with_check_digits(country: str, account: str) -> str:
    """Return an IBAN."""
    number = "".join(str(int(letter, 36)) for letter in f"{account}{country}00")
    return f"{country}{98 - int(number) % 97:02d}{account}"


def in_fours(text: str) -> str:
    """Return a text as it is printed."""
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


_DIGITS = "0123456789"
_cards = st.text(_DIGITS, min_size=14, max_size=14).map(lambda digits: with_luhn(f"4{digits}"))
_ibans = st.text(_DIGITS, min_size=18, max_size=18).map(lambda account: with_check_digits("DE", account))
_words = st.text("abcdefghijklmnopqrstuvwxyz", min_size=3, max_size=12)
_numbers = st.text(_DIGITS, min_size=9, max_size=11)
SECRETS: Final = st.one_of(
    _cards,
    _cards.map(in_fours),
    _ibans,
    _ibans.map(in_fours),
    st.tuples(_words, _words).map("{0[0]}@{0[1]}.example".format),
    _numbers.map("+49{}".format),
    _numbers.map(lambda number: f"+49 {number[:3]} {number[3:]}"),
    st.binary(min_size=18, max_size=24).map(lambda raw: "ghp_1" + base64.b32encode(raw).decode().rstrip("=")),
)

#: How a text comes to hold another.
WRAPPINGS: Final[dict[str, Callable[[str], str]]] = {
    "as it is": lambda text: text,
    "percent": lambda text: f"https://bank.example/x?a=1&q={quote(text, safe='')}&z=2",
    "form": lambda text: f"a=1&q={quote_plus(text)}",
    "json": lambda text: json.dumps({"note": text, "n": 1}),
    "json in json": lambda text: json.dumps({"body": json.dumps({"note": [text]})}),
    "base64": lambda text: base64.b64encode(f"note: {text} .".encode()).decode(),
    "base64 of a URL": lambda text: base64.urlsafe_b64encode(f"note: {text} .".encode()).decode().rstrip("="),
    "percent in json": lambda text: json.dumps({"url": f"https://bank.example/?q={quote(text, safe='')}"}),
}
