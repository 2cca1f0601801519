"""The journal: the append-only truth of a run."""

from orchestrator.journal.abreast import Pair, Side
from orchestrator.journal.aside import write_aside
from orchestrator.journal.base import Journal, JournalStatistics
from orchestrator.journal.blocking import BlockingJournal
from orchestrator.journal.diagnosis import Diagnosis, examine
from orchestrator.journal.memory import MemoryJournal
from orchestrator.journal.ownership import LEASE_S, Owner
from orchestrator.journal.pruning import Choice, Pruned, Standing, prune
from orchestrator.journal.reader import JournalReader, RunSummary
from orchestrator.journal.reading import Select, newer, reading
from orchestrator.journal.rows import GENESIS, Row, chain, check_json, decode, encode
from orchestrator.journal.salvage import Salvaged, salvage
from orchestrator.journal.schema import Durability
from orchestrator.journal.sqlite import SqliteJournal
from orchestrator.journal.verification import Verification

__all__ = [
    "GENESIS",
    "LEASE_S",
    "BlockingJournal",
    "Choice",
    "Diagnosis",
    "Durability",
    "Journal",
    "JournalReader",
    "JournalStatistics",
    "MemoryJournal",
    "Owner",
    "Pair",
    "Pruned",
    "Row",
    "RunSummary",
    "Salvaged",
    "Select",
    "Side",
    "SqliteJournal",
    "Standing",
    "Verification",
    "chain",
    "check_json",
    "decode",
    "encode",
    "examine",
    "newer",
    "prune",
    "reading",
    "salvage",
    "write_aside",
]
