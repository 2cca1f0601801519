import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router import EmbeddingRouter, ModelFileError
from router import model_file as module
from router.budget import HeldOut
from router.model_file import read_model, seal
from router.trained_model import TrainedModel

Members = dict[str, Any]


@pytest.fixture
def path(trained: TrainedModel, tmp_path: Path) -> Path:
    """A good model file."""
    trained.save(tmp_path / "model.npz")
    return tmp_path / "model.npz"


def rewrite(path: Path, change: Callable[[Members], object]) -> None:
    """Change the members of a model file in place, without sealing it again."""
    with np.load(path) as archive:
        members = {name: archive[name] for name in archive.files}
    change(members)
    np.savez(path, **members)


def reseal(path: Path, **arrays: Any) -> None:
    """Replace arrays and seal the file, as somebody with ill intent would."""
    manifest, good = read_model(path)
    bad = module.ModelArrays(**{**good.by_name(), **arrays})
    module.write_model(path, seal(manifest, bad), bad)


def test_a_model_survives_the_file(trained: TrainedModel, path: Path) -> None:
    """What is read is what was written, to the bit."""
    manifest, arrays = read_model(path)
    assert manifest == trained.manifest
    for name, array in trained.arrays.by_name().items():
        assert np.array_equal(arrays.by_name()[name], array)


def test_writing_leaves_nothing_else_behind(path: Path) -> None:
    """The temporary file becomes the model file."""
    assert [entry.name for entry in path.parent.iterdir()] == ["model.npz"]


def test_others_may_read_the_file(trained: TrainedModel, tmp_path: Path) -> None:
    """A model has the mode of any other new file."""
    (tmp_path / "other").touch()
    trained.save(tmp_path / "model.npz")
    assert (tmp_path / "model.npz").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_failed_write_keeps_the_old_file(trained: TrainedModel, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that breaks off leaves the old model and no rubbish."""
    before = path.read_bytes()

    def fail(*_args: object, **_members: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(RuntimeError):
        trained.save(path)
    assert path.read_bytes() == before
    assert len(list(path.parent.iterdir())) == 1


def test_a_folder_that_is_not_there_is_named(trained: TrainedModel, tmp_path: Path) -> None:
    """Saving nowhere is our error."""
    with pytest.raises(ModelFileError, match="cannot be written"):
        trained.save(tmp_path / "none" / "model.npz")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param(lambda m: m.pop("manifest"), "no manifest", id="no-manifest"),
        pytest.param(lambda m: m.pop("idf"), "has the members", id="no-idf"),
        pytest.param(lambda m: m.update(extra=np.zeros(1)), "has the members", id="extra"),
        pytest.param(lambda m: m.update(manifest=np.zeros(3)), "not bytes", id="manifest-floats"),
        pytest.param(lambda m: m.update(manifest=m["manifest"][:-1]), "manifest refused", id="manifest-cut"),
        pytest.param(lambda m: m.update(idf=m["idf"].astype(np.float64)), "has idf as float64", id="dtype"),
        pytest.param(lambda m: m.update(head=m["head"][:-1]), "has head as", id="shape"),
        pytest.param(lambda m: m.update(idf=m["idf"] * 2), "does not match its digest", id="value"),
        pytest.param(
            lambda m: m.update(held_out_wrong=~m["held_out_wrong"]), "does not match its digest", id="held-out"
        ),
        pytest.param(
            lambda m: m.update(
                manifest=np.frombuffer(
                    m["manifest"].tobytes().replace(b'"threshold":0.', b'"threshold":0.1', 1), dtype=np.uint8
                )
            ),
            "does not match its digest",
            id="threshold",
        ),
        pytest.param(
            lambda m: m.update(
                manifest=np.frombuffer(
                    m["manifest"].tobytes().replace(b'"schema_version":9', b'"schema_version":10'), dtype=np.uint8
                )
            ),
            "schema version 10",
            id="schema",
        ),
        pytest.param(
            lambda m: m.update(idf=np.array([{}], dtype=object)),
            "is not a model file",
            id="pickle",
        ),
    ],
)
def test_a_changed_file_is_refused(path: Path, change: Callable[[Members], object], problem: str) -> None:
    """Whatever was changed is noticed; the error names the file and what to do."""
    rewrite(path, change)
    with pytest.raises(ModelFileError) as caught:
        EmbeddingRouter.load(path)
    assert problem in str(caught.value)
    assert caught.value.path == path
    assert caught.value.remedy in str(caught.value)


def test_a_file_of_an_earlier_version_is_refused_by_its_version(path: Path) -> None:
    """Version 3 lacks arrays and fields that 9 has; people are told of the version and what to do, not of those."""

    def age(members: Members) -> None:
        manifest = json.loads(members["manifest"].tobytes())
        for name in ("error_budget", "held_out", "rehearsed", "base", "base_size", "base_weight"):
            del manifest[name]
        manifest["schema_version"] = 3
        members["manifest"] = np.frombuffer(json.dumps(manifest).encode(), dtype=np.uint8)
        for name in (
            "held_out_confidence",
            "held_out_wrong",
            "rehearsed_confidence",
            "rehearsed_wrong",
            "codes",
            "scales",
        ):
            del members[name]

    rewrite(path, age)
    with pytest.raises(ModelFileError, match="schema version 3, this program reads 9; train the model again"):
        read_model(path)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda c, w: (c[::-1].copy(), w), id="rising"),
        pytest.param(lambda c, w: (np.where(c == c[0], np.float32(1.5), c), w), id="above-one"),
        pytest.param(lambda c, w: (np.where(c == c[-1], np.float32(-0.5), c), w), id="negative"),
        pytest.param(lambda c, w: (np.where(c == c[3], np.float32(np.nan), c), w), id="nan"),
        pytest.param(lambda c, w: (np.full_like(c, np.nan), w), id="all-nan"),
        pytest.param(lambda c, w: (c, np.full(len(w), 7, dtype=np.uint8).view(np.bool_)), id="no-boolean"),
    ],
)
def test_held_out_decisions_no_training_writes_are_refused(path: Path, change: Callable[..., tuple[Any, Any]]) -> None:
    """What an error budget is proved by are probabilities in falling order, each right or wrong."""
    _, arrays = read_model(path)
    confidence, wrong = change(arrays.held_out_confidence, arrays.held_out_wrong)
    reseal(path, held_out_confidence=confidence, held_out_wrong=wrong)
    with pytest.raises(ModelFileError, match="held-out decisions that are out of order or no probabilities"):
        read_model(path)


@pytest.mark.parametrize("confidence", [[0.5, 0.9], [1.5, 0.5], [0.5, np.nan]])
def test_rehearsed_decisions_no_training_writes_are_refused(path: Path, confidence: list[float]) -> None:
    """What proves a budget among strangers is read with the same suspicion."""
    manifest, good = read_model(path)
    decided = HeldOut(np.array(confidence, dtype=np.float32), np.zeros(2, dtype=np.bool_))
    bad = good.with_held_out(good.held_out, decided)
    module.write_model(path, seal(replace(manifest, rehearsed=2), bad), bad)
    with pytest.raises(ModelFileError, match="held-out decisions that are out of order or no probabilities"):
        read_model(path)


def test_rehearsed_decisions_of_another_number_are_refused(path: Path) -> None:
    """The manifest says how many there are."""
    reseal(path, rehearsed_wrong=np.zeros(1, dtype=np.bool_))
    with pytest.raises(ModelFileError, match="has rehearsed_wrong as bool"):
        read_model(path)


def test_held_out_decisions_of_another_number_are_refused(path: Path) -> None:
    """The manifest says how many there are."""
    _, arrays = read_model(path)
    reseal(path, held_out_wrong=arrays.held_out_wrong[1:])
    with pytest.raises(ModelFileError, match="has held_out_wrong as bool"):
        read_model(path)


@pytest.mark.parametrize("name", ["idf", "scales", "head", "background"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused(path: Path, name: str, bad: float) -> None:
    """A sealed file with NaN or an infinity in any array of weights is refused all the same."""
    array = read_model(path)[1].by_name()[name].copy()
    array.flat[-1] = bad
    reseal(path, **{name: array})
    with pytest.raises(ModelFileError, match="not finite"):
        read_model(path)


def test_a_scale_below_zero_is_refused(path: Path) -> None:
    """The scale of a row is a size: no training writes a negative one."""
    scales = read_model(path)[1].scales.copy()
    scales[3] = -scales[3]
    reseal(path, scales=scales)
    with pytest.raises(ModelFileError, match="scales below 0"):
        read_model(path)


@pytest.mark.parametrize("name", ["codes", "scales", "buckets"])
def test_rows_scales_and_buckets_are_as_many(path: Path, name: str) -> None:
    """A row without a scale, or a bucket without a row, is refused before anything is looked up in it."""
    reseal(path, **{name: read_model(path)[1].by_name()[name][:-1].copy()})
    with pytest.raises(ModelFileError, match=f"has {name} as"):
        read_model(path)


def test_buckets_out_of_order_are_refused(path: Path) -> None:
    """A row belongs to the bucket at its place among rising ones."""
    reseal(path, buckets=read_model(path)[1].buckets[::-1].copy())
    with pytest.raises(ModelFileError, match="out of order"):
        read_model(path)


def test_two_labels_of_one_name_are_refused(path: Path) -> None:
    """Labels are unique."""
    manifest, arrays = read_model(path)
    twins = (manifest.labels[0], *manifest.labels[:-1])
    module.write_model(path, seal(replace(manifest, labels=twins), arrays), arrays)
    with pytest.raises(ModelFileError, match="two labels of the same name"):
        read_model(path)


@pytest.mark.parametrize("limit", ["MAX_FILE_BYTES", "MAX_MANIFEST_BYTES"])
def test_sizes_are_capped(path: Path, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    """A file over a limit is refused before its arrays are read."""
    monkeypatch.setattr(module, limit, 100)
    with pytest.raises(ModelFileError, match="larger than"):
        read_model(path)


def test_a_packed_file_is_refused(path: Path) -> None:
    """Rows are read where they lie in the file, so nothing in it may be compressed: no bomb can unpack."""
    with np.load(path) as archive:
        members = {name: archive[name] for name in archive.files}
    np.savez_compressed(path, **members)
    with pytest.raises(ModelFileError, match="compressed"):
        read_model(path)


@pytest.mark.parametrize("keep", [0.0, 1e-5, 1e-4, 0.1, 0.5, 0.9, 0.99999])
def test_a_truncated_file_is_refused(path: Path, keep: float) -> None:
    """A download that broke off is no model, wherever it broke off."""
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(ModelFileError, match="is not a model file"):
        read_model(path)


def test_the_digest_alone_gives_an_edited_file_away(path: Path) -> None:
    """Somebody who edits a weight and repairs the CRC, but not the digest, is found out."""
    codes = read_model(path)[1].codes.copy()
    codes[5, 2] ^= 1
    rewrite(path, lambda members: members.update(codes=codes))
    with pytest.raises(ModelFileError, match="does not match its digest"):
        read_model(path)


def test_a_digest_of_another_model_is_refused(path: Path) -> None:
    """The digest in the manifest is that of this manifest and these arrays, or the file is refused."""

    def change(members: Members) -> None:
        manifest = json.loads(members["manifest"].tobytes())
        manifest["digest"] = "0" * 64
        members["manifest"] = np.frombuffer(json.dumps(manifest).encode(), dtype=np.uint8)

    rewrite(path, change)
    with pytest.raises(ModelFileError, match="does not match its digest"):
        read_model(path)


def test_rows_stay_in_the_file(path: Path) -> None:
    """The largest array is mapped, read-only, and not copied."""
    _, arrays = read_model(path)
    assert not arrays.codes.flags.writeable
    assert not arrays.codes.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        arrays.codes[0, 0] = 1


def test_a_file_replaced_while_it_is_served_changes_nothing(
    trained: TrainedModel, trained_on_pairs: TrainedModel, path: Path
) -> None:
    """Saving puts another file in the place of the old one; who has the old one open keeps it, whole."""
    before = EmbeddingRouter.load(path)
    asked = ["repair this json", "draft the changelog", "is the sign-off complete"]
    expected = [EmbeddingRouter(trained.manifest, trained.arrays).predict(text).to_json() for text in asked]
    trained_on_pairs.save(path)
    assert [before.predict(text).to_json() for text in asked] == expected
    assert EmbeddingRouter.load(path).manifest == trained_on_pairs.manifest


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A path that does not exist is our error."""
    with pytest.raises(ModelFileError, match="does not exist"):
        read_model(tmp_path / "none.npz")


def test_a_folder_is_not_a_model(tmp_path: Path) -> None:
    """A path that cannot be read is our error."""
    with pytest.raises(ModelFileError, match="cannot be read"):
        read_model(tmp_path)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_damaged_file_is_refused_or_whole(trained: TrainedModel, data: st.DataObject) -> None:
    """A flipped byte anywhere gives our own error, or the model it was: never other weights."""
    buffer = io.BytesIO()
    manifest = np.frombuffer(trained.manifest.to_json().encode(), dtype=np.uint8)
    np.savez(buffer, manifest=manifest, **trained.arrays.by_name())  # type: ignore[arg-type]
    content = bytearray(buffer.getvalue())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path = Path(data.draw(st.just("damaged.npz")))
    with zipfile.ZipFile(io.BytesIO(buffer.getvalue())) as whole:
        assert whole.testzip() is None
    check_damaged(bytes(content), path.name, trained)


def check_damaged(content: bytes, name: str, trained: TrainedModel) -> None:
    """Read damaged bytes from a temporary file."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            manifest, arrays = read_model(path)
        except ModelFileError:
            return
        assert manifest == trained.manifest
        assert all(np.array_equal(arrays.by_name()[key], value) for key, value in trained.arrays.by_name().items())
