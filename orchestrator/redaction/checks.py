"""Checks: which digits are a card number, and which letters and digits an IBAN."""

from __future__ import annotations

import re
from typing import Final

#: How long an IBAN is, by country (SWIFT's IBAN registry, release 99).
_LENGTHS: Final = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FO GL NL SD FK",
        19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC SM",
        28: "AL AZ BY CY DO GT HU LB NI PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU YE",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}
#: How the numbers of the card networks begin, and how long they are (ISO/IEC 7812).
_NETWORKS: Final = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|3(?:0[0-5]|[689]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}|(?:6011|62\d\d|64[4-9]\d|65\d\d)\d{12,15}"
)
_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def is_card(digits: str) -> bool:
    """Return whether digits are the number of a card: of a network's beginning and length, and right by Luhn's sum."""
    if not digits.isascii() or _NETWORKS.fullmatch(digits) is None:
        return False
    values = [int(digit) for digit in reversed(digits)]
    return (sum(values[::2]) + sum(_DOUBLED[value] for value in values[1::2])) % 10 == 0


def iban_length(text: str) -> int:
    """Return how long an IBAN is that begins like this; 0 if none does."""
    return _LENGTHS.get(text[:2].upper(), 0)


def is_iban(text: str) -> bool:
    """Return whether letters and digits are an IBAN: of its country's length, and 1 by modulus 97 (ISO 13616)."""
    if len(text) != iban_length(text) or not text.isascii() or not text.isalnum():
        return False
    return int("".join(str(int(letter, 36)) for letter in text[4:] + text[:4])) % 97 == 1
