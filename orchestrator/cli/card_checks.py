"""Card checks: what in the cards of the installed agents would mislead the router."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, Literal

from orchestrator.cli.console import shorten
from orchestrator.cli.session import profile_of

if TYPE_CHECKING:
    from orchestrator.agent import AgentCard
    from orchestrator.plugins import PluginReport
    from router import Router

ENOUGH_EXAMPLES: Final = 10
#: Two agents overlap where this share of one's examples leaves the other within reach.
OVERLAP: Final = 0.2
#: One agent takes from another where it would get this share of the other's examples, were they not on its card.
TAKEN: Final = 0.25


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
    findings += _held_out(cards)
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


def _held_out(cards: Sequence[AgentCard]) -> Iterator[Finding]:
    """Judge each example by the cards without it: a router that was trained on it would merely remember."""
    from router import audit_cards

    audit = audit_cards([profile_of(card) for card in cards])
    for one in audit.judged:
        if one.contradicted:
            closer = f"to {one.rival} ({one.rival_score:.2f}) than to the rest of its own card ({one.score:.2f})"
            problem = f"its example “{shorten(one.example, 80)}” looks misplaced: it is closer {closer}"
            yield Finding("warning", one.agent, problem)
    examples = {card.name: len(card.examples) for card in cards}
    for (owner, taker), count in sorted(audit.taken().items()):
        if count > 1 and count >= TAKEN * examples[owner]:
            problem = f"{taker} would get {count} of its {examples[owner]} examples, were they not on its card"
            yield Finding("warning", owner, f"{problem}; say in both cards what sets them apart")
