"""The network's way back and Adagrad are written by hand: torch's own say what they must give."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from router.corpus import Corpus
from router.model import Adagrad, BagModel, Batch, Scales, Slopes, loss_of, select

TEXTS, LABELS, FEATURES, SIZE, BASE, SKETCH = 5, 4, 30, 8, 6, 7


def drawn(*shape: int) -> torch.Tensor:
    """Return numbers that are the same whenever the shape is."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.fixture
def batch() -> Batch:
    """Five texts: features that repeat within a text and between texts, one text without any."""
    features = torch.tensor([3, 3, 7, 1, 29, 3, 7, 7, 0, 11])
    owners = torch.tensor([0, 0, 0, 1, 1, 2, 2, 4, 4, 4])
    offsets = torch.tensor([0, 3, 5, 7, 7])
    return Batch(features, drawn(10).abs(), owners, offsets, drawn(TEXTS, BASE), drawn(TEXTS, SKETCH))


@pytest.fixture
def model() -> BagModel:
    """A small network."""
    return BagModel(FEATURES, SIZE, drawn(LABELS, BASE), torch.Generator().manual_seed(3))


def said() -> tuple[torch.Tensor, torch.Tensor]:
    """Return what the texts say for labels and against: examples, and two thumbs."""
    wanted = functional.softmax(drawn(TEXTS, LABELS), dim=1)
    wanted[3:] = 0
    unwanted = torch.zeros(TEXTS, LABELS)
    wanted[3, 1], unwanted[3, 1], unwanted[4, 2] = 0.3, 0.7, 1.0
    return wanted, unwanted


def test_the_way_back_is_that_of_autograd(model: BagModel, batch: Batch) -> None:
    """Slopes of all parameters, to 1e-6; what the slopes do not name has none."""
    wanted, unwanted = said()
    embedding, head = (one.clone().requires_grad_() for one in (model.embedding, model.head))
    bag = torch.zeros(TEXTS, SIZE).index_add(0, batch.owners, embedding[batch.features] * batch.weights[:, None])
    vectors = functional.normalize(torch.cat([bag, batch.base, batch.sketch], dim=1), dim=1)
    scores = vectors[:, : SIZE + BASE] @ functional.normalize(head, dim=1).T
    p = functional.softmax(scores * 12, dim=1)
    loss = -(wanted * p.log() + unwanted * (1 - p * (1 - 1e-6)).log()).sum()  # of a certainty there is no logarithm
    torch.autograd.backward(loss / TEXTS)
    seen = model.look(batch)
    assert torch.allclose(seen.scores, scores.detach(), atol=1e-6)
    mine, by_scores = loss_of(seen.scores, wanted, unwanted, 12)
    assert mine == pytest.approx(loss.item(), rel=1e-5)
    slopes = model.slopes(batch, seen, by_scores)
    assert slopes.touched.tolist() == [0, 1, 3, 7, 11, 29]
    whole = torch.zeros(FEATURES, SIZE)
    whole[slopes.touched] = slopes.rows
    assert embedding.grad is not None
    assert head.grad is not None
    assert embedding.grad.abs().max() > 0.01
    assert torch.allclose(whole, embedding.grad, atol=1e-6)
    assert torch.allclose(slopes.head, head.grad, atol=1e-6)


def test_adagrad_is_that_of_torch(model: BagModel, batch: Batch) -> None:
    """Three steps on touched rows alone are three of torch's on everything, to 1e-6."""
    embedding, head = (torch.nn.Parameter(one.clone()) for one in (model.embedding, model.head))
    begun = model.embedding.clone()
    theirs, mine = torch.optim.Adagrad([embedding, head], lr=0.2, eps=1e-6), Adagrad(model)
    for _ in range(3):
        seen = model.look(batch)
        slopes = model.slopes(batch, seen, loss_of(seen.scores, *said(), 12)[1])
        embedding.grad = torch.zeros(FEATURES, SIZE).index_copy(0, slopes.touched, slopes.rows)
        head.grad = slopes.head.clone()
        theirs.step()
        mine.step(slopes, 0.2)
    assert (model.embedding - begun).abs().amax(dim=1).gt(0.1).nonzero()[:, 0].tolist() == slopes.touched.tolist()
    assert torch.allclose(model.embedding, embedding, atol=1e-6)
    assert torch.allclose(model.head, head, atol=1e-6)


def test_a_row_has_one_sum_by_hand(model: BagModel) -> None:
    """By rows, a row moves by its slopes over the root of the sum, over the steps so far, of their mean square."""
    begun, still = model.embedding.clone(), torch.zeros_like(model.head)
    first, second = torch.tensor([[3.0] * 4 + [1.0] * 4]), torch.tensor([[2.0] * 8])  # mean squares 5 and 4
    adagrad = Adagrad(model, by_rows=True)
    for rows in (first, second):
        adagrad.step(Slopes(torch.tensor([7]), rows.clone(), still), 0.2)
    moved = begun - model.embedding
    assert torch.allclose(moved[7], 0.1 * (first / 5**0.5 + second / 9**0.5)[0], atol=1e-6)
    assert moved.abs().amax(dim=1).nonzero()[:, 0].tolist() == [7]


def test_a_batch_has_the_features_that_are_kept_of_the_texts_that_are_chosen() -> None:
    """By hand: texts of 2, 0 and 3 features, chosen last to first; of those five in that order the second is hidden."""
    rows, starts = np.array([4, 2, 1, 4, 0]), np.array([0, 2, 2, 5])
    idf = np.array([1, 2, 3, 4, 5], dtype=np.float32)
    corpus = Corpus(rows, idf, starts, np.eye(3, 2, dtype=np.float32), np.eye(3, 4, dtype=np.float32))
    chosen = np.array([2, 1, 0])
    batch = select(corpus, chosen, Scales(10, 2, 3), lambda features: np.delete(np.arange(features), 1))
    assert batch.features.tolist() == [1, 0, 4, 2]
    assert batch.weights.tolist() == [20, 10, 50, 30]
    assert batch.owners.tolist() == [0, 0, 2, 2]
    assert batch.offsets.tolist() == [0, 2, 2]
    assert batch.base.tolist() == [[0, 0], [0, 2], [2, 0]]
    assert batch.sketch.tolist() == [[0, 0, 3, 0], [0, 3, 0, 0], [3, 0, 0, 0]]
