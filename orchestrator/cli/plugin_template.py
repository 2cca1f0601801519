"""The plugin template: a package with one agent, ready to install, to be filled in by whoever asked for it."""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import Final

from orchestrator.agent import AGENT_NAME
from orchestrator.errors import PointsmanError

MAX_NAME: Final = 63

_PYPROJECT: Final = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "pointsman-$name"
version = "0.1.0"
description = "An agent for pointsman: $words."
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["pointsman"]

[project.entry-points."pointsman.agents"]
$name = "$module:$function"

[tool.setuptools]
py-modules = ["$module"]
"""

_MODULE: Final = '''\
"""The agent $name."""

from orchestrator import agent

# The router learns the agent from these alone. Replace them by what people really ask; ten varied ones do.
EXAMPLES = [
    "$words",
    "$words, please",
    "I need the $words",
    "ask the $words about it",
    "this is for the $words",
    "$words: have a look",
    "let the $words do it",
    "can the $words help me?",
    "start the $words",
    "pass it on to the $words",
    "what does the $words say?",
]


@agent("$name", summary="Does the work of the $words.", examples=EXAMPLES)
async def $function(request: str) -> dict[str, str]:
    """Answer one request; annotate the parameter with a pydantic model to take the task's payload instead."""
    return {"summary": f"$words saw: {request}"}
'''

_TEST: Final = '''\
"""The agent is found by its entry point, and answers."""

import asyncio

from $module import $function


def test_it_answers() -> None:
    """Calling an agent calls its function: no orchestrator is needed to test one."""
    assert asyncio.run($function("hello")) == {"summary": "$words saw: hello"}


def test_its_card_is_rich_enough_to_be_routed_to() -> None:
    """Ten varied examples make a good card."""
    assert $function.card.name == "$name"
    assert len(set($function.card.examples)) >= 10
'''

_README: Final = """\
# pointsman-$name

An agent for [pointsman](https://pypi.org/project/pointsman/).

```console
pip install .
pointsman agents list
pointsman agents check
pointsman route "$words, please"
```

`$module.py` is all of it: the card's examples teach the router, the function does the work.
"""


def write_plugin(name: str, folder: Path) -> Path:
    """Write the package `folder/name` and return its path.

    Raises:
        PointsmanError: if the name is none for an agent, the package is there already, or it cannot be written.
    """
    if len(name) > MAX_NAME or not AGENT_NAME.fullmatch(name):
        raise PointsmanError(f"{name!r} is no agent's name; use kebab-case, for example 'invoice-checker'")
    package = folder / name
    module = f"pointsman_{name.replace('-', '_')}"
    fields = {"name": name, "words": name.replace("-", " "), "module": module, "function": f"{module[10:]}_agent"}
    files = {
        "pyproject.toml": _PYPROJECT,
        f"{module}.py": _MODULE,
        f"test_{module}.py": _TEST,
        "README.md": _README,
    }
    try:
        package.mkdir(parents=True)
        for file, text in files.items():
            (package / file).write_text(Template(text).substitute(fields), encoding="utf-8")
    except FileExistsError:
        raise PointsmanError(f"{package} is there already; choose another name or remove it") from None
    except OSError as error:
        raise PointsmanError(f"{package}: cannot be written: {error.strerror}; choose another --dir") from error
    return package
