"""What sql-checker sees, and what it does not mistake for danger."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import sql_checker as module
from agents.sql_checker import SqlInput, SqlReport, sql_checker
from orchestrator import AgentError, Task, TaskContext

INPUTS = Path(__file__).parents[2] / "scenarios/library/inputs"


def check(sql: str, dialect: str = "postgres") -> SqlReport:
    """Run the agent on a text."""
    return sql_checker(SqlInput(sql=sql, dialect=dialect), TaskContext(Task(id="t", request="check")))


def rules_of(sql: str, dialect: str = "postgres") -> set[str]:
    """Return the ids of the rules that spoke, notes aside."""
    return {finding.rule for finding in check(sql, dialect).findings if finding.severity != "info"}


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("CREATE INDEX i ON t (a)", "index-locks-writes"),
        ("create unique index if not exists i on t (a)", "index-locks-writes"),
        ("DROP INDEX i", "drop-index-locks"),
        ("REINDEX TABLE t", "reindex-locks"),
        ("LOCK TABLE t IN EXCLUSIVE MODE", "lock-table"),
        ("VACUUM FULL t", "table-rewrite"),
        ("VACUUM (VERBOSE, FULL) t", "table-rewrite"),
        ("CLUSTER t USING i", "table-rewrite"),
        ("REFRESH MATERIALIZED VIEW v", "refresh-locks"),
        ("ALTER TYPE colour ADD VALUE 'red'", "type-change"),
        ("DROP TABLE IF EXISTS t", "drop-data"),
        ("DROP DATABASE d", "drop-data"),
        ("DROP SCHEMA s", "drop-data"),
        ("DROP VIEW v CASCADE", "cascade"),
        ("TRUNCATE t", "truncate"),
        ("ALTER VIEW v RENAME TO w", "rename"),
        ("GRANT ALL ON t TO clerk", "grant-all"),
        ("GRANT SELECT ON t TO PUBLIC", "grant-public"),
        ("DO $$ begin perform 1; end $$", "not-analysed"),
        ("CREATE FUNCTION f() RETURNS int AS $$ select 1 $$ LANGUAGE sql", "not-analysed"),
        ("ALTER TABLE t ADD COLUMN a int NOT NULL", "add-not-null"),
        ("ALTER TABLE ONLY s.t ADD a int NOT NULL", "add-not-null"),
        ("ALTER TABLE t ADD COLUMN a uuid DEFAULT gen_random_uuid()", "volatile-default"),
        ("ALTER TABLE t ADD COLUMN a bigserial", "volatile-default"),
        ("ALTER TABLE t ALTER COLUMN a TYPE bigint", "column-type"),
        ('ALTER TABLE "T" ALTER "a" SET DATA TYPE bigint', "column-type"),
        ("ALTER TABLE t ALTER COLUMN a SET NOT NULL", "set-not-null"),
        ("ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES u (b)", "constraint-validates"),
        ("ALTER TABLE t ADD CHECK (a > 0)", "constraint-validates"),
        ("ALTER TABLE t ADD CONSTRAINT c UNIQUE (a)", "unique-builds-index"),
        ("ALTER TABLE t SET TABLESPACE fast", "table-rewrite"),
        ("ALTER TABLE t DROP COLUMN a", "drop-column"),
        ("ALTER TABLE t RENAME COLUMN a TO b", "rename"),
        ("ALTER TABLE t DISABLE TRIGGER ALL", "guard-off"),
        ("UPDATE t SET a = 1", "no-where"),
        ("DELETE FROM t", "no-where"),
        ("WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone", "no-where"),
        ("DELETE FROM t WHERE TRUE", "where-true"),
        ("DELETE FROM t WHERE (1 = 1)", "where-true"),
        ("UPDATE t SET a = 1 WHERE a > 3 OR 'x' = 'x'", "where-true"),
        ("UPDATE t SET a = 1 WHERE a = a AND 1 <> 2", "where-true"),
        ("SELEC 1 FRM", "unparsed"),
        ("BEGIN; CREATE INDEX CONCURRENTLY i ON t (a); COMMIT", "concurrently-in-transaction"),
    ],
)
def test_a_dangerous_statement_is_found(sql: str, rule: str) -> None:
    """Each rule finds what it is for, in any case and spelling."""
    assert rule in rules_of(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE INDEX CONCURRENTLY i ON t (a)",
        "REINDEX INDEX CONCURRENTLY i",
        "VACUUM ANALYZE t",
        "ALTER TABLE t ADD COLUMN a int NOT NULL DEFAULT 0, ADD COLUMN b text",
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
        "ALTER TABLE t ADD CONSTRAINT c UNIQUE USING INDEX i",
        "ALTER TABLE t DROP CONSTRAINT c",
        "CREATE TABLE t (a int); CREATE INDEX i ON t (a); ALTER TABLE t ADD COLUMN b int NOT NULL",
        "SELECT 'DROP TABLE t; DELETE FROM t' -- TRUNCATE t;\n /* UPDATE t SET a = 1; */",
        'SELECT "drop table" FROM "update"',
        "UPDATE t SET a = 1 WHERE b = 2",
        "DELETE FROM t WHERE FALSE",
        "DELETE FROM t WHERE a <> 1 AND TRUE",
        "DELETE FROM t WHERE 0",
        "MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN UPDATE SET b = u.b",
        "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 1",
        "BEGIN; COMMIT; CREATE INDEX CONCURRENTLY i ON t (a)",
        "",
        "-- nothing\n;;",
    ],
)
def test_a_harmless_statement_is_let_pass(sql: str) -> None:
    """What cannot hurt is not reported, whatever its comments, strings and names say."""
    assert rules_of(sql or " ") == set()


def test_a_table_of_the_same_text_cannot_be_locked_but_one_that_may_exist_can() -> None:
    """IF NOT EXISTS does not promise a new table."""
    assert "index-locks-writes" in rules_of("CREATE TABLE IF NOT EXISTS t (a int); CREATE INDEX i ON t (a)")


def test_locking_rules_speak_of_postgres_alone() -> None:
    """Other databases build indexes their own way, but a missing WHERE is one everywhere."""
    assert rules_of("CREATE INDEX i ON t (a); DELETE FROM t", "mysql") == {"no-where"}


def test_an_unparseable_statement_is_reported_with_its_line_and_hides_no_other() -> None:
    """One bad statement is one finding."""
    report = check("SELECT 1;\nSELEC 2\n FRM x;\nTRUNCATE t;\nUPDATE t SET a = 'open WHERE b = 1;\nDROP TABLE u;\n")
    assert [(finding.rule, finding.line) for finding in report.findings if finding.severity != "info"] == [
        ("unparsed", 2),
        ("truncate", 4),
        ("unparsed", 5),
        ("drop-data", 6),
    ]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT /* open",
        "SELECT $body$ open",
        "SELECT " + "(" * 500,
        "SELECT " + "NOT " * 5000 + "a",
        "SELECT 'x\nDROP TABLE t",
    ],
)
def test_what_cannot_be_parsed_is_a_blocker(sql: str) -> None:
    """Nothing is known about it, so it does not pass."""
    report = check(sql)
    assert report.verdict == "fail"
    assert "unparsed" in {finding.rule for finding in report.findings}


def test_a_lock_without_lock_timeout_is_mentioned_once() -> None:
    """A note, no warning."""
    sql = "CREATE INDEX i ON t (a); CREATE INDEX j ON t (b)"
    assert [each.rule for each in check(sql).findings].count("no-lock-timeout") == 1
    assert "no-lock-timeout" not in {each.rule for each in check("SET LOCAL lock_timeout = '2s';" + sql).findings}


def test_the_verdict_follows_the_worst_finding() -> None:
    """Blocker: fail and high; warning: warn and medium; else pass and low."""
    assert (check("TRUNCATE t").verdict, check("TRUNCATE t").risk) == ("fail", "high")
    assert (check("DROP INDEX i").verdict, check("DROP INDEX i").risk) == ("warn", "medium")
    assert (check("SELECT 1").verdict, check("SELECT 1").risk) == ("pass", "low")


def test_it_reads_a_file_of_the_workspace_through_handle() -> None:
    """The bundled migration has two blockers and a warning."""
    task = Task(id="t", request="check", payload={"path": "release/migrations/2026_11_add_iban_index.sql"})
    report = asyncio.run(sql_checker.handle(task, TaskContext(task, workspace=INPUTS)))
    assert (report.verdict, report.statements, report.blockers, report.warnings) == ("fail", 10, 2, 1)
    assert {each.rule for each in report.findings} == {"index-locks-writes", "no-where", "rename"}


def test_the_second_draft_of_the_bundled_migration_passes() -> None:
    """What the rules advise satisfies them."""
    context = TaskContext(Task(id="t", request="check"), workspace=INPUTS)
    assert sql_checker(SqlInput(path="release/migrations/2026_11_add_iban_index_safe.sql"), context).verdict == "pass"


def test_what_it_cannot_work_on_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """No input, an unknown dialect, too much text and too many statements are errors that say so."""
    for bad, words in (
        (SqlInput(), "one of the two"),
        (SqlInput(sql="SELECT 1", dialect="postgre"), "unknown dialect"),
        (SqlInput(sql="SELECT 1;" * 2001), "statements"),
    ):
        with pytest.raises(AgentError, match=words):
            sql_checker(bad, TaskContext(Task(id="t", request="check")))
    monkeypatch.setattr(module, "MAX_SQL", 5)
    with pytest.raises(AgentError, match="split"):
        check("SELECT 1")


def test_a_fault_in_the_parser_itself_leaves_the_statement_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement that nobody could read does not pass, and the others are still checked."""
    import sqlglot

    def fall_over(*_: Any, **__: Any) -> Any:
        raise AttributeError

    monkeypatch.setattr(sqlglot, "parse", fall_over)
    assert rules_of("SELECT 1; TRUNCATE t") == {"unparsed", "truncate"}


def test_sqlglot_writes_nothing_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    """Statements that it passes over unread are the rules' business."""
    check("VACUUM FULL t; LOCK TABLE t")
    assert capfd.readouterr().err == ""


FRAGMENTS = st.sampled_from(
    ["SELECT", "DROP TABLE", "ALTER TABLE t", "ADD", "'", '"', "$$", "/*", "*/", "--", ";", "\n", "(", ")",
     ",", "WHERE", "DELETE FROM t", "UPDATE t SET a=1", "1=1", "WITH x AS", "¿", "\\", "::", "e'", "`",
     "MERGE", "CASE", "[", "{"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(FRAGMENTS, max_size=14).map(" ".join)))
def test_no_text_makes_it_crash_and_the_same_text_gives_the_same_report(sql: str) -> None:
    """AgentError is the only way out beside a report."""
    try:
        first = check(sql)
    except AgentError:
        return
    assert first.model_dump_json() == check(sql).model_dump_json()
