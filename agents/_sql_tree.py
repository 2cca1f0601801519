"""The syntax tree's part of sql-checker: what only sqlglot's parser can tell."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from agents._sql_lexer import Statement
from agents._sql_rules import NO_WHERE, WHERE_TRUE, Rule

if TYPE_CHECKING:
    from sqlglot import exp

_MAX_NESTING: Final = 100


class UnparsedError(Exception):
    """Raised when a statement cannot be parsed; carries what and where in the statement."""

    def __init__(self, problem: str, offset: int = 0) -> None:
        self.problem, self.offset = problem, offset
        super().__init__(problem)


def parse(statement: Statement, dialect: str) -> list[exp.Expr]:
    """Return the trees of a statement.

    Raises:
        UnparsedError: if it has none.
    """
    import sqlglot
    from sqlglot.errors import ParseError, SqlglotError

    if statement.broken:
        raise UnparsedError("a quote or comment is not closed")
    if _nesting(statement) > _MAX_NESTING:
        raise UnparsedError(f"nested deeper than {_MAX_NESTING}")
    try:
        with _quiet():
            return [tree for tree in sqlglot.parse(statement.source, read=dialect) if tree]
    except ParseError as error:
        fault = error.errors[0] if error.errors else {}
        line = int(fault.get("line") or 1)
        raise UnparsedError(str(fault.get("description") or "syntax error"), _line_start(statement, line)) from error
    except SqlglotError as error:
        raise UnparsedError("its words cannot be told apart") from error
    except RecursionError as error:
        raise UnparsedError("nested too deeply") from error
    except (ValueError, TypeError, AttributeError, LookupError, AssertionError) as error:
        # arbitrary text reaches corners of sqlglot that fail in its own code; the statement is as unknown as before
        raise UnparsedError(f"the parser gave up: {type(error).__name__}") from error


def _nesting(statement: Statement) -> int:
    depth = deepest = 0
    for lexeme in statement.lexemes:
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(lexeme.text, 0)
        deepest = max(deepest, depth)
    return deepest


def _line_start(statement: Statement, line: int) -> int:
    return sum(len(text) for text in statement.source.splitlines(keepends=True)[: line - 1])


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep sqlglot from warning on stderr about each statement that it passes over unread; the rules read those."""
    logger, mute = logging.getLogger("sqlglot"), logging.Filter("pointsman.never")
    logger.addFilter(mute)
    try:
        yield
    finally:
        logger.removeFilter(mute)


def changes(trees: list[exp.Expr]) -> Iterator[exp.Expr]:
    """Yield every UPDATE and DELETE, however deep, but those that the ON of a MERGE bounds."""
    from sqlglot import exp

    for tree in trees:
        for node in tree.find_all(exp.Update, exp.Delete):
            if not node.find_ancestor(exp.Merge):
                yield node


def offset_of(node: exp.Expr) -> int:
    """Return where in the statement a change stands, by the first name in it."""
    from sqlglot import exp

    name = node.find(exp.Identifier)
    return int(name.meta.get("start", 0)) if name else 0


def where_fault(node: exp.Expr) -> Rule | None:
    """Return the rule that an UPDATE or DELETE breaks by its WHERE clause."""
    where = node.args.get("where")
    if where is None:
        return NO_WHERE
    return WHERE_TRUE if _always_true(where.this) else None


def _always_true(condition: exp.Expr) -> bool:
    """Whether a condition holds for every row by its form alone: TRUE, 1 = 1, x = x, ... OR TRUE."""
    from sqlglot import exp

    if isinstance(condition, exp.Paren):
        return _always_true(condition.this)
    if isinstance(condition, exp.Or | exp.And):
        sides = (_always_true(side) for side in condition.flatten())
        return any(sides) if isinstance(condition, exp.Or) else all(sides)
    if isinstance(condition, exp.Boolean):
        return bool(condition.this)
    if isinstance(condition, exp.Literal):
        return condition.this not in ("", "0")
    if isinstance(condition, exp.EQ | exp.GTE | exp.LTE):
        return bool(condition.this == condition.expression)
    if isinstance(condition, exp.NEQ):
        both = (condition.this, condition.expression)
        return all(isinstance(side, exp.Literal) for side in both) and both[0] != both[1]
    return False
