from __future__ import annotations

import gzip
import json
import sqlite3
from pathlib import Path

from orchestrator.redaction import Profile
from orchestrator.redaction.scan import scan

CARD, IBAN, MAIL = "4539578763621486", "DE89370400440532013000", "ada@bank.example"


def places(path: Path) -> list[tuple[str, str, str]]:
    return [(Path(find.path).name, find.place, find.rule) for find in scan(path, Profile())]


def test_secrets_are_found_in_texts_lines_of_json_and_packed_files(tmp_path: Path) -> None:
    """With their line; what redaction has put in is none."""
    (tmp_path / "a.log").write_text(f"first\nmail {MAIL}\n[email:3f2a9c1d04be]\n")
    (tmp_path / "b.jsonl").write_text('{"a": 1}\n' + json.dumps({"password": "x", "raw": json.dumps({"c": CARD})}))
    (tmp_path / "c.xml.gz").write_bytes(gzip.compress(f"<a>{IBAN}</a>".encode()))
    (tmp_path / "d.bin").write_bytes(b"\0\xff\x00" + MAIL.encode() + b"\0")
    (tmp_path / "e.txt").write_text("nothing here")
    assert places(tmp_path) == [
        ("a.log", "line 2", "email"),
        ("b.jsonl", "line 2", "card"),
        ("b.jsonl", "line 2", "secret"),
        ("c.xml.gz", "line 1", "iban"),
        ("d.bin", "bytes from 0", "email"),
    ]


def test_a_journal_is_read_row_by_row_and_what_was_deleted_from_it_too(tmp_path: Path) -> None:
    """A page that is free may still hold what was on it."""
    path = tmp_path / "journal.db"
    connection = sqlite3.connect(path)
    connection.execute("pragma secure_delete=off")
    connection.execute("create table rows (n integer, canonical blob)")
    connection.execute("insert into rows values (1, ?)", (json.dumps({"to": IBAN}).encode(),))
    connection.execute("insert into rows values (2, ?)", (f"of {MAIL}".encode(),))
    connection.commit()
    connection.execute("delete from rows where n = 2")
    connection.commit()
    connection.close()
    assert places(path) == [("journal.db", "rows row 1", "iban"), ("journal.db", "bytes from 0", "email")]
