"""Card checks: what in the cards of the installed agents would mislead the router."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, Literal

from orchestrator.cli.console import shorten

if TYPE_CHECKING:
    from orchestrator.agent import AgentCard
    from orchestrator.plugins import PluginReport
    from router import Router

ENOUGH_EXAMPLES: Final = 10
#: Two agents overlap where this share of one's examples leaves the other within reach.
OVERLAP: Final = 0.2


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend: an `error` sends requests astray, a `warning` may."""

    level: Literal["error", "warning"]
    agent: str
    problem: str

    def to_json(self) -> dict[str, str]:
        """Return it as a JSON object."""
        return asdict(self)


def check_cards(plugins: PluginReport, router: Router) -> list[Finding]:
    """Return what is wrong with the plugins and their cards, errors first.

    Args:
        plugins: all that are installed.
        router: knows every one of these agents.
    """
    cards = [plugin.agent.card for plugin in plugins.loaded]
    findings = [Finding("error", b.entry_point, f"{b.distribution}: {b.problem}") for b in plugins.broken]
    findings += _doubles(cards)
    for card in cards:
        findings += _thin(card)
        findings += _astray(card, router)
    return sorted(findings, key=lambda finding: finding.level)


def _doubles(cards: Sequence[AgentCard]) -> Iterator[Finding]:
    owners: dict[str, str] = {}
    for card in cards:
        for example in card.examples:
            owner = owners.setdefault(" ".join(example.casefold().split()), card.name)
            if owner != card.name:
                yield Finding("error", card.name, f"{owner} has the same example: “{shorten(example, 80)}”")


def _thin(card: AgentCard) -> Iterator[Finding]:
    distinct = len({" ".join(example.casefold().split()) for example in card.examples})
    if distinct < ENOUGH_EXAMPLES:
        problem = f"{distinct} distinct examples; give {ENOUGH_EXAMPLES} at least, in the words of those who ask"
        yield Finding("warning", card.name, problem)


def _astray(card: AgentCard, router: Router) -> Iterator[Finding]:
    """Route the card's own examples: a request that the agent names as its own should come to it."""
    near: Counter[str] = Counter()
    for example in card.examples:
        prediction = router.predict(example)
        quoted = f"“{shorten(example, 80)}”"
        if prediction.leader != card.name:
            yield Finding("error", card.name, f"its example {quoted} goes to {prediction.leader}")
        elif prediction.abstained:
            why = f"confidence {prediction.confidence:.2f} is below {prediction.threshold:.2f}"
            yield Finding("warning", card.name, f"on its example {quoted} the router abstains: {why}")
            near[prediction.runner_up] += 1
    for other, count in near.most_common():
        if other and count >= OVERLAP * len(card.examples):
            problem = f"overlaps with {other}: {count} of {len(card.examples)} examples are too close to tell"
            yield Finding("warning", card.name, f"{problem}; say in both cards what sets them apart")
