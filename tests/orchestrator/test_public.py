import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest

import orchestrator

PACKAGES = ["orchestrator", "orchestrator.bus", "orchestrator.http", "orchestrator.journal"]
MODULES = [
    module.name
    for module in pkgutil.walk_packages(orchestrator.__path__, "orchestrator.")
    if not module.name.startswith("orchestrator.cli") and not module.name.endswith("__main__")
]

SURFACE = [
    "Agent",
    "AgentCard",
    "AgentError",
    "Breaker",
    "Budget",
    "BudgetExceededError",
    "Envelope",
    "HttpAnswer",
    "HttpBudget",
    "HttpClient",
    "HttpError",
    "HttpPolicy",
    "Judgement",
    "Orchestrator",
    "Plan",
    "PointsmanError",
    "Policy",
    "Restart",
    "Result",
    "Retry",
    "RoutingDecision",
    "Settings",
    "Task",
    "TaskContext",
    "Ticket",
    "agent",
    "load_plan",
    "load_settings",
]


def test_the_public_surface_is_pinned() -> None:
    """A name that comes or goes is a decision, and this list is where it shows."""
    assert orchestrator.__all__ == SURFACE


@pytest.mark.parametrize("package", PACKAGES)
def test_public_names_are_sorted_documented_and_there(package: str) -> None:
    """`__init__` holds re-exports and a sorted `__all__`; whatever it offers says what it is."""
    module = importlib.import_module(package)
    assert sorted(set(module.__all__)) == sorted(module.__all__)
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), name


@pytest.mark.parametrize("name", MODULES)
def test_the_first_line_of_a_module_says_what_it_owns(name: str) -> None:
    """One noun, one file, one line."""
    doc = importlib.import_module(name).__doc__ or ""
    assert doc.split("\n")[0].endswith((".", ":")), name


IMPORT = """
import resource, sys
import orchestrator
used = resource.getrusage(resource.RUSAGE_SELF)
print(f"{used.ru_utime + used.ru_stime:.2f} s of CPU", *sorted({name.split(".")[0] for name in sys.modules}))
"""


def test_importing_it_imports_neither_torch_nor_httpx(capsys: pytest.CaptureFixture[str]) -> None:
    """Torch is for training, httpx for agents that call out. How much CPU the import took is printed, not asserted."""
    done = subprocess.run([sys.executable, "-c", IMPORT], check=True, capture_output=True, text=True)
    cpu, imported = done.stdout.split(" s of CPU ")
    with capsys.disabled():
        sys.stdout.write(f"[import orchestrator: {cpu} s of CPU]")
    assert not {"torch", "httpx", "h11"} & set(imported.split())


def test_everything_together_never_imports_torch() -> None:
    """Nor does any of its modules, the router's serving side and the test doubles included."""
    code = f"import sys, importlib\nfor m in {MODULES!r}: importlib.import_module(m)\nassert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
