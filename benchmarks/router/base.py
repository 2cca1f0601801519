"""Build the bundled base encoder: ``python -m benchmarks.router.base --wordnet FOLDER [--out FILE]``.

FOLDER holds the files of the WordNet 3.0 database (data.noun and its siblings); the request sets are found by
``POINTSMAN_DATA``. docs/base-encoder.md is the data card.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Final

import torch

from benchmarks.router.base_text import glosses, requests
from benchmarks.router.base_vectors import Recipe, learn
from benchmarks.router.data import DATA
from benchmarks.router.quantise import quantise
from router.base_encoder import BUNDLED_BASE, write_base

#: Words that are shipped, and the length of what a byte stands for: together just below a megabyte.
SHIPPED: Final = 20_000
STRETCH: Final = 6


def main() -> int:
    """Build the file and say what went into it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wordnet", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=BUNDLED_BASE)
    options = parser.parse_args()
    if not DATA.is_dir():
        print(f"{DATA}: no data here; set POINTSMAN_DATA", file=sys.stderr)
        return 2
    torch.set_num_threads(1)  # the same bytes on every run
    before = time.process_time()
    lines = [*requests(DATA), *glosses(options.wordnet)]
    learnt = learn(lines, Recipe())
    base = quantise(learnt.words[:SHIPPED], learnt.vectors[:SHIPPED], learnt.frequencies[:SHIPPED], STRETCH, seed=0)
    write_base(options.out, base)
    print(f"lines {len(lines)}, tokens {learnt.tokens}, words {len(base)}, vectors of {base.size}")
    print(f"digest {base.digest}, {options.out.stat().st_size} bytes, {time.process_time() - before:.0f} CPU-s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
