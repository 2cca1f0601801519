import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.router.base_text import REQUESTS, WORDNET, glosses, requests
from benchmarks.router.base_vectors import Recipe, centred, cooccurrences, information, learn
from benchmarks.router.quantise import quantise
from router.features import token_hash, word_buckets


def test_cooccurrences_by_hand() -> None:
    """In "a b a", then a gap, then "b", with a window of one: a and b are neighbours twice, in both directions."""
    left, right, counts = cooccurrences(np.array([0, 1, 0, -1, 1]), 2, 1)
    assert list(zip(left.tolist(), right.tolist(), counts.tolist(), strict=True)) == [(0, 1, 2.0), (1, 0, 2.0)]


def test_information_by_hand() -> None:
    """Two pairs that only ever occur with each other: ln(4 * 8 / (4 * 4)) nats each; a pair by chance is left out."""
    left, right, value = information(np.array([0, 1]), np.array([1, 0]), np.array([4.0, 4.0]), 2)
    assert (left.tolist(), right.tolist()) == ([0, 1], [1, 0])
    assert value.tolist() == pytest.approx([np.log(2)] * 2)
    even = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), np.ones(4)
    assert len(information(*even, 2)[2]) == 0


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")  # torch says so of what works
def test_words_of_like_company_are_alike() -> None:
    """Nouns that stand in the same places are nearer to each other than to those of other places; twice the same."""
    lines = [f"the {noun} eats {food} now" for noun in ("cat", "dog") for food in ("fish", "meat") for _ in range(4)]
    lines += [f"run the {script} on {host} tonight" for script in ("job", "backup") for host in ("alpha", "beta")] * 4
    recipe = Recipe(words=40, size=6, window=4)
    learnt = learn(lines, recipe)
    place = {word: at for at, word in enumerate(learnt.words)}

    def likeness(one: str, other: str) -> float:
        return float(learnt.vectors[place[one]] @ learnt.vectors[place[other]])

    assert likeness("cat", "dog") > likeness("cat", "backup") + 0.3
    assert likeness("job", "backup") > likeness("job", "meat") + 0.3
    assert np.array_equal(learnt.vectors, learn(lines, recipe).vectors)


def test_what_all_vectors_share_is_taken_away() -> None:
    """Two directions and their common part: what is left points apart, at length one."""
    left = centred(np.array([[1, 1], [1, -1]], dtype=np.float32), np.array([1.0, 1.0]))
    assert np.allclose(left, [[0, 1], [0, -1]], atol=1e-6)


def test_quantised_vectors_are_the_nearest_of_256() -> None:
    """No more words than centres: nothing is lost but half precision; every word is found again by its own name."""
    words = [f"word{n}" for n in range(200)]
    vectors = np.random.default_rng(1).standard_normal((200, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    base = quantise(words, vectors, np.full(200, 1e-3), 8, seed=0)
    assert len(base) == len({token_hash(word) for word in words})
    served = np.stack([base.word(word, word_buckets(word, 20)) for word in words])
    assert float((served * vectors).sum(axis=1).min()) > 0.999
    assert quantise(words, vectors, np.full(200, 1e-3), 8, seed=0).digest == base.digest


def test_no_target_set_and_no_label_is_read(tmp_path: Path) -> None:
    """Only the texts of the four sets that are named, and neither BANKING77 nor CLINC150 among them."""
    for name in REQUESTS:
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps({"text": f"of {name}", "label": "secret"}) + "\n", encoding="utf-8")
    assert list(requests(tmp_path)) == [f"of {name}" for name in REQUESTS]
    assert not any("banking" in name or "clinc" in name for name in REQUESTS)


def test_a_synset_gives_its_words_and_its_gloss(tmp_path: Path) -> None:
    """Two words, one of them with a marker of its position, then what they mean; the licence is skipped."""
    entry = '00000001 00 a 02 galore(ip) 0 in_plenty 0 000 | in great numbers; "daffodils galore"  \n'
    for name in WORDNET:
        (tmp_path / name).write_text(f"  1 a line of the licence\n{entry}", encoding="utf-8")
    assert list(glosses(tmp_path)) == ['galore in plenty in great numbers; "daffodils galore"'] * len(WORDNET)
