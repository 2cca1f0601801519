"""Owns Gherkin: a feature file made the skeletons of scenarios, which load, and say in comments what is left to do."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from orchestrator.errors import DocumentError

MAX_BYTES: Final = 1_000_000
_HEADINGS: Final = ("Feature", "Background", "Rule", "Scenario Outline", "Scenario Template", "Scenario", "Example",
                    "Examples", "Scenarios")  # fmt: skip
_HEADING: Final = re.compile(rf"({'|'.join(sorted(_HEADINGS, key=len, reverse=True))}):\s*(.*)")
_STEP: Final = re.compile(r"(Given|When|Then|And|But|\*)\s+(.*)")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_COLUMN: Final = re.compile(r"[^A-Za-z0-9_-]+")
_PLACE: Final = re.compile(r"<([^<>]+)>")
_TITLE: Final = 180
_MOST: Final = 200  # characters that the title of a scenario may have
_HINT: Final = "give a Gherkin feature file in English"


@dataclass(slots=True)
class Story:
    """A scenario of a feature.

    Attributes:
        name: as the file states it.
        tags: of it, and of what it stands in.
        steps: keyword (`Given`, `When` or `Then`) and text.
        columns, rows: of its examples.
    """

    name: str
    tags: tuple[str, ...] = ()
    steps: list[tuple[str, str]] = field(default_factory=list)
    columns: tuple[str, ...] = ()
    rows: list[tuple[str, ...]] = field(default_factory=list)


def read_feature(path: Path) -> list[Story]:
    """Return the scenarios of a feature file, the steps of a background before those of each.

    Raises:
        DocumentError: if it cannot be read, or is no feature; with line and column.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DocumentError(path, 0, 0, f"it has more than {MAX_BYTES} bytes", "split it")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DocumentError(path, 0, 0, f"it cannot be read: {error.strerror}", "check the path") from None
    except UnicodeDecodeError as error:
        raise DocumentError(path, 0, 0, f"not UTF-8 at byte {error.start}", "save the file as UTF-8") from None
    reader = _Reader(path)
    for number, line in enumerate(text.splitlines(), start=1):
        reader.take(number, line.strip(), len(line) - len(line.lstrip()) + 1)
    return reader.end()


def skeleton(story: Story, feature: Path) -> str:
    """Return the text of a scenario file: a task for each `When`; its `Then`s are comments, for people to make true."""
    title = _title(story)
    places = dict(_placeholders(story, title))
    whens = [text for keyword, text in story.steps if keyword == "When" and _line(text)] or [story.name]
    lines = [
        f"# From {feature.name}; what is left to do is marked so.",
        f"scenario: {_text(title, places)}",
    ]
    if story.tags:
        lines.append(f"tags: [{', '.join(json.dumps(_line(tag)) for tag in story.tags if _line(tag))}]")
    lines += ["given:", *(f"  # Given {_line(text)}" for keyword, text in story.steps if keyword == "Given")]
    lines += ["  agents: all", "when:"]
    for number, text in enumerate(whens, start=1):
        lines += [f"  # When {_line(text)}", f"  - submit: {{id: step-{number}, request: {_text(text, places)}}}"]
    lines += ["then:", *(f"  # Then {_line(text)}" for keyword, text in story.steps if keyword == "Then")]
    lines += ["  # to do: say so in expectations; until then, each step has to complete"]
    lines += [f"  - {{type: completed, task: step-{number}}}" for number in range(1, len(whens) + 1)]
    if places:
        lines += ["examples:", *_examples(story, places)]
    return "\n".join(lines) + "\n"


def file_name(story: Story, taken: set[str]) -> str:
    """Return the name of the file of a scenario that no other has, and take it."""
    stem = re.sub(r"[^a-z0-9]+", "-", story.name.lower()).strip("-")[:80] or "scenario"
    names = (stem if number == 1 else f"{stem}-{number}" for number in range(1, len(taken) + 2))
    name = next(name for name in names if name not in taken)
    taken.add(name)
    return f"{name}.scenario.yaml"


class _Reader:
    """Reads a feature line by line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stories: list[Story] = []
        self._background: list[tuple[str, str]] = []
        self._steps: list[tuple[str, str]] | None = None
        self._tags: list[str] = []
        self._inherited: tuple[str, ...] = ()
        self._in_feature = self._in_examples = False
        self._quote = ""
        self._keyword = "Given"

    def take(self, number: int, line: str, column: int) -> None:
        """Take a line, its margin taken off."""
        if self._quote or line[:3] in ('"""', "```"):
            self._take_quoted(line)
            return
        if not line or line.startswith("#"):
            return
        heading, step = _HEADING.fullmatch(line), _STEP.fullmatch(line)
        if line.startswith("@"):
            self._tags += [tag.removeprefix("@") for tag in line.split()]
        elif heading is not None:
            self._begin(number, heading[1], heading[2], column)
        elif line.startswith("|"):
            self._take_row(number, [cell.strip() for cell in line.strip("|").split("|")], column)
        elif step is not None and self._steps is not None:
            self._keyword = self._keyword if step[1] in ("And", "But", "*") else step[1]
            self._steps.append((self._keyword, step[2]))
        elif not self._in_feature:
            raise self._error(number, column, f"{line[:40]!r} before any feature")

    def end(self) -> list[Story]:
        """Return the scenarios.

        Raises:
            DocumentError: if there is none, or a text in quotes has no end.
        """
        if self._quote:
            raise self._error(0, 0, f"a text in {self._quote} has no end")
        if not self._stories:
            raise self._error(0, 0, "it has no scenario")
        return self._stories

    def _begin(self, number: int, heading: str, name: str, column: int) -> None:
        tags, self._tags = tuple(self._tags), []
        self._in_examples = heading in ("Examples", "Scenarios")
        if heading == "Feature":
            self._in_feature, self._inherited, self._steps = True, tags, None
        elif not self._in_feature:
            raise self._error(number, column, f"{heading!r} before any feature")
        elif heading == "Background":
            self._steps = self._background
        elif heading == "Rule":
            self._steps = None
        elif self._in_examples:
            if not self._stories:
                raise self._error(number, column, f"{heading!r} of no scenario")
        else:
            every = tuple(dict.fromkeys((*self._inherited, *tags)))
            self._stories.append(Story(name or f"scenario {len(self._stories) + 1}", every, [*self._background]))
            self._steps, self._keyword = self._stories[-1].steps, "Given"

    def _take_row(self, number: int, cells: list[str], column: int) -> None:
        if not self._in_examples:
            self._add_to_step(" | ".join(cells))
            return
        story = self._stories[-1]
        if not story.columns:
            story.columns = tuple(cells)
        elif cells != list(story.columns):  # a second table of examples states its heading again
            if len(cells) != len(story.columns):
                raise self._error(number, column, f"{len(cells)} cells below {len(story.columns)} columns")
            story.rows.append(tuple(cells))

    def _take_quoted(self, line: str) -> None:
        mark = line[:3]
        if not self._quote:
            self._quote = mark
        elif mark == self._quote:
            self._quote = ""
        else:
            self._add_to_step(line)

    def _add_to_step(self, more: str) -> None:
        if self._steps:
            keyword, text = self._steps[-1]
            self._steps[-1] = keyword, f"{text} {more}"

    def _error(self, line: int, column: int, problem: str) -> DocumentError:
        return DocumentError(self._path, line, column, problem, _HINT)


def _title(story: Story) -> str:
    """Return the title of a scenario; without its placeholders, where a row of examples would make it too long."""
    name = _line(story.name)[:_TITLE] or "scenario"
    longest = max((len(_line(cell)) for row in story.rows for cell in row), default=0)
    return _PLACE.sub(r"\1", name) if len(name) + longest * len(_PLACE.findall(name)) > _MOST else name


def _placeholders(story: Story, title: str) -> Iterator[tuple[str, str]]:
    """Yield the columns that the scenario uses, and what they are called here."""
    texts = " ".join([title, *(text for keyword, text in story.steps if keyword == "When")])
    used, taken = set(_PLACE.findall(texts)), {"tags"}  # a column of that name is none of the outline's
    for number, column in enumerate(story.columns, start=1):
        if column in used and story.rows:
            name = _COLUMN.sub("_", column)
            name = name if _NAME.fullmatch(name) and name not in taken else f"column_{number}"
            taken.add(name)
            yield column, name


def _text(text: str, places: dict[str, str]) -> str:
    """Return a text in quotes, with placeholders as scenarios write them; what only looks like one loses its <>."""
    told = _PLACE.sub(lambda match: f"<{places[match[1]]}>" if match[1] in places else match[1], text)
    return json.dumps(_line(told), ensure_ascii=False)


def _line(text: str) -> str:
    """Return a text on one line, without characters that YAML refuses."""
    return "".join(character for character in " ".join(text.split()) if unicodedata.category(character)[0] != "C")


def _examples(story: Story, places: dict[str, str]) -> Iterator[str]:
    for row in story.rows:
        cells = dict(zip(story.columns, row, strict=True))
        told = ", ".join(
            f"{name}: {json.dumps(_line(cells[column]) or '-', ensure_ascii=False)}" for column, name in places.items()
        )
        yield f"  - {{{told}}}"
