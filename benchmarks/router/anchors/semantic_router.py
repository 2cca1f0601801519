"""semantic-router with MiniLM as its encoder and its defaults: the mean of the five nearest utterances decides."""
# mypy: disable-error-code="import-not-found,import-untyped"
# The anchor is installed in an environment of its own, where mypy does not look.

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.router.anchors.harness import main
from benchmarks.router.anchors.minilm_encoder import model_folder, weights


class SemanticRouter:
    """A route for each label, its utterances the examples; they are embedded again whenever it starts."""

    def __init__(self) -> None:
        self._router: Any = None
        self._utterances: dict[str, list[str]] = {}

    def fit(self, texts: Sequence[str], labels: Sequence[str], seed: int) -> None:
        """Make the routes; nothing here is random, so the seed is not used."""
        del seed
        utterances: dict[str, list[str]] = defaultdict(list)
        for text, label in zip(texts, labels, strict=True):
            utterances[label].append(text)
        self._build(utterances)

    def judge(self, texts: Sequence[str]) -> list[tuple[str, float]]:
        """Return the best route of each text, however low its score, and the score."""
        choices = (self._router(text, threshold=0.0) for text in texts)
        return [(choice.name or "", choice.confidence or 0.0) for choice in choices]

    def save(self, folder: Path) -> None:
        """Write the utterances, and a copy of the encoder's weights, which serving needs as much."""
        import shutil

        (folder / "routes.json").write_text(json.dumps(self._utterances), "utf-8")
        shutil.copyfile(weights(), folder / weights().name)

    def load(self, folder: Path) -> None:
        """Read the utterances and embed them."""
        self._build(json.loads((folder / "routes.json").read_text("utf-8")))

    def _build(self, utterances: Mapping[str, Sequence[str]]) -> None:
        import torch
        from semantic_router import Route
        from semantic_router.encoders import HuggingFaceEncoder
        from semantic_router.routers import IndexedRouter

        torch.set_num_threads(1)
        self._utterances = {name: list(texts) for name, texts in utterances.items()}
        routes = [Route(name=name, utterances=texts) for name, texts in self._utterances.items()]
        self._router = IndexedRouter(HuggingFaceEncoder(name=str(model_folder()), device="cpu"), routes)


if __name__ == "__main__":
    main(SemanticRouter, probability=False)
