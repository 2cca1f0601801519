"""The tables of this folder's README and of the router's page: `python -m benchmarks.markdown`, from `results/`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.markdown_table import table
from benchmarks.router.results import read
from benchmarks.router.table import markdown
from benchmarks.work import ROWS

FOLDER: Final = Path(__file__).parent
ROUTER_PAGE: Final = FOLDER.parent / "docs" / "router.md"


def tables(kernel: Mapping[str, Any], peers: Mapping[str, Any]) -> str:
    """Return all tables as Markdown.

    Args:
        kernel: as `benchmarks.kernel --json` writes it.
        peers: as `benchmarks.peers --json` writes it.
    """
    about = f"Python {kernel['python']}, {kernel['cpus']} cores shared with other work, {kernel['date']}."
    parts = (
        f"{about} CPU microseconds per unit, median of five, and in\nbrackets the ratio to bare asyncio.",
        "Kernel, in one process:",
        table(("row", "bare asyncio", "typed floor", "Pointsman"), _kernel_rows(kernel)),
        table(("single figure", ""), _single_figures(kernel)),
        "Bars:",
        table(("figure", "measured", "at most", "level", ""), _bars(kernel)),
        "Peers, one process each, alternately:",
        table(("framework", *ROWS), _peer_rows(peers)),
        "What matters most, Pointsman's full path by autogen-core's bare path (below 1 is cheaper):",
        table(("compared", "ratio"), ([label, f"{ratio:.2f}"] for label, ratio in peers["comparison"].items())),
    )
    return "\n\n".join(parts) + "\n"


def replace(text: str, between: str, name: str = "tables") -> str:
    """Return a text with what stands between the two marks of a name replaced."""
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
    head, rest = text.split(begin)
    return head + begin + between + end + rest.split(end)[1]


def _kernel_rows(kernel: Mapping[str, Any]) -> Iterator[list[str]]:
    for row in kernel["rows"]:
        costs = [_cost(us, row["ratio"][who]) for who, us in row["cpu_us"].items()]
        yield [f"{row['name']}, per {row['unit']}", *costs]


def _single_figures(kernel: Mapping[str, Any]) -> Iterator[list[str]]:
    router, startup = kernel["router"], kernel["import"]
    flat = ", ".join(f"{row['ratio']['pointsman']:.2f}x at {int(n):,}" for n, row in kernel["flatness"].items())
    yield ["publish by number of events", flat]
    yield [
        f"router ({router['model']}), CPU of one decision among {router['agents']} agents",
        f"p50 {router['predict_p50_us']:.0f} µs, p99 {router['predict_p99_us']:.0f} µs",
    ]
    yield ["router, one with a word never met before", f"p50 {router['predict_new_word_p50_us']:.0f} µs"]
    yield [
        "router, the words that decided",
        f"p50 {router['explain_p50_us']:.0f} µs, p99 {router['explain_p99_us']:.0f} µs",
    ]
    yield ["router, loading", f"{1e3 * router['load_cpu_s']:.0f} ms CPU"]
    modules = f"{startup['modules']} modules, {startup['torch_modules']} of torch"
    yield ["cold `import orchestrator`", f"{startup['cpu_s']:.2f} s CPU, {modules}"]


def _bars(kernel: Mapping[str, Any]) -> Iterator[list[str]]:
    for bar in kernel["bars"]:
        verdict = "pass" if bar["passed"] else "**missed**"
        yield [bar["figure"], f"{bar['value']:.3g}", f"{bar['limit']:g}", bar["level"], verdict]


def _peer_rows(peers: Mapping[str, Any]) -> Iterator[list[str]]:
    for peer in peers["contestants"]:
        name = f"{peer['name']} {peer['version']}"
        if "problem" in peer:
            yield [name, peer["problem"], "", "", ""]
            continue
        rows = dict(peer["rows"])
        yield [name, *(_cost(row["cpu_us"], row["ratio"]) for row in (rows.pop(known) for known in ROWS))]
        for extra, row in rows.items():
            yield [f"{peer['name']}, {extra.replace('_', ' ')}", "", "", "", _cost(row["cpu_us"], row["ratio"])]


def _cost(microseconds: float, ratio: float) -> str:
    return f"{microseconds:,.1f} ({ratio:,.3g}x)"


def main() -> int:
    """Rewrite the tables of the README and of the router's page; always return 0."""
    results = [json.loads((FOLDER / "results" / name).read_text("utf-8")) for name in ("kernel.json", "peers.json")]
    readme = FOLDER / "README.md"
    readme.write_text(replace(readme.read_text("utf-8"), tables(*results)), "utf-8")
    write_router_page(read(FOLDER / "results" / "router.json"))
    return 0


def write_router_page(results: Mapping[str, Any], page: Path = ROUTER_PAGE) -> None:
    """Put the table of some results into the router's page."""
    page.write_text(replace(page.read_text("utf-8"), markdown(results), "routers"), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
