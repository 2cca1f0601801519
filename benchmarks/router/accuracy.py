"""Train on BANKING77 and CLINC150 and measure what comes out on their dev sets: accuracy, calibration, time.

Run ``python -m benchmarks.router.accuracy [--json] [SET ...]``; the data is found by ``POINTSMAN_DATA``.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.router.data import DATA
from router import EmbeddingRouter, evaluate, read_examples
from router.trained_model import train
from router.training_config import TrainingConfig


def measure(name: str, seed: int, train_file: str) -> dict[str, Any]:
    """Train on one set and evaluate the saved file on its dev set, all in this process."""
    folder = DATA / name
    examples = read_examples(folder / train_file)
    config = TrainingConfig(seed=seed)
    before = time.process_time()
    model = train(examples, config)
    cpu = time.process_time() - before
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "model.npz"
        model.save(path)
        size = path.stat().st_size
        before = time.perf_counter()
        router = EmbeddingRouter.load(path)
        router.predict("warm")
        load = time.perf_counter() - before
    result = evaluate(router, read_examples(folder / "dev.jsonl"), time.perf_counter_ns)
    return {
        "set": name,
        "seed": seed,
        **result.to_json(),
        "train_cpu_s": round(cpu, 1),
        "load_ms": round(load * 1000, 1),
        "file_mb": round(size / 1e6, 1),
        **model.manifest.metrics,
    }


def main() -> int:
    """Measure each set and print a line for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", default=["banking77", "clinc150"])
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--train-file", default="train.jsonl")
    options = parser.parse_args()
    if not DATA.is_dir():
        print(f"{DATA}: no data here; set POINTSMAN_DATA", file=sys.stderr)
        return 2
    for name in options.sets:
        row = measure(name, options.seed, options.train_file)
        print(json.dumps(row) if options.json else "  ".join(f"{key}={value}" for key, value in row.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
