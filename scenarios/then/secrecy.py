"""What may be expected of secrets: that none is in anything that a run leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from scenarios.entry import Texts, as_tuple
from scenarios.evidence import Evidence
from scenarios.expectation import Check, Expectation
from scenarios.secrets import KINDS, SecretFinder, SecretKind

_NAMED = 5


class NoSecrets(Expectation):
    """No secret is left in the journal, in what was logged, or in what is reported, by the rules of redaction."""

    of_artefacts: ClassVar[bool] = True

    type: Literal["no-secrets", "not-no-secrets"]
    kinds: Annotated[
        tuple[SecretKind, ...],
        BeforeValidator(as_tuple, json_schema_input_type=SecretKind | tuple[SecretKind, ...]),
    ] = Field(default=KINDS, min_length=1, description="which kinds of secrets; all, if none is named")
    allow: Texts = Field(default=(), description="texts that are no secrets, such as the address of a test mailbox")
    profile: str = Field(
        default="", description="whose rules: default, or a YAML file beside the scenario; the scenario's if not given"
    )

    @property
    def redacts_by(self) -> str:
        """Its own profile."""
        return self.profile

    def check(self, evidence: Evidence) -> Check:
        """Look everywhere, and say where one is, not what it is."""
        kinds = None if "kinds" not in self.model_fields_set else self.kinds
        places = (f"{kind} in {place}" for place, kind in self._everywhere(evidence) if kinds is None or kind in kinds)
        found = list(dict.fromkeys(places))
        more = f", and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        return not found, f"there is {', '.join(found[:_NAMED])}{more}" if found else "there is none"

    def _everywhere(self, evidence: Evidence) -> Iterator[tuple[str, str]]:
        """Yield place and kind of all secrets."""
        finder = SecretFinder(self.allow, evidence.profile(self.profile))
        for number, row in enumerate(evidence.history.rows, 1):
            about = f"row {number} of the journal ({row.topic} of {row.correlation_id or 'the run'})"
            for secret in finder.find(evidence.left(row.body)):
                yield f"{about} at {secret.pointer or '/'}", secret.kind
        for kind, lines in (("log", evidence.logs), ("report", evidence.report)):
            for number, line in enumerate(lines, 1):
                yield from (
                    (f"line {number} of the {kind}", secret.kind) for secret in finder.find(evidence.left(line))
                )
