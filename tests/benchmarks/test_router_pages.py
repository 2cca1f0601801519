import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "docs" / "router.md",
    *sorted((ROOT / "docs" / "router").glob("*.md")),
    ROOT / "benchmarks" / "README.md",
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_a_page_is_there(page: Path) -> None:
    """A figure is claimed with a command that exists."""
    for module in re.findall(r"python -m (benchmarks[\w.]*)", page.read_text("utf-8")):
        assert importlib.util.find_spec(module.rstrip(".")), module


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    """What was split by topic is found from the page before."""
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8"))
    assert links
    assert not [link for link in links if not (page.parent / link).exists()]


def test_the_page_leads_to_every_topic() -> None:
    """No figure is on a page that nobody finds."""
    text = PAGES[0].read_text("utf-8")
    assert all(f"](router/{page.name})" in text for page in PAGES[1:-1])
