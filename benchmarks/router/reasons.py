"""How true and how quick reasons are: `python -m benchmarks.router.reasons --model M --data FILE [--json]`.

The deletion test: if the words that are said to decide do decide, leaving out the strongest one changes the leader far
more often than leaving out any other word of substance.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.router.data import DATA
from orchestrator.clock import seeded_random
from router import EmbeddingRouter, Prediction, Reasons, find_reasons, read_examples
from router.tokenizer import tokenize

#: Shorter requests lose too much with any word.
_LEAST_TOKENS: Final = 4
#: A word that stands in more than this share of the requests is no word of substance.
_COMMON: Final = 0.05
_PASSES: Final = 3


def measure(router: EmbeddingRouter, texts: Sequence[str], seed: int = 0) -> dict[str, Any]:
    """Return shares of changed leaders, the largest error of the sums, and the microseconds that reasons take.

    A counterfactual holds if a router that is asked for nothing but its text comes to the choice that was told.

    Args:
        router: With its labels as candidates.
        texts: Requests; those of fewer than four tokens are left out of the deletion test.
        seed: Of the choice of other words.
    """
    common = _common_words(texts)
    rng = seeded_random(seed, "deletion")
    top, other, found, held, worst = [], [], [], [], 0.0
    for text in texts:
        reasons = find_reasons(router, text)
        before = reasons.prediction
        scores = {one.name: one.score for one in before.candidates()}
        worst = max(worst, abs(sum(part.weight for part in reasons.words) - scores[before.leader]))
        found.append(reasons.counterfactual.changed)
        if reasons.counterfactual.changed:
            held.append(_holds(router, text, reasons))
        tokens = tokenize(text)
        words = sorted({token for token in tokens if token.isalnum()})
        if len(tokens) < _LEAST_TOKENS or len(words) < 2:
            continue
        shares = dict.fromkeys(words, 0.0)
        for word, weight in (*reasons.words, *reasons.separation):
            if word in shares:
                shares[word] += weight
        strongest = max(words, key=shares.__getitem__)
        top.append(_changes(router, tokens, strongest, before))
        others = [word for word in words if word != strongest and word not in common]
        if others:
            other.append(_changes(router, tokens, rng.choice(others), before))
    return {
        "requests": len(texts),
        **_shares("strongest_word", top),
        **_shares("other_word", other),
        "counterfactual_found": round(statistics.fmean(found), 4),
        "counterfactual_holds": round(statistics.fmean(held), 4) if held else None,
        "largest_error_of_sums": worst,
        **_times(router, texts),
    }


def figures(seed: int, models: Mapping[str, Path]) -> dict[str, float]:
    """Return what the reasons of the model of banking77 are worth on its dev set, shares in percent."""
    texts = [example.text for example in read_examples(DATA / "banking77" / "dev.jsonl")]
    found = measure(EmbeddingRouter.load(models["banking77 full"]), texts, seed)
    return {
        "worst_sum_1e6": 1e6 * found["largest_error_of_sums"],
        "top_changes_choice": 100 * found["strongest_word_changes_choice"],
        "top_changes_leader": 100 * found["strongest_word_changes_leader"],
        "other_changes_choice": 100 * found["other_word_changes_choice"],
        "other_changes_leader": 100 * found["other_word_changes_leader"],
        "found": 100 * found["counterfactual_found"],
        "verified": 100 * found["counterfactual_holds"],
        "p50_us": found["p50_us"],
        "p99_us": found["p99_us"],
        "beyond_p50_us": found["beyond_p50_us"],
        "beyond_p99_us": found["beyond_p99_us"],
    }


def _holds(router: EmbeddingRouter, text: str, reasons: Reasons) -> bool:
    """Leave the words out of the request anew, ask, and compare the choice with what was told."""
    told = reasons.counterfactual
    left = [token for token in tokenize(text) if token not in told.without]
    return router.predict(" ".join(left)).choice == told.choice != reasons.prediction.choice


def _common_words(texts: Sequence[str]) -> frozenset[str]:
    spread = Counter(word for text in texts for word in set(tokenize(text)))
    return frozenset(word for word, count in spread.items() if count > _COMMON * len(texts))


def _changes(router: EmbeddingRouter, tokens: Sequence[str], word: str, before: Prediction) -> tuple[bool, bool]:
    """Return whether leaving out a word changes the leader, and whether it changes the choice, abstaining included."""
    then = router.predict(" ".join(token for token in tokens if token != word))
    return then.leader != before.leader, then.choice != before.choice


def _shares(name: str, changes: Sequence[tuple[bool, bool]]) -> dict[str, float | None]:
    """Return how often leader and choice changed; null where no request could be tested."""
    names = (f"{name}_changes_leader", f"{name}_changes_choice")
    if not changes:
        return dict.fromkeys(names)
    return {name: round(statistics.fmean(one), 4) for name, one in zip(names, zip(*changes, strict=True), strict=True)}


def _times(router: EmbeddingRouter, texts: Sequence[str]) -> dict[str, float]:
    """Return percentiles over the texts of what the reasons take, and of what they take longer than the decision alone.

    Of each text the least of some passes counts: whatever else the machine does only adds.
    """
    whole: list[list[float]] = []
    decision: list[list[float]] = []
    for _ in range(_PASSES):
        decision.append(_microseconds(router.predict, texts))
        whole.append(_microseconds(lambda text: find_reasons(router, text), texts))
    least = [min(times) for times in zip(*whole, strict=True)]
    beyond = [one - min(times) for one, times in zip(least, zip(*decision, strict=True), strict=True)]
    return {
        f"{name}p{percent}_us": round(sorted(times)[len(times) * percent // 100], 1)
        for name, times in (("", least), ("beyond_", beyond))
        for percent in (50, 99)
    }


def _microseconds(work: Callable[[str], object], texts: Sequence[str]) -> list[float]:
    """Return how long it takes for each text."""
    taken = []
    for text in texts:
        begun = time.perf_counter_ns()
        work(text)
        taken.append((time.perf_counter_ns() - begun) / 1000)
    return taken


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure one model on one file and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.router.reasons", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="file that `pointsman train` wrote")
    parser.add_argument("--data", type=Path, required=True, help="JSON Lines of {text, label}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    router = EmbeddingRouter.load(options.model)
    figures = measure(router, [example.text for example in read_examples(options.data)], options.seed)
    print(json.dumps(figures) if options.json else "\n".join(f"{name:28} {value}" for name, value in figures.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
