import ast
import importlib
from pathlib import Path
from types import ModuleType
from typing import Final

import orchestrator
from tests.orchestrator import (
    failing_child,
    test_budget_faults,
    test_faults,
    test_faults_isolated,
    test_faults_on_disk,
    test_faults_over_http,
    test_faults_watching,
)
from tests.orchestrator.cli import test_faults_in_commands

SUITES: Final[tuple[ModuleType, ...]] = (
    failing_child,
    test_budget_faults,
    test_faults,
    test_faults_in_commands,
    test_faults_isolated,
    test_faults_on_disk,
    test_faults_over_http,
    test_faults_watching,
)
#: Methods by which something is called that has no caller, or by which something is begun that nobody waits for.
HOOKS: Final = {
    "add_done_callback",
    "add_signal_handler",
    "call_at",
    "call_later",
    "call_soon",
    "call_soon_threadsafe",
    "create_task",
    "run_in_executor",
    "Thread",
    "Timer",
    "to_thread",
}
#: Modules in which something waits, and nothing is injected: why.
NOT_INJECTED: Final = {"orchestrator.journal.base": "says what a journal is; there is nothing in it that runs"}
#: The event loops themselves: what carries everything else has nobody to report to.
LOOPS: Final = {"orchestrator.paced_loop"}
ROOT: Final = Path(orchestrator.__file__).parent


def _name(path: Path) -> str:
    return ".".join(("orchestrator", *path.relative_to(ROOT).with_suffix("").parts))


def waits(source: str) -> bool:
    """Return whether code has an await, a thread, or a callback: a place where an error may have no caller to go to."""
    tree = ast.parse(source)
    waiting = (ast.AsyncFor, ast.AsyncFunctionDef, ast.AsyncWith, ast.Await)
    return any(
        isinstance(node, waiting) or (isinstance(node, ast.Attribute) and node.attr in HOOKS) for node in ast.walk(tree)
    )


def test_faults_are_injected_wherever_something_waits() -> None:
    """What is left raises to whoever called it, and no other way: parsers, values, and what commands do in order."""
    injected = {name for suite in SUITES for name in suite.COMPONENTS}
    waiting = {_name(path) for path in ROOT.rglob("*.py") if waits(path.read_text(encoding="utf-8"))}
    assert waiting - injected == NOT_INJECTED.keys() | LOOPS


def test_what_is_left_out_has_nothing_to_fail() -> None:
    """The reason is held to: the methods of a protocol have no body."""
    for name in NOT_INJECTED:
        tree = ast.parse(Path(importlib.import_module(name).__file__ or "").read_text(encoding="utf-8"))
        methods = [node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef)]
        assert methods
        assert all(isinstance(node.body[-1], ast.Expr) and len(node.body) <= 2 for node in methods)


def test_a_module_that_waits_is_recognised() -> None:
    """The test can fail: an await, a thread and a callback are found, a plain function is not."""
    assert waits("async def run():\n    await it()")
    assert waits("loop.call_later(1, ring)")
    assert waits("threading.Thread(target=run)")
    assert not waits("def run():\n    return it()")
