"""sql-checker: reads a migration and says what would lock, destroy or touch every row.

Each statement is looked at on its own: by sqlglot's syntax tree where only that can tell (a missing WHERE, also inside
a CTE), by rules over its words otherwise, so that what sqlglot passes over unread (LOCK, VACUUM) is seen as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from agents import _sql_rules as rules
from agents._sql_lexer import Lexeme, Statement, join, split
from agents._sql_tree import UnparsedError, changes, offset_of, parse, where_fault
from agents._support import Value, Verdict, count_of, excerpt, libraries, text_or_file
from orchestrator import AgentError, TaskContext, agent

MAX_SQL: Final = 500_000
MAX_STATEMENTS: Final = 2_000


class SqlInput(Value):
    """What to check.

    Attributes:
        sql: the migration as text; or
        path: a file in the workspace.
        dialect: sqlglot's name of the database: postgres, oracle, mysql, tsql, ...
    """

    sql: str = ""
    path: str = ""
    dialect: str = "postgres"


class SqlFinding(Value):
    """One dangerous place.

    Attributes:
        rule: id of the rule, kebab-case.
        severity: blocker, warning or info.
        line: 1-based line in the text.
        statement: the statement's beginning, on one line.
        why: what happens when it runs.
        instead: what to do instead.
    """

    rule: str
    severity: rules.Severity
    line: int
    statement: str
    why: str
    instead: str


class SqlReport(Value):
    """What was found.

    Attributes:
        verdict: fail with a blocker, warn with a warning, pass otherwise.
        risk: high, medium or low, in step with the verdict.
        summary: one sentence.
        statements: how many were read.
        blockers: number of findings of that severity.
        warnings: number of findings of that severity.
        findings: in the order of the text.
    """

    verdict: Verdict
    risk: Literal["high", "medium", "low"]
    summary: str
    statements: int
    blockers: int
    warnings: int
    findings: tuple[SqlFinding, ...]


@agent(
    "sql-checker",
    summary="Checks a database migration for table locks, missing WHERE clauses and steps that cannot be undone.",
    examples=(
        "Check this migration before we run it on the accounts database",
        "Will this ALTER TABLE lock the payments table during business hours?",
        "review the DDL in V42__add_iban.sql",
        "is it safe to create an index on transactions in production",
        "Does any DELETE or UPDATE here lack a WHERE clause?",
        "Look over the Flyway changeset for the card ledger schema",
        "Which statements of this SQL script are irreversible?",
        "sql review please",
        "The DBA wants to know whether adding a NOT NULL column rewrites the table",
        "Can we drop the column legacy_bic without downtime?",
        "lint the Postgres upgrade script for dangerous locks",
        "We are about to add a foreign key to customer_address, any risk?",
        "Find TRUNCATE, DROP TABLE and similar destructive commands in the schema change",
        "Is CREATE INDEX CONCURRENTLY needed in this changeset?",
        "static analysis of the Liquibase database change, please",
        "Assess how risky tonight's schema migration is for the core banking tables",
        "does this stored statement grant privileges to public",
        "Verify that the backfill query only touches the rows of the German branch",
        "chek the sql for full table rewrites",
        "Would VACUUM FULL or an ALTER COLUMN TYPE block readers of the position table?",
        "Does this SQL migration lock a table?",
        "Check the DROP COLUMN and the UPDATE in the schema migration",
        "database schema change: which statement locks the customer table",
        "review the SQL statements that add an index and a NOT NULL column",
    ),
)
def sql_checker(request: SqlInput, context: TaskContext) -> SqlReport:
    """Check every statement of a migration.

    Raises:
        AgentError: if the text cannot be had, is too large, or the dialect is unknown.
    """
    with libraries("sql-checker"):
        import sqlglot
    text = text_or_file(context, request.sql, request.path, "the SQL")
    if len(text) > MAX_SQL:
        raise AgentError(f"the SQL is longer than {MAX_SQL} characters; split the migration")
    dialects = sorted(name for name in sqlglot.Dialect.classes if name)
    if request.dialect not in dialects:
        raise AgentError(f"unknown dialect {request.dialect!r}; use one of {', '.join(dialects)}")
    check = _Check(text, request.dialect)
    return _report(len(check.statements), [_finding(text, hit) for hit in check.hits()])


def _report(statements: int, findings: list[SqlFinding]) -> SqlReport:
    blockers = sum(finding.severity == "blocker" for finding in findings)
    warnings = sum(finding.severity == "warning" for finding in findings)
    found = f"{count_of(blockers, 'blocker')}, {count_of(warnings, 'warning')}"
    return SqlReport(
        verdict="fail" if blockers else "warn" if warnings else "pass",
        risk="high" if blockers else "medium" if warnings else "low",
        summary=f"{count_of(statements, 'statement')}: {found}",
        statements=statements,
        blockers=blockers,
        warnings=warnings,
        findings=tuple(sorted(findings, key=lambda finding: (finding.line, finding.rule, finding.statement))),
    )


class _Hit(NamedTuple):
    rule: rules.Rule
    statement: Statement
    start: int
    detail: str = ""


def _finding(text: str, hit: _Hit) -> SqlFinding:
    return SqlFinding(
        rule=hit.rule.id,
        severity=hit.rule.severity,
        line=text.count("\n", 0, hit.start) + 1,
        statement=excerpt(hit.statement.source),
        why=hit.rule.why + (f" ({hit.detail})" if hit.detail else ""),
        instead=hit.rule.instead,
    )


_NAME: Final = r'(?P<table>[\w"`]+(?: \. [\w"`]+)*)'
_NEW_TABLE: Final = re.compile(rf"CREATE (?:\w+ ){{0,2}}TABLE (?!IF NOT EXISTS){_NAME}")
_ON_TABLE: Final = re.compile(rf".*? (?:ON|TABLE) (?:ONLY )?{_NAME}")
_ALTER: Final = re.compile(rf"ALTER TABLE (?:IF EXISTS )?(?:ONLY )?{_NAME}(?: \*)? ")


class _Check:
    """The statements of one text, and what is wrong with them."""

    def __init__(self, text: str, dialect: str) -> None:
        self._dialect = dialect
        self.statements = split(text, MAX_STATEMENTS + 1)
        if len(self.statements) > MAX_STATEMENTS:
            raise AgentError(f"the SQL has more than {MAX_STATEMENTS} statements; split the migration")
        self._new = {match["table"] for each in self.statements if (match := _NEW_TABLE.match(each.words))}

    def hits(self) -> Iterator[_Hit]:
        """Yield what each rule found."""
        guarded = in_transaction = False
        for statement in self.statements:
            words = statement.words
            guarded = guarded or rules.NO_LOCK_TIMEOUT.matches(words)
            in_transaction = _transaction_goes_on(words, open_before=in_transaction)
            hits = [*self._by_words(statement, words), *self._by_tree(statement)]
            if in_transaction and self._speaks(rules.IN_TRANSACTION, words):
                hits.append(_Hit(rules.IN_TRANSACTION, statement, statement.start))
            if not guarded and self._dialect == "postgres" and any(hit.rule.locks for hit in hits):
                guarded = True
                hits.append(_Hit(rules.NO_LOCK_TIMEOUT, statement, statement.start))
            yield from hits

    def _speaks(self, rule: rules.Rule, words: str) -> bool:
        return (not rule.postgres or self._dialect == "postgres") and rule.matches(words)

    def _by_words(self, statement: Statement, words: str) -> Iterator[_Hit]:
        altered = _ALTER.match(words)
        target = altered or _ON_TABLE.match(words)
        unlocked = target is not None and target["table"] in self._new
        for rule in rules.STATEMENT_RULES:
            if self._speaks(rule, words) and not (rule.locks and unlocked):
                yield _Hit(rule, statement, statement.start)
        for clause in _clauses(statement, altered[0]) if altered else ():
            for rule in rules.CLAUSE_RULES:
                if self._speaks(rule, join(clause)) and not (rule.locks and unlocked):
                    yield _Hit(rule, statement, clause[0].start)

    def _by_tree(self, statement: Statement) -> Iterator[_Hit]:
        try:
            for node in changes(parse(statement, self._dialect)):
                if rule := where_fault(node):
                    yield _Hit(rule, statement, statement.start + offset_of(node))
        except UnparsedError as error:
            yield _Hit(rules.UNPARSED, statement, statement.start + error.offset, error.problem)


def _transaction_goes_on(words: str, *, open_before: bool) -> bool:
    if words.startswith(("BEGIN", "START TRANSACTION")):
        return True
    return open_before and not words.startswith(("COMMIT", "ROLLBACK", "END"))


def _clauses(statement: Statement, head: str) -> Iterator[tuple[Lexeme, ...]]:
    """Yield the actions of an ALTER TABLE: what stands between its top-level commas."""
    clause: list[Lexeme] = []
    depth = 0
    for lexeme in (*statement.lexemes[len(head.split()) :], Lexeme(",", 0)):
        depth += {"(": 1, ")": -1}.get(lexeme.text, 0)
        if lexeme.text == "," and depth <= 0:
            yield from [tuple(clause)] if clause else []
            clause = []
        else:
            clause.append(lexeme)
