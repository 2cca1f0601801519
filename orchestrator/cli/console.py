"""Consoles, tables and JSON: the one place where text of strangers meets a terminal, and where it is made inert."""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

#: Columns where nobody says how wide the output is: a file, a pipe.
PLAIN_WIDTH: Final = 120
_BAR: Final = " ▏▎▍▌▋▊▉"
_HEIGHTS: Final = "▁▂▃▄▅▆▇█"


def safe(text: object) -> str:
    """Return a text as one line that no terminal acts upon.

    White space becomes single spaces; control, format (bidirectional, zero-width), surrogate and private-use
    characters go.
    """
    kept = (character for character in " ".join(str(text).split()) if unicodedata.category(character)[0] != "C")
    return "".join(kept)


def shorten(text: object, limit: int) -> str:
    """Return a text as one inert line of at most `limit` characters."""
    line = safe(text)
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def cell(text: object, style: str = "") -> Text:
    """Return an inert text for a table, tree or line: brackets in it are brackets."""
    from rich.text import Text

    return Text().append(safe(text), style)  # a base style would colour all that is appended to it


def make_console(*, stderr: bool = False) -> Console:
    """Return a console that takes no markup. Colours follow the terminal, NO_COLOR and FORCE_COLOR."""
    from rich.console import Console

    console = Console(stderr=stderr, markup=False, highlight=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PLAIN_WIDTH
    return console


def show(*lines: Any) -> None:
    """Print each of these on lines of its own to stdout; what strangers wrote comes as `cell` or `table`.

    Where nobody says how wide the output is, lines stay whole: a log is searched line by line.
    """
    from rich.text import Text

    console = make_console()
    whole = not console.is_terminal and "COLUMNS" not in os.environ
    for line in lines:
        console.print(line, soft_wrap=whole and isinstance(line, Text))


def note(text: object) -> None:
    """Print a message, inert, to stderr: stdout holds data only."""
    make_console(stderr=True).print(cell(text), soft_wrap=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> Table:
    """Return a table; columns whose title starts with `>` are aligned to the right, cells that are no `Text` inert."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD)
    made.pad_edge, made.show_edge, made.collapse_padding = False, False, True
    for column in columns:
        right = column.startswith(">")
        made.add_column(column.removeprefix(">"), justify="right" if right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(value if isinstance(value, Text) else cell(value) for value in row))
    return made


def bar(share: float, width: int) -> str:
    """Return a bar of blocks, `share` (0 to 1) of `width` characters long."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    return "█" * (eighths // 8) + _BAR[eighths % 8].strip()


def sparkline(values: Sequence[float], width: int = 40) -> str:
    """Return values as a line of blocks, the least low and the greatest high; more than `width` are thinned out."""
    if len(values) > width:
        values = [values[round(at * (len(values) - 1) / (width - 1))] for at in range(width)]
    low, high = min(values), max(values)
    steps = len(_HEIGHTS) - 1
    return "".join(_HEIGHTS[round((value - low) / ((high - low) or 1.0) * steps)] for value in values)


def print_json(value: object) -> None:
    """Print a JSON value to stdout, for people who read it and programs alike.

    Characters beyond ASCII are escaped, so that neither a terminal nor an encoding can make anything of them.
    """
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def print_json_line(value: object) -> None:
    """Print a JSON value to stdout on one line."""
    sys.stdout.write(json.dumps(value, separators=(",", ":")) + "\n")


def moment(at: float) -> str:
    """Return seconds since the epoch as date and time, UTC."""
    import datetime as dt

    return dt.datetime.fromtimestamp(at, dt.UTC).strftime("%Y-%m-%d %H:%M:%S")


def duration(seconds: float) -> str:
    """Return seconds with the unit that suits them."""
    for limit, factor, unit in ((0.001, 1e6, "µs"), (1.0, 1e3, "ms")):
        if seconds < limit:
            return f"{seconds * factor:.0f} {unit}"
    return f"{seconds:.1f} s"
