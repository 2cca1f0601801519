"""Inside: texts of a JSON value that are secrets by the place where they stand, however deep below a key."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from orchestrator.redaction.names import Names


class Named(NamedTuple):
    """A text that is a secret by its place, and the rule that says so."""

    rule: str
    secret: str


def named_in(value: Any, names: Names) -> Iterator[Named]:
    """Yield the texts of a JSON value that stand below the name of a secret."""
    left: list[tuple[Any, str]] = [(value, "")]
    while left:
        part, rule = left.pop()
        if isinstance(part, dict):
            left += ((inner, rule or rule_below(key, part, names)) for key, inner in part.items())
        elif isinstance(part, list):
            left += ((inner, rule) for inner in part)
        elif rule and part and isinstance(part, str):
            yield Named(rule, part)


def rule_below(key: str, parent: dict[str, Any], names: Names) -> str:
    """Return the rule for what stands below a key; also of `{"name": "Authorization", "value": "..."}`."""
    if key == "value" and isinstance(name := parent.get("name"), str):
        return names.rule_of(name)
    return names.rule_of(key)


def literals(text: str, secret: str) -> Iterator[tuple[int, int]]:
    """Yield where a JSON text holds a string that is no key, without its quotes."""
    for written in {json.dumps(secret), json.dumps(secret, ensure_ascii=False)}:
        for found in re.finditer(re.escape(written) + r"(?!\s{0,8}:)", text):
            yield found.start() + 1, found.end() - 1
