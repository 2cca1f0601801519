"""Reasons of one request: collected from the router and the agents' cards, and shown; for `route` and `why`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from orchestrator.cli.console import bar, cell, shorten, table
from orchestrator.cli.records import expand_candidates
from orchestrator.cli.session import profile_of
from orchestrator.messages import EMPTY

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from orchestrator.agent import Agent
    from router import Router

_BAR_WIDTH: Final = 16
_EXAMPLE_WIDTH: Final = 100


def collect_reasons(
    router: Router, text: str, agents: Sequence[Agent], vetoes: Mapping[str, str] = EMPTY
) -> dict[str, Any]:
    """Return the decision on a request and its reasons as a JSON object, with the `nearest` examples of the leader.

    Words that are read as others are in `read_as`, each with the one that was meant.
    """
    from router import Embeds, Exemplars, Respells, find_reasons

    reasons = find_reasons(router, text, vetoes)
    leader = reasons.prediction.leader
    profiles = [profile_of(agent.card) for agent in agents if agent.card.name == leader]
    nearest = Exemplars(router, profiles).nearest(text, leader) if profiles and isinstance(router, Embeds) else ()
    return {
        **expand_candidates(reasons.to_json()),
        "nearest": [[one.text, round(one.likeness, 6)] for one in nearest],
        "read_as": dict(router.read_as(text)) if isinstance(router, Respells) else {},
    }


def view_reasons(reasons: Mapping[str, Any]) -> Iterator[Text | Table]:
    """Yield what `collect_reasons` says beyond the decision itself."""
    if reasons["read_as"]:
        yield cell("")
        pairs = [f"“{shorten(word, 30)}” as “{meant}”" for word, meant in reasons["read_as"].items()]
        yield cell("Read").append(" ").append_text(cell(_listed(pairs), "bold"))
    if not reasons["leader"]:
        return
    if reasons["runner_up"]:
        yield cell("")
        yield _separation(reasons)
    yield cell("")
    yield _counterfactual(reasons)
    if reasons["nearest"]:
        yield cell("")
        yield cell(f"Nearest examples of {reasons['leader']}:", "bold")
        for text, likeness in reasons["nearest"]:
            yield cell("").append(f"  {likeness:.2f} ", "dim").append_text(cell(f"“{shorten(text, _EXAMPLE_WIDTH)}”"))


def _separation(reasons: Mapping[str, Any]) -> Table:
    first, second = reasons["leader"], reasons["runner_up"]
    strongest = max((abs(weight) for _, weight in reasons["separation"]), default=0.0) or 1.0
    rows = [
        (shorten(word, 30), f"{weight:+.3f}", f"{weight - more:+.3f}", f"{more:+.3f}", _signed_bar(more / strongest))
        for (word, weight), (_, more) in zip(reasons["attribution"], reasons["separation"], strict=True)
        if word
    ]
    total = reasons["margin"]
    rows.append(("all words", "", "", f"{total:+.3f}", cell("")))
    return table(("word", f">{first}", f">{second}", ">difference", ""), rows)


def _signed_bar(share: float) -> Text:
    return cell(bar(abs(share), _BAR_WIDTH), "green" if share >= 0 else "red")


def _counterfactual(reasons: Mapping[str, Any]) -> Text:
    found = reasons["counterfactual"]
    words = [f"“{shorten(word, 30)}”" for word in found["without"]]
    if not words:
        return cell("no word of it could be left out", "dim")
    line = cell("Without" if found["changed"] else "Even without").append(" ").append_text(cell(_listed(words), "bold"))
    would = " it would go to " if found["changed"] else " it would still go to "
    to = found["choice"] or f"nobody ({found['abstained']})"
    return line.append(would).append_text(cell(to, "bold cyan")).append(f", confidence {found['confidence']:.3f}")


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
