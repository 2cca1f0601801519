"""The profile: what is a secret: patterns, names of keys, headers that may be kept; built in, or a YAML file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from orchestrator import caps
from orchestrator.documents import read_document, validate
from orchestrator.redaction.bounded import why_slow
from orchestrator.redaction.names import Names
from orchestrator.redaction.patterns import BUILT_IN, Pattern, own_pattern

DEFAULT: Final = "default"
#: Says that nothing is to be taken out.
NONE: Final = "none"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OwnPattern(_Part):
    """A rule of a user's own.

    Attributes:
        name: what its pseudonyms begin with.
        pattern: regular expression, of Python's `re`.
        ignore_case: whether capitals are the same.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$", description="what its pseudonyms begin with")]
    pattern: Annotated[str, Field(min_length=1, max_length=1000, description="regular expression, of Python's `re`")]
    ignore_case: Annotated[bool, Field(description="whether capitals and small letters are the same")] = False

    @field_validator("pattern")
    @classmethod
    def _is_quick(cls, pattern: str) -> str:
        try:
            compiled = re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            raise ValueError(f"no regular expression: {error}; correct the pattern") from None
        if compiled.search("") is not None:
            raise ValueError("the pattern matches no text at all; let it match one character at least")
        if slow := why_slow(pattern):
            raise ValueError(f"{slow}; write such as {{1,64}}, and no repetition inside another")
        return pattern

    def rule(self) -> Pattern:
        """Return the rule."""
        return own_pattern(self.name, re.compile(self.pattern, re.IGNORECASE if self.ignore_case else 0))


class _File(_Part):
    """A profile as people write it."""

    extends: Annotated[Literal["default", "none"], Field(description="what is built in, or nothing")] = "default"
    patterns: Annotated[tuple[OwnPattern, ...], Field(max_length=100, description="what secrets look like")] = ()
    keys: Annotated[tuple[str, ...], Field(max_length=1000, description="what keys are called that hold one")] = ()
    headers: Annotated[tuple[str, ...], Field(max_length=1000, description="headers that may be kept")] = ()


class Profile:
    """What is a secret.

    Attributes:
        name: `default`, or the name of the file without its ending.
        source: the file; None for what is built in.
        rules: what secrets look like.
        names: what they are called.
    """

    def __init__(self, name: str = DEFAULT, file: _File | None = None, source: Path | None = None) -> None:
        self.name, self.source = name, source
        about = file or _File()
        built_in = about.extends == "default"
        self.rules = tuple(own.rule() for own in about.patterns) + (BUILT_IN if built_in else ())
        self.names = Names(about.keys, about.headers, built_in=built_in)


def read_profile(name: str) -> Profile | None:
    """Return the profile of a name: `default`, a YAML file, or None for `none` and nothing.

    Raises:
        DocumentError: if the file cannot be read or used; with line and column.
    """
    if name in ("", NONE):
        return None
    if name == DEFAULT:
        return Profile()
    path = Path(name)
    document = read_document(path, model=_File, caps=caps.SETTINGS)
    file = _File() if document.data is None else validate(document, _File)
    return Profile(path.name.partition(".")[0], file, path)
