"""The redactor: maps a JSON value to one in which every secret is a pseudonym, wherever one is written."""

from __future__ import annotations

from collections import Counter
from threading import RLock
from typing import Any, Final, NamedTuple

from orchestrator.plan import RESULT_KEY
from orchestrator.redaction.errors import RedactionError
from orchestrator.redaction.inside import rule_below
from orchestrator.redaction.key import RedactionKey
from orchestrator.redaction.names import is_headers, treated
from orchestrator.redaction.profile import Profile
from orchestrator.redaction.pseudonym import Name, Pseudonyms, is_pseudonym
from orchestrator.redaction.text import Texts
from orchestrator.redaction.views import gained

#: Texts whose outcome is kept, and how long each may be: ids, names and words come again and again.
_KEPT: Final = 4096
_SHORT: Final = 200
_DEEP: Final = 200
#: Numbers from here on may be those of cards.
_LARGE: Final = 10**12


class Tally(NamedTuple):
    """What a rule came to: different secrets, and places at which they stood."""

    secrets: int
    places: int


class Redactor:
    """Redacts JSON values; call it. The same secret becomes the same pseudonym; what is redacted stays as it is.

    Once a rule has failed it refuses everything: a run must not go on as if nothing had happened.

    Attributes:
        profile: what it was made from.
        mark: of its key; empty where it has none.
    """

    def __init__(self, profile: Profile, key: RedactionKey | None, name: Name | None = None) -> None:
        """Prepare.

        Args:
            profile: what is a secret.
            key: of the pseudonyms; None for one that finds nothing new, such as in a replay far from the key: it
                fails at a secret, and what is redacted passes.
            name: makes the pseudonyms instead of a key.
        """
        self.profile, self.mark = profile, "" if key is None else key.mark
        self._name: Name = name or Pseudonyms(None if key is None else key.secret)
        self._names, self._turn = profile.names, RLock()  # threads of agents log, too
        self._texts = Texts(profile.rules, self._names, self._name)
        self._places: Counter[str] = Counter()
        self._secrets: dict[str, set[str]] = {}
        self._clean: set[str] = set()
        self._failure: RedactionError | None = None

    def __call__(self, value: Any) -> Any:
        """Return a JSON value without its secrets; of the same shape: only texts differ, and numbers that are secrets.

        Raises:
            RedactionError: if a rule fails, or the value is too deep; and from then on always.
        """
        with self._turn:
            if self._failure is not None:
                raise self._failure
            try:
                return self._value(value, 0)
            except RedactionError as error:
                self._failure = error
                raise

    @property
    def failure(self) -> RedactionError | None:
        """What went wrong; None if nothing did."""
        return self._failure

    @property
    def tallies(self) -> dict[str, Tally]:
        """What was replaced so far, by rule; no secret is in it."""
        return {rule: Tally(len(self._secrets[rule]), self._places[rule]) for rule in sorted(self._places)}

    # -- inside ------------------------------------------------------------------------------------------------------

    def _tally(self, before: str, after: str) -> None:
        for pseudonym, count in gained(before, after).items():
            rule = pseudonym.partition(":")[0]
            self._places[rule] += count
            self._secrets.setdefault(rule, set()).add(pseudonym)

    def _value(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return self._object(value, depth + 1, headers=False)
        if isinstance(value, list | tuple):
            self._check(depth)
            return [self._value(item, depth + 1) for item in value]
        if isinstance(value, int) and value >= _LARGE:
            text = self._text(str(value))
            return text if is_pseudonym(text) else value
        return value

    def _text(self, text: str) -> str:
        if text in self._clean:
            return text
        known = len(self._texts.remembered)
        redacted = self._texts.redacted(text)
        if len(self._texts.remembered) != known:
            self._clean.clear()
        if redacted != text:
            self._tally(text, redacted)
        elif len(self._texts.remembered) == known and len(text) <= _SHORT and len(self._clean) < _KEPT:
            self._clean.add(text)
        return redacted

    def _object(self, value: dict[str, Any], depth: int, *, headers: bool) -> dict[str, Any]:
        self._check(depth)
        made: dict[str, Any] = {}
        for key, inner in value.items():
            rule = "" if key == RESULT_KEY else rule_below(key, value, self._names)
            if not rule and headers and not self._names.is_allowed(key):
                rule = "header"
            if rule:
                part = self._secret(inner, rule, depth)
            elif isinstance(inner, dict) and is_headers(key):
                part = self._object(inner, depth + 1, headers=True)
            elif is_headers(key) and isinstance(inner, list | tuple):
                part = [self._header(item, depth + 1) for item in inner]
            else:
                part = self._value(inner, depth)
            made[self._key(key, made)] = part
        return made

    def _header(self, item: Any, depth: int) -> Any:
        """Redact one of the headers that are a list: a pair of texts."""
        if isinstance(item, list | tuple) and len(item) == 2 and isinstance(item[0], str):
            redacted = self._object({item[0]: item[1]}, depth, headers=True)
            return list(*redacted.items())
        return self._value(item, depth)

    def _key(self, key: str, made: dict[str, Any]) -> str:
        """Return a key without its secrets, which is another than those that are there."""
        new = redacted = self._text(key)
        while new in made:
            new = f"{redacted}#{len(made)}"
        return new

    def _secret(self, value: Any, rule: str, depth: int) -> Any:
        """Replace every text and number of a value that is a secret by its name."""
        self._check(depth)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, dict):
            return {
                self._text(key): self._value(inner, depth)  # a reference to a result says where, and is no secret
                if key == RESULT_KEY
                else self._secret(inner, self._names.rule_of(key) or rule, depth + 1)
                for key, inner in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._secret(item, rule, depth + 1) for item in value]
        text = value if isinstance(value, str) else str(value)
        if rule == "header":
            text = self._text(text)
            if is_pseudonym(text):
                return text
        known = len(self._texts.remembered)
        secret = treated(rule, text, self._name, self._texts.hear(rule))
        if len(self._texts.remembered) != known:
            self._clean.clear()
        self._tally(text, secret)
        return self._text(secret) if secret != text else value

    def _check(self, depth: int) -> None:
        if depth > _DEEP:
            raise RedactionError("names", f"a value is more than {_DEEP} levels deep")
