import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

from orchestrator.own_line import own_line

HELPER = """
import json

def shout(look):
    return json.loads("[1]", object_hook=None, parse_int=lambda _: look())[0]
"""


def _here(depth: int = 1) -> str:
    return str(own_line(sys._getframe(depth)))


def test_it_is_the_innermost_line_of_own_code() -> None:
    """The standard library's frames between are passed over, the caller's own are what is asked for."""
    found = json.loads("1", parse_int=lambda _: _here())
    assert found == f"test_own_line.py:{sys._getframe().f_lineno - 1}"


def _module(path: Path, source: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(source, str(path), "exec"), names)  # noqa: S102 - code at a path of our choice
    return names


def test_installed_code_is_a_librarys_where_own_code_called_it_and_else_its_own(tmp_path: Path) -> None:
    """An agent of somebody's package is named, a library that it or anybody calls is not."""
    folder = tmp_path / "site-packages" / "acme"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    shout = _module(folder / "agent.py", HELPER)["shout"]
    assert shout(_here).startswith("test_own_line.py:")
    found = shout(lambda: own_line(_without_tests(sys._getframe(2))))
    assert str(found) == "acme/agent.py:5"


def _without_tests(frame: FrameType | None) -> Any:
    """Return a stack that ends where our tests begin."""
    if frame is None or frame.f_code.co_filename == __file__:
        return None
    return SimpleNamespace(f_code=frame.f_code, f_lineno=frame.f_lineno, f_back=_without_tests(frame.f_back))


def test_nobodys_call_and_ours_have_no_own_line() -> None:
    """A call from our own code is not that of an agent, though an agent's code is further up."""
    from orchestrator.foreign import as_json

    seen: list[object] = []

    class Sly(dict[str, Any]):
        def items(self) -> Any:
            seen.append(own_line(sys._getframe(1)))
            return super().items()

    as_json({"a": Sly(b=1)})
    assert own_line(None) is None
    assert set(seen) <= {None}


def test_what_a_dataclass_makes_is_no_line() -> None:
    """It has no file; who calls it has."""

    @dataclass
    class Box:
        at: str = field(default_factory=lambda: _here(2))

    assert Box().at.startswith("test_own_line.py:")
