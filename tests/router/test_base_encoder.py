from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from router import EmbeddingRouter, ModelFileError, RouterError
from router.base_encoder import BUNDLED_BASE, BaseEncoder, base_of, bundled_base, read_base, write_base
from router.features import token_hash, word_buckets
from router.sketch import sketch_word
from router.trained_model import TrainedModel

Members = dict[str, Any]


def vector(word: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Return a word's vector in the bundled base encoder."""
    return bundled_base().word(word, word_buckets(word, 20))


def tiny() -> BaseEncoder:
    """Return an encoder of two words and two stretches of 32."""
    hashes = np.sort(np.array([token_hash("a"), token_hash("b")], dtype=np.uint32))
    codebook = np.zeros((2, 256, 32), dtype=np.float16)
    codebook[0, 7, 0], codebook[1, 9, 31] = 3.0, 4.0
    return BaseEncoder(
        hashes, np.array([[7, 9], [9, 7]], dtype=np.uint8), codebook, np.array([51, 255], dtype=np.uint8)
    )


def test_a_vector_is_its_stretches_by_hand() -> None:
    """The first word is (3, 0, ..., 0, 4) brought to length 1."""
    base = tiny()
    first = min("ab", key=token_hash)
    word = base.word(first, word_buckets(first, 20))
    assert (word[0], word[63]) == (pytest.approx(0.6), pytest.approx(0.8))
    assert np.count_nonzero(word) == 2


def test_a_word_of_zeros_stays_zero() -> None:
    """A vector without direction is not divided by its length."""
    last = max("ab", key=token_hash)
    assert not tiny().word(last, word_buckets(last, 20)).any()


@pytest.mark.parametrize("word", ["xyzzy", "frobozz", "\ud800", "\u4e16\u754c"])
def test_an_unknown_word_has_its_sketch(word: str) -> None:
    """What no text had still has length 1, by its spelling, so that it does not go unnoticed."""
    buckets = word_buckets(word, 20)
    assert np.array_equal(bundled_base().word(word, buckets), sketch_word(buckets, bundled_base().size))


@pytest.mark.parametrize(("word", "near", "far"), [("repair", "fix", "music"), ("car", "vehicle", "music")])
def test_words_of_like_meaning_are_near(word: str, near: str, far: str) -> None:
    """The vectors know what spelling does not."""
    assert vector(word) @ vector(near) > vector(word) @ vector(far) + 0.1


def test_a_word_is_rarer_than_one_that_is_more_frequent() -> None:
    """By hand from the file's 255ths; a word that no text had is as rare as can be."""
    first, last = sorted("ab", key=token_hash)
    assert [tiny().rarity(word) for word in (first, last, "xyzzy")] == pytest.approx([0.2, 1.0, 1.0])
    base = bundled_base()
    assert base.rarity("the") < 0.1 < base.rarity("please") < base.rarity("refund")


def test_the_bundled_file_is_small() -> None:
    """It ships with every installation, so it stays below a megabyte."""
    assert BUNDLED_BASE.stat().st_size < 1_000_000
    assert (len(bundled_base()), bundled_base().size) == (20_000, 192)


def test_writing_it_again_gives_the_same_bytes(tmp_path: Path) -> None:
    """The file is a function of its arrays, and the digest of what they hold."""
    base = bundled_base()
    write_base(tmp_path / "base.npz", base)
    assert (tmp_path / "base.npz").read_bytes() == BUNDLED_BASE.read_bytes()
    assert read_base(tmp_path / "base.npz").digest == base.digest
    assert replace(base, codes=base.codes[:, ::-1].copy()).digest != base.digest


def test_a_model_without_one_needs_none() -> None:
    """Models of many examples are trained without a base encoder."""
    assert base_of("") is None
    assert base_of(bundled_base().digest) is bundled_base()


def test_another_base_encoder_is_refused(trained: TrainedModel) -> None:
    """A model's head is useless in another space: say so instead of routing at random."""
    strange = replace(trained.manifest, base="0" * 16)
    with pytest.raises(RouterError, match=r"base encoder 0000000000000000.*train the model again"):
        EmbeddingRouter(strange, trained.arrays)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param(lambda m: m.pop("codes"), "is not a base encoder", id="no-codes"),
        pytest.param(lambda m: m.update(extra=np.zeros(1)), "is not a base encoder", id="extra"),
        pytest.param(lambda m: m.update(codes=m["codes"].astype(np.int16)), "has codes as int16", id="dtype"),
        pytest.param(lambda m: m.update(codes=m["codes"][:-1]), "has codes", id="shape"),
        pytest.param(lambda m: m.update(codebook=m["codebook"][:, :9]), "for a codebook", id="codebook"),
        pytest.param(lambda m: m.update(rarities=m["rarities"][:1]), "has 1 rarities for 2 words", id="rarities"),
        pytest.param(lambda m: m.update(rarities=m["rarities"] * 0), "or one of zero", id="rarity-of-zero"),
        pytest.param(lambda m: m.update(hashes=m["hashes"][::-1]), "out of order", id="order"),
        pytest.param(lambda m: m.update(codebook=m["codebook"] * np.float16(np.nan)), "not finite", id="nan"),
        pytest.param(lambda m: m.update(codes=np.array([{}], dtype=object)), "is not a base encoder", id="pickle"),
    ],
)
def test_a_changed_file_is_refused(tmp_path: Path, change: Callable[[Members], object], problem: str) -> None:
    """What no builder writes is refused with the file named and what to do."""
    base = tiny()
    members: Members = {name: getattr(base, name) for name in ("hashes", "codes", "codebook", "rarities")}
    change(members)
    path = tmp_path / "base.npz"
    np.savez(path, **members)
    with pytest.raises(ModelFileError) as caught:
        read_base(path)
    assert problem in str(caught.value)
    assert caught.value.path == path


def test_a_large_or_missing_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Size is checked before anything is read; a path that does not exist and a file of no kind are named."""
    path = tmp_path / "base.npz"
    with pytest.raises(ModelFileError, match="does not exist"):
        read_base(path)
    path.write_bytes(b"no archive")
    with pytest.raises(ModelFileError, match="is not a base encoder"):
        read_base(path)
    monkeypatch.setattr("router.base_encoder.MAX_BYTES", 3)
    with pytest.raises(ModelFileError, match="larger than 3 bytes"):
        read_base(path)
