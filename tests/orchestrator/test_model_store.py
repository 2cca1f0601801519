import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.errors import DocumentError, ModelStoreError
from orchestrator.model_store import ModelStore


def add(store: ModelStore, letter: str, at: float = 1.0) -> str:
    """Keep a model whose digest is sixty-four times this letter."""

    def save(path: Path) -> None:
        path.write_bytes(b"model")

    model: Any = SimpleNamespace(manifest=SimpleNamespace(digest=letter * 64), save=save)
    return store.add(model, {"at": at, "data": "cards"}).digest


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    """Return a store with models a, b and c."""
    made = ModelStore(tmp_path / "models")
    for at, letter in enumerate("abc"):
        add(made, letter, float(at))
    return made


def test_an_empty_store_has_no_champion(tmp_path: Path) -> None:
    """Nothing is made before there is a model."""
    store = ModelStore(tmp_path / "models")
    assert (store.champion, store.history, store.models()) == ("", (), ())
    assert not store.folder.exists()


def test_a_model_goes_by_its_digest_and_says_how_it_was_made(store: ModelStore) -> None:
    """Sixteen digits of it name the file; the youngest comes last; what the beginning tells apart is found."""
    assert [model.digest for model in store.models()] == ["a" * 16, "b" * 16, "c" * 16]
    found = store.find("b")
    assert found.path.read_bytes() == b"model"
    assert (found.about["data"], found.about["schema"], found.about["digest"]) == ("cards", 1, "b" * 16)


@pytest.mark.parametrize("digest", ["d", "", "A"])
def test_a_model_that_is_not_there_is_refused(store: ModelStore, digest: str) -> None:
    """With what is there."""
    with pytest.raises(ModelStoreError, match="known: aaaa"):
        store.find(digest)


def test_an_ambiguous_digest_is_refused(store: ModelStore) -> None:
    """Two that begin alike."""
    (store.folder / f"b{'c' * 15}.npz").write_bytes(b"")
    with pytest.raises(ModelStoreError, match="2 models"):
        store.find("b")


def test_promotion_and_rollback_go_one_step_each(store: ModelStore) -> None:
    """A rollback leads to who served before, however often, down to the bundled model; all steps stay on record."""
    a, b, c = (letter * 16 for letter in "abc")
    store.promote(a, 1.0)
    store.promote(b, 2.0, reason="because")
    assert store.champion == b
    assert store.roll_back(3.0).after == a
    store.promote(c, 4.0)
    assert [store.roll_back(5.0).after, store.roll_back(6.0).after] == [a, ""]
    assert store.champion == ""
    assert [(step.what, step.before, step.after) for step in ModelStore(store.folder).history] == [
        ("promoted", "", a),
        ("promoted", a, b),
        ("rolled back", b, a),
        ("promoted", a, c),
        ("rolled back", c, a),
        ("rolled back", a, ""),
    ]
    assert [(step.forced, step.reason) for step in store.history][1] == (True, "because")


@pytest.mark.parametrize(("to", "after"), [("a", "a" * 16), ("bundled", ""), ("b", "b" * 16)])
def test_a_rollback_can_go_further(store: ModelStore, to: str, after: str) -> None:
    """To any that served before, the bundled one too."""
    for at, letter in enumerate("abc"):
        store.promote(letter * 16, float(at))
    assert store.roll_back(9.0, to).after == after
    assert store.champion == after


def test_steps_that_are_none_are_refused(store: ModelStore) -> None:
    """Promoting who serves, going back from the first, going back to one that never served or is gone."""
    with pytest.raises(ModelStoreError, match="nothing to go back to"):
        store.roll_back(1.0)
    store.promote("a" * 16, 1.0)
    with pytest.raises(ModelStoreError, match="serves already"):
        store.promote("a" * 16, 2.0)
    with pytest.raises(ModelStoreError, match=r"did not serve before; .*known: bundled"):
        store.roll_back(3.0, "c")
    store.promote("b" * 16, 4.0)
    store.path("a" * 16).unlink()
    with pytest.raises(ModelStoreError, match="is gone; go further back"):
        store.roll_back(5.0)
    assert store.champion == "b" * 16


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "cannot be read as JSON"),
        (b"\xff\xfe", "cannot be read as JSON"),
        (b"[" * 100_000, "cannot be read as JSON"),
        (b"[]", "list where an object should be"),
        (b'{"schema": 2}', "schema: "),
        (b'{"schema": 1, "lien": []}', "lien: "),
        (b'{"schema": 1, "line": [7]}', "line.0: "),
        (b'{"schema": 1, "line": ["../../etc/passwd"]}', "is no digest of a model"),
        (b'{"schema": 1, "history": [{"at": 1}]}', "history.0.what: "),
    ],
)
def test_a_damaged_pointer_is_refused(store: ModelStore, content: bytes, problem: str) -> None:
    """Never guessed at: the file, what is wrong, and what serves without it."""
    (store.folder / "champion.json").write_bytes(content)
    with pytest.raises(DocumentError, match=r"champion\.json: ") as caught:
        _ = store.champion
    assert problem in str(caught.value)
    assert "the bundled model serves then" in str(caught.value)


def test_a_damaged_note_on_a_model_is_refused(store: ModelStore) -> None:
    """By its name; who serves is still known."""
    path = store.folder / f"{'b' * 16}.json"
    path.write_text("{")
    with pytest.raises(DocumentError, match="restore or remove bbbb"):
        store.models()
    path.write_text(json.dumps({"at": "noon"}))
    with pytest.raises(DocumentError, match="at: not a number"):
        store.models()
    assert store.champion == ""
