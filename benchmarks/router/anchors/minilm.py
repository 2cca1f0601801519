"""MiniLM (all-MiniLM-L6-v2, weights from a package) and a logistic regression on its vectors."""
# mypy: disable-error-code="import-not-found,import-untyped"
# The anchor is installed in an environment of its own, where mypy does not look.

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.router.anchors.harness import main
from benchmarks.router.anchors.minilm_encoder import MiniLM, weights


class MiniLMRegression:
    """Sentence vectors of a pretrained encoder, and scikit-learn's logistic regression."""

    def __init__(self) -> None:
        self._encoder: Any = None
        self._head: Any = None

    def fit(self, texts: Sequence[str], labels: Sequence[str], seed: int) -> None:
        """Encode, fit the head; the encoder stays as it is."""
        from sklearn.linear_model import LogisticRegression

        self._encoder = MiniLM()
        self._head = LogisticRegression(C=20.0, max_iter=1000, random_state=seed)
        self._head.fit(self._encoder.encode(texts), list(labels))

    def judge(self, texts: Sequence[str]) -> list[tuple[str, float]]:
        """Return the likeliest label of each text and its probability."""
        probabilities = self._head.predict_proba(self._encoder.encode(texts))
        best = probabilities.argmax(axis=1)
        labels = self._head.classes_
        return [(str(labels[at]), float(row[at])) for row, at in zip(probabilities, best, strict=True)]

    def save(self, folder: Path) -> None:
        """Write the head, and a copy of the encoder's weights, which serving needs as much."""
        import shutil

        import joblib

        joblib.dump(self._head, folder / "head.joblib")
        shutil.copyfile(weights(), folder / weights().name)

    def load(self, folder: Path) -> None:
        """Read the head and the encoder."""
        import joblib

        self._encoder, self._head = MiniLM(), joblib.load(folder / "head.joblib")


if __name__ == "__main__":
    main(MiniLMRegression, probability=True)
