"""What redaction takes for texts that are made to take long: `python -m benchmarks.hostile_texts`.

Each is 1 MB (or 0.5 MB): the ratio of the two times says whether the time grows with the length (2) or its square (4).
"""

from __future__ import annotations

from time import process_time
from typing import Final

from orchestrator.redaction import Profile, RedactionKey, Redactor

SIZE: Final = 1_000_000
SEEDS: Final = {
    "prose with JSON": 'The quick brown fox {"name": "jumps over", "n": 12345} lazy dog; ',
    "one word": "a",
    "digits": "1 ",
    "heads of IBANs": "DE89 ",
    "groups of four": "4111 ",
    "halves of addresses": "a@",
    "pluses": "+1",
    "backslashes": "\\",
    "quotes": '"',
    "URLs": "://a",
    "open passwords": 'password="',
    "escaped passwords": 'password=\\"',
    "cookies": "Cookie: a=;",
    "fields": "a=b;",
    "percents": "%2B",
    "escapes": "\\u002b",
    "beginnings of JWTs": "eyJ",
    "beginnings of keys": "sk-",
    "bearers": "bearer ",
    "private keys without end": "-----BEGIN PRIVATE KEY-----",
    "beginnings of pseudonyms": "[iban:",
    "pseudonyms": "[iban:3f2a9c1d04be]",
    "addresses": "bob@x.de ",
    "open objects": '{"a":',
    "open lists": "[",
}


def seconds(text: str) -> float:
    """Return the CPU seconds that a new redactor takes for a text."""
    redact = Redactor(Profile(), RedactionKey(b"of a benchmark", ""))
    began = process_time()
    redact(text)
    return process_time() - began


def main() -> None:
    """Print a table."""
    print(f"{'text':28} {'1 MB':>8} {'0.5 MB':>8} {'ratio':>6}")
    for name, seed in SEEDS.items():
        text = seed * (SIZE // len(seed))
        half, whole = seconds(text[: SIZE // 2]), seconds(text)
        print(f"{name:28} {whole:6.2f} s {half:6.2f} s {whole / half:6.1f}")


if __name__ == "__main__":
    main()
