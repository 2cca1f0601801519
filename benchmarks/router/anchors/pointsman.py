"""Pointsman as one of the contestants, through its public names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.router.anchors.harness import main


class Pointsman:
    """The product: a decision is all of tokenise, score, calibrate, abstain and record."""

    def __init__(self) -> None:
        self._model: Any = None
        self._router: Any = None

    def fit(self, texts: Sequence[str], labels: Sequence[str], seed: int) -> None:
        """Train as `pointsman train` does without options: its recipe, calibration included."""
        from orchestrator.cli.train import recipe_for
        from router import Example
        from router.trained_model import train

        examples = [Example(text, label) for text, label in zip(texts, labels, strict=True)]
        self._model = train(examples, replace(recipe_for(examples), seed=seed))

    def judge(self, texts: Sequence[str]) -> list[tuple[str, float]]:
        """Return the leader of each text and the confidence, each decision put on record."""
        answers = []
        for text in texts:
            prediction = self._router.predict(text)
            prediction.to_json()
            answers.append((prediction.leader, prediction.confidence))
        return answers

    def save(self, folder: Path) -> None:
        """Write the model file, and go on with what was written."""
        self._model.save(folder / "model.npz")
        self.load(folder)

    def load(self, folder: Path) -> None:
        """Read the model file, without torch."""
        from router import EmbeddingRouter

        self._router = EmbeddingRouter.load(folder / "model.npz")


if __name__ == "__main__":
    main(Pointsman, probability=True)
