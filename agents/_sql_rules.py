"""The rules of sql-checker: what each one looks for, why it matters, what to do instead.

Locking rules follow PostgreSQL's documentation, chapters "Explicit Locking" and "ALTER TABLE".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

Severity = Literal["blocker", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        id: kebab-case.
        severity: of its findings.
        pattern: matched from the start against the words of a statement or an ALTER TABLE clause.
        why: what happens when it runs.
        instead: what to do instead.
        postgres: whether it speaks of PostgreSQL alone.
        locks: whether the danger is a lock, which a table made in the same text cannot suffer from.
    """

    id: str
    severity: Severity
    pattern: str
    why: str
    instead: str
    postgres: bool = False
    locks: bool = False

    def matches(self, words: str) -> bool:
        """Whether the words begin as the pattern says."""
        return re.match(self.pattern, words) is not None


_ADD_COLUMN: Final = r"ADD (?!CONSTRAINT|PRIMARY|UNIQUE|FOREIGN|CHECK|EXCLUDE|INDEX|KEY|PARTITION)(?:COLUMN )?"

STATEMENT_RULES: Final = (
    Rule(
        "index-locks-writes",
        "blocker",
        r"CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY\b)",
        "building the index blocks every write to the table until it is done",
        "CREATE INDEX CONCURRENTLY, outside a transaction",
        postgres=True,
        locks=True,
    ),
    Rule(
        "drop-index-locks",
        "warning",
        r"DROP INDEX (?!CONCURRENTLY\b)",
        "dropping the index takes an exclusive lock on its table, reads wait as well",
        "DROP INDEX CONCURRENTLY, outside a transaction",
        postgres=True,
    ),
    Rule(
        "reindex-locks",
        "blocker",
        r"REINDEX (?!.*\bCONCURRENTLY\b)",
        "rebuilding the index blocks writes, and reads that would use it",
        "REINDEX ... CONCURRENTLY",
        postgres=True,
        locks=True,
    ),
    Rule(
        "lock-table",
        "blocker",
        r"LOCK (?:TABLE )?",
        "an explicit lock makes other sessions wait until the transaction ends",
        "let each statement take the weakest lock it needs, and set lock_timeout",
        locks=True,
    ),
    Rule(
        "table-rewrite",
        "blocker",
        r"(?:VACUUM (?:\( )?(?:\w+ ,? ?)*?FULL\b|CLUSTER\b)",
        "the table is written anew under an exclusive lock, reads wait as well",
        "plain VACUUM, or an online tool such as pg_repack in a maintenance window",
        locks=True,
    ),
    Rule(
        "refresh-locks",
        "warning",
        r"REFRESH MATERIALIZED VIEW (?!CONCURRENTLY\b)",
        "readers of the view wait until it is filled",
        "REFRESH MATERIALIZED VIEW CONCURRENTLY (needs a unique index)",
        postgres=True,
    ),
    Rule(
        "type-change",
        "warning",
        r"ALTER TYPE\b",
        "code that knows the old type may fail, and an added enum value can never be removed",
        "add a new type or column beside the old one and switch readers first",
    ),
    Rule(
        "drop-data",
        "blocker",
        r"DROP (?:FOREIGN |MATERIALIZED |TEMP |TEMPORARY )?(?:TABLE|DATABASE|SCHEMA|TABLESPACE)\b",
        "the data is gone; only a backup brings it back",
        "rename it out of the way, wait for a release, drop it then with a backup at hand",
    ),
    Rule(
        "truncate",
        "blocker",
        r"TRUNCATE\b",
        "every row is gone, without row triggers, under an exclusive lock",
        "DELETE in batches with a WHERE clause, after a backup",
    ),
    Rule(
        "cascade",
        "warning",
        r"(?:DROP|TRUNCATE)\b.*\bCASCADE\b",
        "CASCADE also removes whatever depends on it, named here or not",
        "name what is to go, one by one",
    ),
    Rule(
        "rename",
        "warning",
        r"(?:ALTER (?!TABLE\b)\w+ .*\bRENAME\b|RENAME TABLE\b)",
        "code that runs during the release still uses the old name",
        "add the new name beside the old one (a view will do), switch readers, drop the old one later",
    ),
    Rule(
        "grant-all",
        "warning",
        r"GRANT ALL\b",
        "more rights than any task needs, future ones included",
        "grant the single privileges that are needed",
    ),
    Rule(
        "grant-public",
        "warning",
        r"GRANT .* TO (?:.*, )?PUBLIC\b",
        "every login of the database gets the privilege",
        "grant it to the role that needs it",
    ),
    Rule(
        "not-analysed",
        "warning",
        r"(?:DO|EXECUTE|EXPLAIN|PREPARE|CALL|EXEC)\b|CREATE (?:OR REPLACE )?(?:FUNCTION|PROCEDURE)\b",
        "what it runs is not visible to this check",
        "have a person read its body",
    ),
)

CLAUSE_RULES: Final = (
    Rule(
        "add-not-null",
        "blocker",
        _ADD_COLUMN + r"(?!.*\b(?:DEFAULT|GENERATED|SERIAL|BIGSERIAL|SMALLSERIAL|IDENTITY)\b).*\bNOT NULL\b",
        "it fails as soon as the table has a row",
        "add the column with a constant DEFAULT, or nullable, fill it in batches, then forbid NULL",
        locks=True,
    ),
    Rule(
        "volatile-default",
        "blocker",
        _ADD_COLUMN
        + r".*\b(?:SERIAL|BIGSERIAL|SMALLSERIAL"
        + r"|DEFAULT (?:NEXTVAL|RANDOM|GEN_RANDOM_UUID|UUID_GENERATE_V\d|CLOCK_TIMESTAMP|TIMEOFDAY))\b",
        "a default that differs by row makes the database write the whole table under an exclusive lock",
        "add the column without it, set the default, fill old rows in batches",
        postgres=True,
        locks=True,
    ),
    Rule(
        "column-type",
        "blocker",
        r"(?:ALTER (?:COLUMN )?\S+ (?:SET DATA )?TYPE\b|MODIFY\b|ALTER COLUMN \S+ (?!SET|DROP|ADD|RESTART|TYPE)\w+)",
        "the table is written anew under an exclusive lock unless the old type fits the new one bit by bit",
        "add a column of the new type, keep both in step by a trigger, fill in batches, switch",
        locks=True,
    ),
    Rule(
        "set-not-null",
        "warning",
        r"ALTER (?:COLUMN )?\S+ SET NOT NULL",
        "the whole table is read under an exclusive lock",
        "ADD CONSTRAINT ... CHECK (... IS NOT NULL) NOT VALID, VALIDATE CONSTRAINT, then SET NOT NULL",
        postgres=True,
        locks=True,
    ),
    Rule(
        "constraint-validates",
        "blocker",
        r"ADD (?!.*\bNOT VALID\b).*\b(?:FOREIGN KEY|REFERENCES|CHECK)\b",
        "every existing row is checked while writes wait, on both tables of a foreign key",
        "ADD CONSTRAINT ... NOT VALID, then VALIDATE CONSTRAINT in a transaction of its own",
        postgres=True,
        locks=True,
    ),
    Rule(
        "unique-builds-index",
        "blocker",
        r"ADD (?!.*\bUSING INDEX\b).*\b(?:UNIQUE|PRIMARY KEY|EXCLUDE)\b",
        "its index is built under an exclusive lock",
        "CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT ... USING INDEX",
        postgres=True,
        locks=True,
    ),
    Rule(
        "table-rewrite",
        "blocker",
        r"SET (?:TABLESPACE|LOGGED|UNLOGGED|ACCESS METHOD)\b",
        "the table is written anew under an exclusive lock, reads wait as well",
        "do it in a maintenance window, or build a copy and swap",
        locks=True,
    ),
    Rule(
        "drop-column",
        "blocker",
        r"DROP (?!CONSTRAINT|INDEX|KEY|PRIMARY|FOREIGN|CHECK|PARTITION)(?:COLUMN )?",
        "the column's data is gone, and code that still reads it fails",
        "stop reading it, wait for a release, drop it then with a backup at hand",
    ),
    Rule(
        "rename",
        "warning",
        r"RENAME\b",
        "code that runs during the release still uses the old name",
        "add the new name beside the old one, switch readers, drop the old one later",
    ),
    Rule(
        "guard-off",
        "warning",
        r"DISABLE (?:TRIGGER|RULE|ROW LEVEL SECURITY)\b|NO FORCE ROW LEVEL SECURITY\b",
        "a safeguard of the data is switched off",
        "switch it on again in the same transaction, and say why in a comment",
    ),
)

NO_WHERE: Final = Rule(
    "no-where",
    "blocker",
    "",
    "it touches every row of the table",
    "add a WHERE clause and work in batches",
)
WHERE_TRUE: Final = Rule(
    "where-true",
    "blocker",
    "",
    "the condition holds for every row, so it touches all of them",
    "write the condition that is meant",
)
UNPARSED: Final = Rule(
    "unparsed",
    "blocker",
    "",
    "the statement cannot be parsed, so nothing is known about it",
    "correct it, or give the right dialect",
)
IN_TRANSACTION: Final = Rule(
    "concurrently-in-transaction",
    "blocker",
    r".*\bINDEX\b.*\bCONCURRENTLY\b",
    "CONCURRENTLY fails inside a transaction",
    "move it out of BEGIN ... COMMIT",
    postgres=True,
)
NO_LOCK_TIMEOUT: Final = Rule(
    "no-lock-timeout",
    "info",
    r"(?:SET (?:LOCAL |SESSION )?LOCK_TIMEOUT\b)",
    "while it waits for its lock, everybody behind it waits too",
    "SET lock_timeout = '2s' before it, and try again later when it gives up",
    postgres=True,
)
