"""Secrets: what must not be in anything that a run leaves, found by the rules that redaction takes them out with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, get_args

from orchestrator.redaction import Profile, RedactionKey, Redactor
from orchestrator.redaction.pseudonym import PSEUDONYM
from scenarios.changes import changes
from scenarios.conditions import canonical

#: The rules of redaction: how a secret looks; or what it is called (`secret`, `cookie`, `header`).
SecretKind = Literal[
    "card", "iban", "email", "phone", "jwt", "key", "token", "private-key", "userinfo", "secret", "cookie", "header"
]
KINDS: Final[tuple[SecretKind, ...]] = get_args(SecretKind)


class Secret(NamedTuple):
    """Where a secret is, as a JSON Pointer, and of which kind; what it is, no report may show."""

    pointer: str
    kind: str


class SecretFinder:
    """Looks for secrets in one value after the other; what was found by its name is known where nothing names it."""

    def __init__(self, allow: Sequence[str] = (), profile: Profile | None = None) -> None:
        """Prepare; texts that are allowed are no secrets. Rules are those of a profile, or the default one."""
        self._allow = tuple(allow)
        self._redact = Redactor(profile or Profile(), RedactionKey(b"nobody sees these", ""))

    def find(self, value: Any) -> Iterator[Secret]:
        """Yield where in a JSON value secrets are.

        Raises:
            RedactionError: if a rule fails.
        """
        plain = self._without_allowed(value)
        for change in changes(plain, self._redact(plain)):
            known = set(_kinds_in(change.recorded))
            yield from (Secret(change.pointer, kind) for kind in _kinds_in(change.actual) if kind not in known)

    def _without_allowed(self, value: Any) -> Any:
        if isinstance(value, str):
            for text in self._allow:
                value = value.replace(text, "")
            return value
        if isinstance(value, Mapping):
            return {self._without_allowed(key): self._without_allowed(inner) for key, inner in value.items()}
        return [self._without_allowed(inner) for inner in value] if isinstance(value, list | tuple) else value


def _kinds_in(value: Any) -> list[str]:
    """Return the kinds of the pseudonyms in a value, each once; of what is absent, none."""
    if not isinstance(value, str | Mapping | list | tuple):
        return []
    found = PSEUDONYM.finditer(value if isinstance(value, str) else canonical(value))
    return list(dict.fromkeys(one[0][1:].partition(":")[0] for one in found))
