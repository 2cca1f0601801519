"""What typos cost: `python -m benchmarks.router.typos --model M --data FILE [--share 0.1] [--json]`.

So many slips of the finger as a share of all words: two letters swapped, one dropped, doubled, or hit beside its key.
They fall on words of at least four letters, one at most on each.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from orchestrator.clock import seeded_random
from router import EmbeddingRouter, Example, read_examples

_WORD: Final = re.compile(r"[^\W\d_]+")
_LEAST: Final = 4
_KEYS: Final = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_NEIGHBOURS: Final = {
    key: [row[near] for near in (at - 1, at + 1) if 0 <= near < len(row)] for row in _KEYS for at, key in enumerate(row)
}


def mistype(text: str, share: float, rng: random.Random) -> str:
    """Return a text with `share` times as many slips as it has words, on average."""
    words = [word[0] for word in _WORD.finditer(text)]
    chance = share * len(words) / max(sum(len(word) >= _LEAST for word in words), 1)
    return _WORD.sub(
        lambda word: _slip(word[0], rng) if len(word[0]) >= _LEAST and rng.random() < chance else word[0], text
    )


def _slip(word: str, rng: random.Random) -> str:
    at = rng.randrange(len(word) - 1)
    swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    beside = rng.choice(_NEIGHBOURS.get(word[at].lower(), ["e"]))
    return rng.choice(
        [swapped, word[:at] + word[at + 1 :], word[: at + 1] + word[at:], word[:at] + beside + word[at + 1 :]]
    )


def measure(router: EmbeddingRouter, examples: Sequence[Example], share: float, seeds: Sequence[int]) -> dict[str, Any]:
    """Return the accuracy of the leader without and with typos, in percent, the mean over seeds, and what was lost."""
    clean = _accuracy(router, examples)
    typed = []
    for seed in seeds:
        rng = seeded_random(seed, "typos")
        typed.append(_accuracy(router, [Example(mistype(one.text, share, rng), one.label) for one in examples]))
    with_typos = statistics.fmean(typed)
    return {
        "requests": len(examples),
        "share": share,
        "accuracy": round(clean, 2),
        "with_typos": round(with_typos, 2),
        "by_seed": [round(one, 2) for one in typed],
        "lost": round(clean - with_typos, 2),
    }


def _accuracy(router: EmbeddingRouter, examples: Sequence[Example]) -> float:
    return 100 * statistics.fmean(router.predict(one.text).leader == one.label for one in examples)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure one model on one file and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.router.typos", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="file that `pointsman train` wrote")
    parser.add_argument("--data", type=Path, required=True, help="JSON Lines of {text, label}")
    parser.add_argument("--share", type=float, default=0.1, help="of the words, 0 to 1 (default: %(default)s)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    router = EmbeddingRouter.load(options.model)
    figures = measure(router, read_examples(options.data), options.share, (0, 1, 2))
    print(json.dumps(figures) if options.json else "\n".join(f"{name:12} {value}" for name, value in figures.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
