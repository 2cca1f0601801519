"""What is shipped: the four packages and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ("orchestrator", "router", "agents", "scenarios", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the names in a wheel built from a copy of what is shipped."""
    source = tmp_path_factory.mktemp("source")
    for name in SHIPPED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(source / "dist"),
        str(source),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = (source / "dist").glob("*.whl")
    return zipfile.ZipFile(wheel).namelist()


@pytest.mark.timeout(120)
def test_the_wheel_holds_exactly_the_four_packages(names: list[str]) -> None:
    """Top-level names of the wheel are the four packages and its own metadata; tests and benchmarks stay out."""
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {
        "orchestrator",
        "router",
        "agents",
        "scenarios",
    }


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "shipped",
    [
        "router/bundled/router.npz",
        "router/bundled/out_of_scope.txt",
        "orchestrator/py.typed",
        "scenarios/library/",
        "scenarios/schema/scenario-1.json",
        "scenarios/schema/plan-1.json",
        "scenarios/html/assets/base.js",
    ],
)
def test_the_wheel_holds_the_data_that_serving_needs(names: list[str], shipped: str) -> None:
    """The bundled router, the scenario library, the schemas and the typing markers are in the wheel."""
    assert any(name.startswith(shipped) for name in names)
