from dataclasses import replace

import numpy as np
import pytest
import torch

from router import EmbeddingRouter
from router.thumbs import Thumbs
from router.trained_model import TrainedModel, train
from router.training import fit_network, kept_places, torch_settings
from router.training_config import Progress
from tests.router.reference import scores_of
from tests.router.tiny import EXAMPLES, TINY, silent


@pytest.mark.parametrize("base_share", [0.0, 2.0], ids=["without a base encoder", "with one"])
def test_numpy_torch_and_the_naive_reference_agree(base_share: float) -> None:
    """The served scores and the reference's are those of the network, to 1e-5, once it has the rounded rows."""
    config = replace(TINY, base_share=base_share)
    texts, targets = [e.text for e in EXAMPLES], np.array([0] * 4 + [1] * 4)
    with torch_settings(1):
        fitted = fit_network(texts, targets, 2, config, silent, "fit")
    scales, arrays = fitted.scales, fitted.arrays(texts, targets, 0.0)
    idf = torch.from_numpy(fitted.vocabulary.idf[:, None]) * scales.features
    fitted.model.embedding.copy_(torch.from_numpy(arrays.rows(fitted.sizes[0]).unpack()) / idf)
    network = fitted.vectors(texts) @ arrays.head.T
    manifest = replace(train(EXAMPLES, config).manifest, sketch_weight=scales.sketch, base_weight=scales.base)
    router = EmbeddingRouter(manifest, arrays)
    served = [{c.name: c.score for c in router.predict(text).candidates()} for text in texts]
    names = [label.name for label in manifest.labels]
    assert np.allclose(network, [[row[name] for name in names] for row in served], rtol=0, atol=1e-5)
    naive = [scores_of(text, manifest, arrays, fitted.reader.base) for text in texts]
    assert np.allclose(network, naive, rtol=0, atol=1e-5)


def test_label_rows_start_where_their_texts_lie() -> None:
    """Before the first step a label's row in the base encoder's space is the mean direction of its texts."""
    texts, targets = [e.text for e in EXAMPLES], np.array([0] * 4 + [1] * 4)
    config = replace(TINY, base_share=2.0, learning_rate=0.0)
    with torch_settings(1):
        fitted = fit_network(texts, targets, 2, config, silent, "fit")
    head = fitted.model.head.numpy()[:, fitted.model.embedding.shape[1] :]
    assert head.shape == (2, fitted.reader.base.size)
    sums = fitted.batch(texts).base.numpy()
    units = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    expected = units[:4].mean(axis=0) - units.mean(axis=0)
    assert np.allclose(head[0], expected / np.linalg.norm(expected), atol=1e-5)


def test_noise_on_the_base_is_of_the_training_alone() -> None:
    """Each step meets another noise, one seed gives the same noise twice, and what is served has none."""
    texts, targets = [e.text for e in EXAMPLES], np.array([0] * 4 + [1] * 4)
    still = replace(TINY, base_share=2.0, dropout=0.0, learning_rate=0.0, batch_size=8)
    losses: dict[float, list[float]] = {}
    vectors = []
    for noise in (0.0, 1.0, 1.0):
        seen: list[Progress] = []
        with torch_settings(1):
            fitted = fit_network(texts, targets, 2, replace(still, base_noise=noise), seen.append, "fit")
        found = [done.loss for done in seen]
        assert losses.setdefault(noise, found) == found
        vectors.append(fitted.vectors(texts))
    assert max(losses[0.0]) - min(losses[0.0]) < 1e-6  # nothing is learnt and nothing is hidden
    assert len(set(losses[1.0])) == still.epochs
    assert np.array_equal(vectors[0], vectors[1])


@pytest.mark.parametrize(("per_label", "size"), [(4, 8), (0, 32)])
def test_a_few_labels_get_short_rows_where_the_recipe_says_so(per_label: int, size: int) -> None:
    """A row is no longer than so many times the number of labels, and the manifest says how long it is."""
    model = train(EXAMPLES, replace(TINY, size=32, size_per_label=per_label))
    assert model.manifest.size == 2 * model.arrays.codes.shape[1] == size


def test_the_network_scores_by_cosine(trained: TrainedModel) -> None:
    """The network's forward pass is what its vectors and head give."""
    texts, targets = [e.text for e in EXAMPLES], np.array([0] * 4 + [1] * 4)
    with torch_settings(1):
        fitted = fit_network(texts, targets, 2, TINY, silent, "fit")
    rows = fitted.arrays(texts, targets, 0.0).head
    scores = fitted.model.look(fitted.batch(texts)).scores.numpy()
    assert np.allclose(scores, fitted.vectors(texts) @ rows.T, atol=1e-5)


def test_torch_is_left_as_it_was() -> None:
    """Training gives the number of threads back."""
    before = torch.get_num_threads()
    train(EXAMPLES, replace(TINY, threads=2))
    assert torch.get_num_threads() == before


def test_the_loss_of_thumbs_is_their_likelihood_by_hand() -> None:
    """An example: smoothed cross-entropy; a thumb that is right with probability r: r log p + (1 - r) log(1 - p)."""
    config = replace(TINY, learning_rate=0.0, dropout=0.0, epochs=1, smoothing=0.1)
    texts, targets = [e.text for e in EXAMPLES], np.array([0] * 4 + [1] * 4)
    said = ("paint the boat", "sail the wall", "paint now")
    thumbs = Thumbs(said, np.array([0, 1, 0]), np.array([1.0, 0.0, 0.3], dtype=np.float32))
    seen: list[Progress] = []
    with torch_settings(1):
        fitted = fit_network(texts, targets, 2, config, seen.append, "fit", thumbs)
    vectors = fitted.vectors([*texts, *said])
    scores = (
        vectors @ fitted.arrays([*texts, *said], np.concatenate([targets, thumbs.targets]), 0.0).head.T * config.scale
    )
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    examples = [0.95 * np.log(p[at, label]) + 0.05 * np.log(p[at, 1 - label]) for at, label in enumerate(targets)]
    of_thumbs = [np.log(p[8, 0]), np.log(1 - p[9, 1]), 0.3 * np.log(p[10, 0]) + 0.7 * np.log(1 - p[10, 0])]
    assert seen[0].loss == pytest.approx(-np.mean([*examples, *of_thumbs]), rel=1e-4)


def test_a_thumb_moves_the_agent_it_is_about() -> None:
    """A thumb down takes score from the agent that was asked, a thumb up gives it some, compared with neither."""
    texts, targets = [e.text for e in EXAMPLES], np.array([0] * 4 + [1] * 4)
    asked = "wash the car"
    scores = {}
    with torch_settings(1):
        for name, right in (("down", [0.0] * 3), ("none", []), ("up", [1.0] * 3)):
            thumbs = Thumbs((asked,) * len(right), np.zeros(len(right), dtype=np.int64), np.array(right, np.float32))
            fitted = fit_network(texts, targets, 2, replace(TINY, epochs=8), silent, "fit", thumbs)
            head = fitted.arrays([*texts, *thumbs.texts], np.concatenate([targets, thumbs.targets]), 0.0).head
            red, blue = (fitted.vectors([asked]) @ head.T)[0].tolist()
            scores[name] = red - blue
    assert scores["down"] < scores["none"] < scores["up"]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.9])
def test_features_are_hidden_each_by_itself(share: float) -> None:
    """Every place is kept as often as any other, whether or not the one before it is; within 4 standard errors."""
    generator, times, features = torch.Generator().manual_seed(1), 4000, 12
    kept = np.zeros((times, features))
    for row in kept:
        row[kept_places(share, generator, features)] = 1
    error = 4 * (share * (1 - share) / times) ** 0.5
    assert np.abs(kept.mean(axis=0) - (1 - share)).max() <= error
    together = (kept[:, 1:] * kept[:, :-1]).mean(axis=0)
    assert np.abs(together - (1 - share) ** 2).max() <= 4 * (((1 - share) ** 2) * (1 - (1 - share) ** 2) / times) ** 0.5


def test_nothing_is_kept_of_nothing() -> None:
    """A batch of texts without features has none to hide."""
    assert kept_places(0.9, torch.Generator().manual_seed(1), 0).tolist() == []
