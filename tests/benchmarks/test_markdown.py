import json
from pathlib import Path
from typing import Any

from benchmarks.markdown import FOLDER, ROUTER_PAGE, replace, tables, write_router_page
from benchmarks.router.results import empty, read
from benchmarks.router.table import markdown


def results(name: str) -> Any:
    return json.loads((FOLDER / "results" / name).read_text("utf-8"))


def test_the_pages_show_what_was_measured_last() -> None:
    """The tables are made from the files of results, not typed."""
    written = (FOLDER / "README.md").read_text("utf-8")
    assert replace(written, tables(results("kernel.json"), results("peers.json"))) == written
    written = ROUTER_PAGE.read_text("utf-8")
    assert replace(written, markdown(read(FOLDER / "results" / "router.json")), "routers") == written


def test_a_peer_that_could_not_be_measured_keeps_its_place() -> None:
    """The reason stands where the figures would."""
    peers = {"contestants": [{"name": "other", "version": "1.0", "problem": "not installable"}], "comparison": {}}
    assert "| other 1.0 | not installable |  |  |  |" in tables(results("kernel.json"), peers)


def test_only_what_stands_between_the_marks_is_replaced() -> None:
    """The text around the tables is people's."""
    begin, end = "<!-- routers -->\n", "<!-- /routers -->\n"
    assert replace(f"a\n{begin}old\n{end}b\n", "new\n", "routers") == f"a\n{begin}new\n{end}b\n"


def test_a_run_puts_its_table_into_the_page(tmp_path: Path) -> None:
    """The page holds the last run, whatever stood there before."""
    page = tmp_path / "router.md"
    page.write_text("a\n<!-- routers -->\nold\n<!-- /routers -->\nb\n", "utf-8")
    write_router_page(empty("3.11", 2), page)
    written = page.read_text("utf-8")
    assert written == f"a\n<!-- routers -->\n{markdown(empty('3.11', 2))}<!-- /routers -->\nb\n"
