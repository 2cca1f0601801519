import asyncio
import io
import signal
import tempfile
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from orchestrator.cli.execution import _run
from orchestrator.cli.live import display_for
from orchestrator.cli.run_view import RunView
from orchestrator.context import TaskContext
from orchestrator.journal import JournalReader, MemoryJournal
from orchestrator.messages import Task
from orchestrator.orchestrator import Orchestrator
from orchestrator.plan import Plan
from orchestrator.policy import Policy, Retry
from orchestrator.postscript import Entry, append
from orchestrator.settings import Settings
from orchestrator.testing import FixedRouter, ScriptedAgent
from tests.orchestrator.faults import functions_of, wrong_at

COMPONENTS: Final = (
    "orchestrator.cli.execution",
    "orchestrator.cli.live",
    "orchestrator.cli.run_view",
    "orchestrator.cli.signals",
    "orchestrator.postscript",
)
#: Of all points, every so many-th is tried in `make test`; `make faults` tries all.
SOME: Final = 29
#: What the event loop calls when a signal comes. It tells its own handler; at worst the signal is as good as not sent.
CALLBACKS: Final = ("cli.signals.Interruption._note", "cli.signals.Interruption._stop_listening")
FUNCTIONS: Final = functions_of(COMPONENTS)
POLICY: Final = Policy(concurrency=1, retry=Retry(max_attempts=2, backoff_s=0, jitter=0))
PLAN: Final = Plan("p", (Task("first", "a"), Task("flaky", "b"), Task("second", "a", after=("first",))))


def _stop(_task: Task, _context: TaskContext) -> str:
    """Be there when somebody ends the process as `kill` does; once, and while it listens."""
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        signal.raise_signal(signal.SIGTERM)
    return "done"


async def scenario(told: list[str]) -> None:
    """Show a run with a display of either kind, to its end and until a signal comes; add a row when it is over."""
    for interactive in (True, False):
        written, journal = io.StringIO(), MemoryJournal("r")
        console = Console(file=written, force_terminal=interactive, width=100, height=40)
        agents = [ScriptedAgent("a", ["done" if interactive else _stop], policy=POLICY)]
        agents += [ScriptedAgent("b", [ValueError("once"), "ok"], policy=POLICY)]
        given: dict[str, Any] = {"agents": agents, "router": FixedRouter(), "journal": journal, "run": "r"}
        made, view = Orchestrator(Settings(log_format="off", drain_s=1), **given), RunView(PLAN.tasks)
        try:
            number = await _run(made, PLAN, view, display_for(console, view, PLAN.name))
            assert number or [task.state for task in view.tasks.values()] == ["completed"] * 3, "what is shown is wrong"
        finally:
            told += [written.getvalue(), *(str(row.envelope.body) for row in journal.rows)]
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(journal=Path(folder) / "j.db", durability="os-crash-may-lose")
        await asyncio.to_thread(append, settings, [Entry("r", "feedback.said", {"right": True})])
        with JournalReader(settings.journal) as reader:
            told += [str(row.envelope.body) for row in reader.rows()]


def test_every_fault_in_a_command_that_runs_a_plan_is_reported() -> None:
    """A display that fails, a signal that cannot be heard: it comes out of the command, and nothing hangs."""
    assert not wrong_at(FUNCTIONS, scenario, SOME, virtual=False, callbacks=CALLBACKS)
