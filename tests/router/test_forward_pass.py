from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router import EmbeddingRouter
from router.base_encoder import base_of
from router.model_file import read_model
from router.trained_model import TrainedModel
from tests.router import reference, reference_spelling

TEXTS = (
    "",
    "repair",
    "Does this migration lock the accounts table?",
    "log log log, the log of the log",
    "Überprüfe die Migration; don't 发布 42",
    "which of these " * 9 + "is last",
    "repiar the brokne migartion of this table",
)


@pytest.fixture(scope="module", params=["words", "pairs of words and a base encoder"])
def model(request: pytest.FixtureRequest, trained: TrainedModel, trained_on_pairs: TrainedModel) -> TrainedModel:
    """A model of either kind."""
    found: TrainedModel = trained if request.param == "words" else trained_on_pairs
    assert found.manifest.word_order == (found.manifest.config["base_share"] > 0) == (request.param != "words")
    return found


def served(router: EmbeddingRouter, text: str) -> list[float]:
    """Return the scores of all trained labels, in the order of the labels."""
    scores = {one.name: one.score for one in router.predict(text).candidates()}
    return [scores[label.name] for label in router.manifest.labels]


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_served_agrees_with_the_naive_reference(model: TrainedModel, tmp_path: Path, text: str) -> None:
    """From the file to the score: what plain Python makes of the arrays is what is served, to 1e-5."""
    model.save(tmp_path / "model.npz")
    manifest, arrays = read_model(tmp_path / "model.npz")
    base = base_of(manifest.base)
    expected = reference.scores_of(reference_spelling.read(text, manifest, arrays, base), manifest, arrays, base)
    assert np.allclose(served(EmbeddingRouter.load(tmp_path / "model.npz"), text), expected, rtol=0, atol=1e-5)


@settings(max_examples=8, deadline=None)
@given(st.text(max_size=20))
def test_any_text_agrees_with_the_naive_reference(model: TrainedModel, text: str) -> None:
    """The same for texts that nobody thought of."""
    manifest, arrays = model.manifest, model.arrays
    base = base_of(manifest.base)
    expected = reference.scores_of(reference_spelling.read(text, manifest, arrays, base), manifest, arrays, base)
    assert np.allclose(served(EmbeddingRouter(model.manifest, model.arrays), text), expected, rtol=0, atol=1e-5)


def test_the_reference_is_short() -> None:
    """It can be read at one go: sixty lines at most, without blank ones, imports and the line that says what it is."""
    lines = Path(reference.__file__).read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line.strip() and not line.startswith(('"""', "import", "from"))]) <= 60
