"""The ledger of redaction: how often each rule put a pseudonym in the place of a secret, in the rows of a run."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

import orjson

from orchestrator.messages import Envelope
from orchestrator.topics import RUN_STARTED

#: What stands for a secret, such as `[iban:3f2a9c1d04be]`.
_PSEUDONYM: Final = re.compile(rb"\[([a-z][a-z0-9-]{0,31}):[0-9a-f]{12}\]")


class Ledger:
    """Counts pseudonyms by rule; of a run that says of no redaction nothing is looked for.

    Attributes:
        profile: under which the run was redacted; empty where it was not.
        times: how often each rule was applied.
        rows: in which anything was redacted.
    """

    def __init__(self) -> None:
        self.profile, self.rows = "", 0
        self.times: Counter[str] = Counter()
        self._different: dict[str, set[bytes]] = {}

    def take(self, envelope: Envelope) -> None:
        """Take a row in."""
        if envelope.topic == RUN_STARTED:
            self.profile = str(envelope.body.get("redacted", ""))
        if not self.profile:
            return
        found = list(_PSEUDONYM.finditer(orjson.dumps(envelope.body)))
        self.rows += bool(found)
        for one in found:
            rule = one[1].decode()
            self.times[rule] += 1
            self._different.setdefault(rule, set()).add(one[0])

    def different(self, rule: str) -> int:
        """Return how many different secrets a rule found."""
        return len(self._different.get(rule, ()))
