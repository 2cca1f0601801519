"""Pseudonyms: what stands in the place of a secret, such as `[iban:3f2a9c1d04be]`: the same for the same secret."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Final

from orchestrator.redaction.errors import RedactionError

#: Hex digits of a pseudonym: 48 bits, so that among a million secrets two are hardly ever one.
DIGITS: Final = 12
#: What stands between its brackets.
WITHIN: Final = rf"[a-z][a-z0-9-]{{0,31}}:[0-9a-f]{{{DIGITS}}}"
PSEUDONYM: Final = re.compile(rf"\[({WITHIN})\]")
#: The same as others write it: percent-encoded, escaped in JSON, in capitals.
_DISGUISED: Final = re.compile(
    rf"(?:\[|%5b|\\u005b)([a-z][a-z0-9-]{{0,31}})(?::|%3a|\\u003a)([0-9a-f]{{{DIGITS}}})(?:\]|%5d|\\u005d)",
    re.IGNORECASE,
)

#: Makes the pseudonym of a secret, given the rule that found it.
Name = Callable[[str, str], str]


class Pseudonyms:
    """Makes pseudonyms with a key: who does not have it cannot try out which secret it was."""

    def __init__(self, key: bytes | None) -> None:
        self._key = key

    def __call__(self, rule: str, secret: str) -> str:
        """Return the pseudonym of a secret.

        Raises:
            RedactionError: if there is no key.
        """
        if self._key is None:
            raise RedactionError(rule, "it finds a secret that the recording did not give, and the key is not here")
        digest = hmac.new(self._key, secret.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
        return f"[{rule}:{digest[:DIGITS]}]"


def is_pseudonym(text: str) -> bool:
    """Return whether a text is a pseudonym and nothing else."""
    return PSEUDONYM.fullmatch(text) is not None


def undisguised(text: str) -> str:
    """Return a text in which each pseudonym is written as this page writes it."""
    return _DISGUISED.sub(lambda found: f"[{found[1].lower()}:{found[2].lower()}]", text)
