import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router import EmbeddingRouter, ModelFileError
from router import model_file as module
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
                    m["manifest"].tobytes().replace(b'"schema_version":6', b'"schema_version":9'), dtype=np.uint8
                )
            ),
            "schema version 9",
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
    """Version 3 lacks arrays and fields that 5 has; people are told of the version and what to do, not of those."""

    def age(members: Members) -> None:
        manifest = json.loads(members["manifest"].tobytes())
        for name in ("error_budget", "held_out", "base", "base_size", "base_weight"):
            del manifest[name]
        manifest["schema_version"] = 3
        members["manifest"] = np.frombuffer(json.dumps(manifest).encode(), dtype=np.uint8)
        for name in ("held_out_confidence", "held_out_wrong"):
            del members[name]

    rewrite(path, age)
    with pytest.raises(ModelFileError, match="schema version 3, this program reads 6; train the model again"):
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


def test_held_out_decisions_of_another_number_are_refused(path: Path) -> None:
    """The manifest says how many there are."""
    _, arrays = read_model(path)
    reseal(path, held_out_wrong=arrays.held_out_wrong[1:])
    with pytest.raises(ModelFileError, match="has held_out_wrong as bool"):
        read_model(path)


def test_values_no_training_writes_are_refused(path: Path) -> None:
    """A sealed file with weights that are not finite or buckets out of order is refused all the same."""
    _, arrays = read_model(path)
    rows, head = arrays.rows.copy(), arrays.head.copy()
    rows[3, 3] = np.nan
    head[0, 0] = np.inf
    for name, bad in (("rows", rows), ("head", head)):
        good = arrays.by_name()[name]
        reseal(path, **{name: bad})
        with pytest.raises(ModelFileError, match="not finite"):
            read_model(path)
        module.write_model(path, *_sealed(path, {name: good}))
    reseal(path, buckets=arrays.buckets[::-1].copy())
    with pytest.raises(ModelFileError, match="out of order"):
        read_model(path)


def _sealed(path: Path, arrays: Members) -> tuple[module.Manifest, module.ModelArrays]:
    """Return the content of a file that no longer passes, with arrays replaced."""
    with np.load(path) as archive:
        members = {name: archive[name] for name in archive.files}
    manifest = module.Manifest.model_validate_json(members.pop("manifest").tobytes())
    good = module.ModelArrays(**{**members, **arrays})
    return seal(manifest, good), good


def test_two_labels_of_one_name_are_refused(path: Path) -> None:
    """Labels are unique."""
    manifest, arrays = read_model(path)
    twins = (manifest.labels[0], *manifest.labels[:-1])
    module.write_model(path, seal(manifest.model_copy(update={"labels": twins}), arrays), arrays)
    with pytest.raises(ModelFileError, match="two labels of the same name"):
        read_model(path)


@pytest.mark.parametrize("limit", ["MAX_FILE_BYTES", "MAX_MANIFEST_BYTES"])
def test_sizes_are_capped(path: Path, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    """A file over a limit is refused before its arrays are read."""
    monkeypatch.setattr(module, limit, 100)
    with pytest.raises(ModelFileError, match=r"larger than|more than the limit"):
        read_model(path)


def test_a_packed_bomb_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts is the size a file unpacks to."""
    with np.load(path) as archive:
        members = {name: archive[name] for name in archive.files}
    members["rows"] = np.zeros((1 << 21, 1), dtype=np.float16)
    np.savez_compressed(path, **members)
    monkeypatch.setattr(module, "MAX_FILE_BYTES", 1 << 21)
    with pytest.raises(ModelFileError, match="unpacks to more"):
        read_model(path)


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
    manifest = np.frombuffer(trained.manifest.model_dump_json().encode(), dtype=np.uint8)
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
