"""fastText: words and pairs of words, with subwords; its own trainer and its own file."""
# mypy: disable-error-code="import-not-found,import-untyped"
# The anchor is installed in an environment of its own, where mypy does not look.

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.router.anchors.harness import main

PREFIX: Final = "__label__"
#: Passes over few texts and over many; below how many texts a label they are few.
EPOCHS_OF_FEW: Final = 400
EPOCHS: Final = 50
FEW: Final = 20


class FastText:
    """A supervised model of fastText."""

    def __init__(self) -> None:
        self._model: Any = None

    def fit(self, texts: Sequence[str], labels: Sequence[str], seed: int) -> None:
        """Train in one thread on pairs of words and subwords of 2 to 5 characters."""
        from fasttext import train_supervised

        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "train.txt"
            rows = (f"{PREFIX}{label} {_line(text)}" for text, label in zip(texts, labels, strict=True))
            path.write_text("\n".join(rows) + "\n", "utf-8")
            self._model = train_supervised(
                str(path),
                lr=0.5,
                epoch=EPOCHS_OF_FEW if len(texts) < FEW * len(set(labels)) else EPOCHS,
                wordNgrams=2,
                minn=2,
                maxn=5,
                bucket=200_000,
                thread=1,
                seed=seed,
                verbose=0,
            )

    def judge(self, texts: Sequence[str]) -> list[tuple[str, float]]:
        """Return the likeliest label of each text and its probability."""
        answers = (self._model.f.predict(_line(text) + "\n", 1, 0.0, "strict")[0] for text in texts)
        return [(label.removeprefix(PREFIX), min(1.0, score)) for score, label in answers]

    def save(self, folder: Path) -> None:
        """Write fastText's own file."""
        self._model.save_model(str(folder / "model.bin"))

    def load(self, folder: Path) -> None:
        """Read fastText's own file."""
        from fasttext import load_model

        self._model = load_model(str(folder / "model.bin"))


def _line(text: str) -> str:
    return " ".join(text.lower().split())


if __name__ == "__main__":
    main(FastText, probability=True)
