"""Pointsman as one of the contestants, through its public names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from benchmarks.router.anchors.harness import NOBODY, main

#: Name of the model file in its folder.
MODEL: Final = "model.npz"


class Pointsman:
    """The product: a decision is all of tokenise, score, calibrate, abstain and record."""

    def __init__(self) -> None:
        self._model: Any = None
        self._router: Any = None

    def fit(self, texts: Sequence[str], labels: Sequence[str], seed: int) -> None:
        """Train as `pointsman train` does without options but `--out-of-scope`: its recipe, calibration included."""
        from orchestrator.cli.train import recipe_for
        from router import Example
        from router.trained_model import train

        pairs = list(zip(texts, labels, strict=True))
        examples = [Example(text, label) for text, label in pairs if label != NOBODY]
        nobodys = [text for text, label in pairs if label == NOBODY]
        self._model = train(examples, replace(recipe_for(examples), seed=seed), out_of_scope=nobodys)

    def judge(self, texts: Sequence[str]) -> list[tuple[str, float]]:
        """Return the leader of each text and the confidence, each decision put on record."""
        answers = []
        for text in texts:
            prediction = self._router.predict(text)
            prediction.to_json()
            answers.append((prediction.leader, prediction.confidence))
        return answers

    def save(self, folder: Path) -> None:
        """Write the model file."""
        self._model.save(folder / MODEL)

    def load(self, folder: Path) -> None:
        """Read the model file, without torch."""
        from router import EmbeddingRouter

        self._router = EmbeddingRouter.load(folder / MODEL)


if __name__ == "__main__":
    main(Pointsman, probability=True)
