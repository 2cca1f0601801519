"""Owns the places where source code relies on the order of a set, as far as its text shows."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

_MAKERS: Final = frozenset(("set", "frozenset"))
_OPERATORS: Final = (ast.BitOr, ast.BitAnd, ast.Sub, ast.BitXor)
_METHODS: Final = frozenset(("union", "intersection", "difference", "symmetric_difference", "copy", "keys"))
#: Functions that go through what they are given in its order, and give something that has one.
_IN_ORDER: Final = frozenset(("list", "tuple", "iter", "enumerate", "map", "filter", "zip", "reversed", "next"))
#: Functions to which no order matters.
_ANY_ORDER: Final = frozenset(("sorted", "set", "frozenset", "len", "min", "max", "any", "all", "sum"))


def ordered_sets(path: Path, lines: Collection[int]) -> Iterator[tuple[int, str]]:
    """Yield the lines of a file, in functions that begin at `lines`, that go through a set; with their text.

    It is a guess: a name is taken for a set where the same function, or a class's attribute anywhere, was made one,
    or is annotated so. Nothing is found in a file that cannot be read as Python.
    """
    try:
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
    except (OSError, UnicodeDecodeError, SyntaxError, ValueError):
        return
    source = text.splitlines()
    shared = _names(tree, functions=False)
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and _begin(node) & set(lines):
            found |= _lines(node, shared | _names(node, functions=True))
    yield from ((line, source[line - 1].strip()) for line in sorted(found))


def _begin(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> set[int]:
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    return {node.lineno, *(one.lineno for one in decorators)}


def _names(tree: ast.AST, *, functions: bool) -> set[str]:
    """Return what is a set by its text: names of a function, or names of the module and attributes of any object."""
    found: set[str] = set()
    inside = ast.walk(tree) if functions else [*getattr(tree, "body", ()), *_attribute_places(tree)]
    for node in inside:
        if isinstance(node, ast.Assign) and _is_set(node.value, found):
            found |= {name for target in node.targets if (name := _name(target))}
        elif isinstance(node, ast.AnnAssign | ast.arg) and node.annotation is not None and _says_set(node.annotation):
            found.add(node.arg if isinstance(node, ast.arg) else _name(node.target))
        elif isinstance(node, ast.AugAssign) and _is_set(node.value, found):
            found.add(_name(node.target))
    return found - {""}


def _attribute_places(tree: ast.AST) -> list[ast.AST]:
    kept: list[ast.AST] = []
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Attribute) for target in targets):
            kept.append(node)
    return kept


def _name(target: ast.AST) -> str:
    if isinstance(target, ast.Name):
        return target.id
    return f".{target.attr}" if isinstance(target, ast.Attribute) else ""


def _says_set(annotation: ast.AST) -> bool:
    text = ast.unparse(annotation)
    return text.split("[")[0].rpartition(".")[2].lower() in ("set", "frozenset", "abstractset", "mutableset")


def _is_set(node: ast.AST, names: Collection[str]) -> bool:
    if isinstance(node, ast.Set | ast.SetComp) or _name(node) in names:
        return True
    if isinstance(node, ast.BinOp) and isinstance(node.op, _OPERATORS):
        return _is_set(node.left, names) or _is_set(node.right, names) or _is_keys(node.left)
    if isinstance(node, ast.IfExp):
        return _is_set(node.body, names) or _is_set(node.orelse, names)
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Name):
        return node.func.id in _MAKERS
    return isinstance(node.func, ast.Attribute) and node.func.attr in _METHODS and _is_set(node.func.value, names)


def _is_keys(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "keys"


def _lines(function: ast.AST, names: Collection[str]) -> set[int]:
    """Return the lines of a function on which it goes through a set and an order comes of it."""
    free = {id(inner) for node in ast.walk(function) for inner in _order_free(node)}
    return {
        one.lineno
        for node in ast.walk(function)
        for one in _gone_through(node)
        if id(node) not in free and _is_set(one, names)
    }


def _order_free(node: ast.AST) -> list[ast.AST]:
    """Return the comprehensions whose order nobody sees, for they are given to a function that does not look at it."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _ANY_ORDER:
        return list(node.args)
    return [node] if isinstance(node, ast.SetComp) else []


def _gone_through(node: ast.AST) -> list[ast.expr]:
    """Return the expressions that a node goes through in their order."""
    if isinstance(node, ast.For | ast.AsyncFor):
        return [node.iter]
    if isinstance(node, ast.ListComp | ast.GeneratorExp | ast.DictComp):
        return [one.iter for one in node.generators]
    if isinstance(node, ast.Starred):
        return [node.value]
    if not isinstance(node, ast.Call):
        return []
    if isinstance(node.func, ast.Name):
        return list(node.args) if node.func.id in _IN_ORDER else []
    if isinstance(node.func, ast.Attribute) and node.func.attr == "pop" and not node.args:
        return [node.func.value]
    joins = isinstance(node.func, ast.Attribute) and node.func.attr in ("join", "extend", "writelines", "fromkeys")
    return list(node.args) if joins else []
