"""Documents: files from outside, read as YAML and validated; every error points to a line and column of the file."""

from __future__ import annotations

import bisect
import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from orchestrator.caps import PLAN, Caps
from orchestrator.errors import DocumentError
from orchestrator.garbage import collected_later
from orchestrator.places import Loc, Mark, Places
from orchestrator.shapes import ANY, elsewhere, known_keys, shape_of

M = TypeVar("M", bound=BaseModel)

#: Bytes from which on a document is refused at the first thing that does not fit its model, and the rest not read.
LARGE: Final = 50_000
#: So many names are compared for a suggestion, at most, and so long ones.
_COMPARED: Final = 1000
_COMPARED_LENGTH: Final = 128

#: What to do about a value of the wrong kind, by the beginning of pydantic's name for the fault.
_REMEDIES: Final = {
    "string_type": "write text, in quotes if it looks like a number or like true",
    "string": "choose another text",
    "int": "write a whole number, without quotes",
    "float": "write a number, without quotes",
    "bool": "write true or false",
    "tuple": "write a list: `- item` lines or [a, b]",
    "list": "write a list: `- item` lines or [a, b]",
    "model": "write `key: value` lines, indented below it",
    "dict": "write `key: value` lines, indented below it",
    "too_long": "remove some",
}


@dataclass(frozen=True, slots=True)
class Document:
    """A JSON value with the place of each of its parts.

    Attributes:
        name: the file as the user named it.
        data: the JSON value.
        places: where each of its keys and values stands.
    """

    name: str
    data: Any
    places: Places

    def mark(self, loc: Loc, *, key: bool = False) -> Mark:
        """Return line and column, both from 1, of the value (or key) at `loc`: `("tasks", "a", "after", 0)`.

        Parts of `loc` that lead nowhere are passed over; `()` is the whole.
        """
        return self.places.mark(loc, key=key)

    def error(self, loc: Loc, problem: str, hint: str = "", *, key: bool = False) -> DocumentError:
        """Return an error that points to the value (or key) at `loc`."""
        return DocumentError(self.name, *self.mark(loc, key=key), problem, hint)

    def with_data(self, data: Any) -> Document:
        """Return this document with another value of the same shape, such as a template filled in."""
        return replace(self, data=data)


def read_document(
    source: Path | str | bytes, name: str = "", *, model: type[BaseModel] | None = None, caps: Caps = PLAN
) -> Document:
    """Read YAML from a file (a `Path`) or from text (`str` or UTF-8 `bytes`). An empty text holds null.

    Args:
        source: where the text comes from, or the text.
        name: what errors call it; the path, if not given.
        model: what it is to be validated as: a text larger than `LARGE` is refused at the first key, list or mapping
            that the model knows nothing of, and not read to its end.
        caps: how large it may be; by default as large as a plan.

    Raises:
        DocumentError: if it cannot be read, is not YAML, or uses what this module refuses; with line and column.
    """
    from orchestrator.yaml_text import parse_yaml  # the YAML parser is loaded with the first document

    if isinstance(source, Path):
        name = name or str(source)
        raw = _read_file(source, name, caps.size)
    else:
        name = name or "<text>"
        raw = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source
    with collected_later():
        parsed = parse_yaml(raw, name, shape_of(model) if model and len(raw) > LARGE else ANY, caps)
    return Document(name, parsed.data, parsed.places)


def suggest(word: str, known: Iterable[str]) -> str:
    """Return a hint: the known word that `word` may stand for, and what is allowed where that is a short list.

    Of many known words, those are compared that stand near it in the alphabet, and none is compared that is too long
    to be a name: comparing takes the square of the length.
    """
    names = sorted(name for name in known if len(name) <= _COMPARED_LENGTH)
    at = max(0, bisect.bisect(names, word) - _COMPARED // 2) if len(names) > _COMPARED else 0
    near = [name.lower() for name in names[at : at + _COMPARED]] if len(word) <= _COMPARED_LENGTH else []
    close = difflib.get_close_matches(word.lower(), near, n=1, cutoff=0.6)
    meant = next((f"did you mean {name!r}?" for name in names if close and name.lower() == close[0]), "")
    if meant and len(names) > 12:
        return meant
    listed = f"known: {', '.join(names[:20])}" + (", ..." if len(names) > 20 else "")
    return f"{meant} {listed if names else 'none is known here'}".strip()


def _read_file(path: Path, name: str, most: int) -> bytes:
    try:
        if path.is_dir():
            raise DocumentError(name, 0, 0, "this is a folder", "name a file in it")
        if path.exists() and not path.is_file():
            raise DocumentError(name, 0, 0, "this is not a regular file", "write its content to a file first")
        with path.open("rb") as file:
            return file.read(most + 1)
    except FileNotFoundError:
        siblings = [sibling.name for sibling in path.parent.iterdir()] if path.parent.is_dir() else []
        close = difflib.get_close_matches(path.name, siblings, n=1)
        hint = f"did you mean {close[0]!r}?" if close else "check the path"
        raise DocumentError(name, 0, 0, "no such file", hint) from None
    except (OSError, ValueError) as error:
        problem = f"it cannot be read: {getattr(error, 'strerror', None) or error}"
        raise DocumentError(name, 0, 0, problem, "check the path and its permissions") from None


def validate(document: Document, model: type[M]) -> M:
    """Return the document's value as `model`, without coercion: `"5"` is no integer and `yes` no boolean.

    Raises:
        DocumentError: for the first fault in the order of the file; it says how many more there are.
    """
    try:
        return model.model_validate_json(orjson.dumps(document.data), strict=True)
    except ValidationError as error:
        found = [fault for fault in error.errors(include_url=False) if not _is_echo(fault)]
        # A missing key has no line of its own, and a misspelt one explains it: those come last.
        ranks = [(fault["type"] == "missing", _place(document, fault)) for fault in found]
        first = min(ranks)
        candidates = (fault for fault, rank in zip(found, ranks, strict=True) if rank == first)
        problem, hint = min(_explain(model, fault) for fault in candidates)
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise DocumentError(document.name, *first[1], problem + more, hint) from None


def describe(fault: ErrorDetails, known: Iterable[str] = ()) -> tuple[str, str]:
    """Return problem and hint for one fault that pydantic found; `known` are the keys allowed where it found it."""
    kind, context = fault["type"], fault.get("ctx", {})
    name = next((part for part in reversed(fault["loc"]) if isinstance(part, str)), "")
    subject = repr(name) if name else "the file"
    if kind == "extra_forbidden":
        return f"unknown key {name!r}", suggest(name, known)
    if kind in ("missing", "union_tag_not_found"):
        name = name if kind == "missing" else _quoted(context["discriminator"])[0]
        return f"key {name!r} is missing", f"add `{name}: ...`"
    if kind == "union_tag_invalid":
        tag = str(context["tag"])
        return f"unknown {_quoted(context['discriminator'])[0]} {tag!r}", suggest(
            tag, _quoted(context["expected_tags"])
        )
    if kind in ("literal_error", "enum"):
        return f"{name!r} cannot be {fault['input']!r}", suggest(str(fault["input"]), _quoted(context["expected"]))
    if kind == "too_short":
        return (
            f"{name!r} holds {context['actual_length']} items, {context['min_length']} at least are needed",
            "add one",
        )
    if kind == "value_error":  # worded by our own validators: "problem; hint"
        problem, _, hint = str(context["error"]).rpartition("; ")
        return f"{subject}: {problem or hint}", hint if problem else ""
    message = fault["msg"].removeprefix("Input ").replace("an object", "a mapping").replace("valid array", "list")
    remedy = next((_REMEDIES[start] for start in _REMEDIES if kind.startswith(start)), "change the value")
    return f"{subject} {message[:1].lower()}{message[1:]}, not {_shorten(fault['input'])}", remedy


def _is_echo(fault: ErrorDetails) -> bool:
    """Return whether pydantic calls a list too short only because it refused the items that are there."""
    return fault["type"] == "too_short" and len(fault["input"]) >= fault["ctx"]["min_length"]


def _place(document: Document, fault: ErrorDetails) -> Mark:
    loc = fault["loc"]
    if fault["type"] == "union_tag_invalid":
        loc = (*loc, _quoted(fault["ctx"]["discriminator"])[0])
    return document.mark(loc, key=fault["type"] == "extra_forbidden")


def _explain(model: type[BaseModel], fault: ErrorDetails) -> tuple[str, str]:
    if fault["type"] != "extra_forbidden":
        return describe(fault, [])
    loc = fault["loc"]
    return elsewhere(model, loc) or describe(fault, known_keys(model, loc[:-1]))


def _quoted(listing: str) -> list[str]:
    return re.findall(r"'([^']*)'", listing)


def _shorten(value: Any) -> str:
    if isinstance(value, dict | list | tuple):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
