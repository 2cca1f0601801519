"""The journal: the append-only truth of a run."""

from orchestrator.journal.base import Journal, JournalStatistics
from orchestrator.journal.memory import MemoryJournal
from orchestrator.journal.ownership import LEASE_S, Owner
from orchestrator.journal.reader import JournalReader, RunSummary, Verification
from orchestrator.journal.reading import Select, reading
from orchestrator.journal.rows import GENESIS, Row, chain, check_json, decode, encode
from orchestrator.journal.schema import Durability
from orchestrator.journal.sqlite import SqliteJournal

__all__ = [
    "GENESIS",
    "LEASE_S",
    "Durability",
    "Journal",
    "JournalReader",
    "JournalStatistics",
    "MemoryJournal",
    "Owner",
    "Row",
    "RunSummary",
    "Select",
    "SqliteJournal",
    "Verification",
    "chain",
    "check_json",
    "decode",
    "encode",
    "reading",
]
