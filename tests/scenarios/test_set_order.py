from pathlib import Path
from textwrap import dedent

import pytest

from scenarios.set_order import ordered_sets


def _found(tmp_path: Path, body: str, *, head: str = "") -> list[str]:
    begin = "def handle(request, known: set[str], other=None):"
    source = f"{head}\n{begin}\n    words = set(request.split())\n    {body}\n"
    file = tmp_path / "agent.py"
    file.write_text(source)
    begins = source.splitlines().index(begin) + 1
    return [text for _, text in ordered_sets(file, [begins])]


@pytest.mark.parametrize(
    "body",
    [
        "return list(words)",
        "return [word for word in words]",
        "return ', '.join(words | {'a'})",
        "return tuple(known - {'a'})",
        "return [*known]",
        "return words.pop()",
        "return list({'a': 1}.keys() - words)",
        "return list(enumerate(words.union('a')))",
        "return {word: 1 for word in frozenset(request)}",
        "return list(words if request else [])",
    ],
)
def test_going_through_a_set_in_its_order_is_found(body: str, tmp_path: Path) -> None:
    """Whether it was made here or is said to be one."""
    assert _found(tmp_path, body) == [body]


@pytest.mark.parametrize(
    "body",
    [
        "return sorted(words)",
        "return sorted(word for word in words)",
        "return len(words) + sum(1 for _ in words)",
        "return {word.upper() for word in words}",
        "return list(request)",
        "return 'a' in words",
        "return other.pop()",
        "return [1][0]",
    ],
)
def test_what_has_no_order_and_what_is_no_set_is_not(body: str, tmp_path: Path) -> None:
    """Sorting, counting and asking are the ways to use a set."""
    assert _found(tmp_path, body) == []


def test_attributes_and_names_of_the_module_are_known(tmp_path: Path) -> None:
    """A loop over what an object keeps as a set, and over a constant."""
    head = "KNOWN = frozenset('ab')\nclass Box:\n    def __init__(self):\n        self.seen = set()"
    assert _found(tmp_path, "return list(KNOWN)", head=head) == ["return list(KNOWN)"]
    assert _found(tmp_path, "return list(other.seen)", head=head) == ["return list(other.seen)"]


def test_functions_that_did_not_run_are_not_looked_at_and_a_decorated_one_is(tmp_path: Path) -> None:
    """Its code begins at its first decorator."""
    file = tmp_path / "agent.py"
    file.write_text(dedent("""\
        def idle(): return list({1, 2})

        @str
        def handle(): return list({3, 4})
    """))  # fmt: skip
    assert list(ordered_sets(file, [3])) == [(4, "def handle(): return list({3, 4})")]


def test_what_is_no_python_holds_nothing(tmp_path: Path) -> None:
    """An agent's source may be gone, or be written in something else."""
    (tmp_path / "bad.py").write_bytes(b"\xff(")
    assert list(ordered_sets(tmp_path / "bad.py", [1])) == []
    assert list(ordered_sets(tmp_path / "none.py", [1])) == []
