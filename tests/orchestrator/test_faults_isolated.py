import tempfile
from pathlib import Path
from typing import Final

from orchestrator.journal import MemoryJournal
from orchestrator.orchestrator import Orchestrator
from orchestrator.settings import Settings
from orchestrator.testing import FixedRouter
from tests.orchestrator.faults import functions_of, wrong_at
from tests.orchestrator.isolated_agents import payer

COMPONENTS: Final = (
    "orchestrator.conversation",
    "orchestrator.frames",
    "orchestrator.isolated_process",
    "orchestrator.isolation",
    "orchestrator.whereabouts",
)
#: Of all points, every so many-th is tried in `make test`; `make faults` tries all. Each costs the start of a process.
SOME: Final = 127
FUNCTIONS: Final = functions_of(COMPONENTS)


async def scenario(told: list[str]) -> None:
    """Run tasks of one isolated agent: one pays at its second attempt, one dies while it pays."""
    journal = MemoryJournal("r")
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(log_format="off", drain_s=0)
        try:
            async with Orchestrator(settings, agents=[payer], router=FixedRouter(), journal=journal, run="r") as o:
                for deed in ("pay", "die"):
                    payload = {"deed": deed, "ledger": str(Path(folder) / deed)}
                    await o.submit("payer", id=deed, payload=payload)
                told += [f"{it.task_id} {it.status} {it.error}" for it in (await o.results()).values()]
        finally:
            told += [str(row.envelope.body) for row in journal.rows]


def test_every_fault_on_the_way_to_a_handlers_process_is_reported() -> None:
    """Whatever fails in starting, asking, answering or ending it: nothing hangs, nothing is unheard."""
    assert not wrong_at(FUNCTIONS, scenario, SOME, virtual=False)
