"""Text: takes secrets out of one text, whatever is named in it, looks like one, or was known as one before."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import orjson

from orchestrator.redaction.errors import RedactionError
from orchestrator.redaction.inside import Named, literals, named_in
from orchestrator.redaction.names import Names, treated
from orchestrator.redaction.pairs import pairs
from orchestrator.redaction.patterns import Pattern
from orchestrator.redaction.pseudonym import PSEUDONYM, Name, undisguised
from orchestrator.redaction.remembered import Remembered
from orchestrator.redaction.span import Span, apart
from orchestrator.redaction.views import packed, views

#: Encodings inside each other that are looked into.
_DEPTH: Final = 3
#: A text is looked at again until nothing is found; what is replaced is a pseudonym then, and nothing new comes of it.
_ROUNDS: Final = 8
#: Characters of JSON in a text that are parsed.
_JSON: Final = 16_000_000


class Texts:
    """Redacts texts. It remembers what it found by name, and knows it again where nothing names it."""

    def __init__(self, patterns: Sequence[Pattern], names: Names, name: Name) -> None:
        """Prepare.

        Args:
            patterns: what secrets look like.
            names: how they are called.
            name: makes pseudonyms.
        """
        self._patterns, self._names, self._name = patterns, names, name
        self.remembered = Remembered()

    def redacted(self, text: str) -> str:
        """Return a text without its secrets.

        Raises:
            RedactionError: if a rule fails; with its name.
        """
        return self._redacted(text, _DEPTH)

    def _redacted(self, text: str, depth: int) -> str:
        if len(text) < 4:
            return text
        text = undisguised(text)
        for _ in range(_ROUNDS):
            spans = list(apart(self._spans(text, depth), text, PSEUDONYM.finditer(text)))
            if not spans:
                return text
            text = self._spliced(text, spans)
        raise RedactionError(spans[0].rule or "base64", f"finds something new {_ROUNDS} times over")

    def _spliced(self, text: str, spans: Iterable[Span]) -> str:
        parts: list[str] = []
        at = 0
        for span in spans:
            parts += (text[at : span.start], self._replacement(span))
            at = span.end
        parts.append(text[at:])
        return "".join(parts)

    def _replacement(self, span: Span) -> str:
        if span.instead is not None:
            return span.instead
        return self._name(span.rule, span.secret)

    # -- what is found -----------------------------------------------------------------------------------------------

    def _spans(self, text: str, depth: int) -> list[Span]:
        """Return what is to be replaced, in any order; spans may overlap."""
        found = [*self._ruled("names", self._named, text), *self._ruled("remembered", self.remembered.spans, text)]
        for pattern in self._patterns:
            found += self._ruled(pattern.name, pattern.spans, text)
        if depth:
            for view in views(text):
                found += (view.back(span) for span in self._spans(view.text, depth - 1))
            found += packed(text, lambda inside: self._redacted(inside, depth - 1))
        return found

    def _ruled(self, rule: str, find: Callable[[str], Iterable[Span]], text: str) -> list[Span]:
        try:
            return list(find(text))
        except Exception as error:  # noqa: BLE001 - right: whatever goes wrong in a rule, the text stays here
            raise RedactionError(rule, f"it failed with {type(error).__name__}") from None

    def _named(self, text: str) -> Iterator[Span]:
        if text[0] in "{[" and len(text) <= _JSON:
            yield from self._named_in_json(text)
        for pair in pairs(text, self._names):
            instead = treated(pair.rule, pair.secret, self._name, self.hear(pair.rule))
            if instead != pair.secret:
                instead = f"{pair.quote}{instead}{pair.quote}"
                yield Span(pair.start, pair.end, pair.rule, pair.secret, instead=instead, whole=True)

    def _named_in_json(self, text: str) -> Iterator[Span]:
        """Yield secrets that a JSON text names otherwise than by a key that stands right before them."""
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            return
        for named in named_in(value, self._names):
            yield from self._written(text, named)

    def _written(self, text: str, named: Named) -> Iterator[Span]:
        instead = treated(named.rule, named.secret, self._name, self.hear(named.rule))
        if instead != named.secret:
            for start, end in literals(text, named.secret):
                yield Span(start, end, named.rule, named.secret, instead=json.dumps(instead)[1:-1], whole=True)

    def hear(self, rule: str) -> Callable[[str], object]:
        """Return who hears of secrets that have a name, and remembers them."""
        return lambda secret: self.remembered.add(rule, secret)
