from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.errors import DocumentError, ModelStoreError
from orchestrator.model_store import ModelStore
from orchestrator.router_of_run import load_router, load_shadow, name_model
from orchestrator.settings import Settings
from router import EmbeddingRouter, ModelFileError
from router.bundled_model import BUNDLED
from router.model_file import read_model

MODEL = BUNDLED / "router.npz"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings whose store holds the bundled model, as a challenger."""
    made = Settings(journal=tmp_path / "journal.db")
    manifest, _ = read_model(MODEL)
    model: Any = SimpleNamespace(manifest=manifest, save=lambda path: path.write_bytes(MODEL.read_bytes()))
    ModelStore(made.model_folder).add(model, {"at": 1.0})
    return made


def digest(settings: Settings) -> str:
    (model,) = ModelStore(settings.model_folder).models()
    return model.digest


def test_the_store_lies_beside_the_journal_unless_the_settings_say_where() -> None:
    """`models` in the journal's folder."""
    assert Settings().model_folder == Path(".pointsman/models")
    assert Settings(journal=Path("x/j.db")).model_folder == Path("x/models")
    assert Settings(models=Path("y")).model_folder == Path("y")


def test_the_champion_serves_where_the_settings_name_no_router(settings: Settings) -> None:
    """Else the model named, or the bundled one; which it is can be said in words."""
    assert name_model(settings) == "the bundled model"
    ModelStore(settings.model_folder).promote(digest(settings), 1.0)
    assert name_model(settings) == f"champion {digest(settings)} of {settings.model_folder}"
    router = load_router(settings)
    assert isinstance(router, EmbeddingRouter)
    assert router.manifest.digest.startswith(digest(settings))
    named = settings.model_copy(update={"router": MODEL})
    assert name_model(named) == f"model {MODEL}"
    ModelStore(settings.model_folder).path(digest(settings)).unlink()
    assert load_router(named).fingerprint == router.fingerprint


def test_a_champion_that_is_gone_damaged_or_another_model_is_refused(settings: Settings) -> None:
    """No other model serves in its place, silently."""
    store = ModelStore(settings.model_folder)
    path = store.path(digest(settings))
    path.rename(store.path("0" * 16))
    store.promote("0" * 16, 1.0)
    with pytest.raises(ModelStoreError, match="holds another model"):
        load_router(settings)
    store.path("0" * 16).write_bytes(b"no model")
    with pytest.raises(ModelFileError):
        load_router(settings)
    store.path("0" * 16).unlink()
    with pytest.raises(ModelFileError, match="does not exist"):
        load_router(settings)
    (store.folder / "champion.json").write_text("{")
    with pytest.raises(DocumentError):
        load_router(settings)


def test_a_shadow_is_named_by_file_or_digest(settings: Settings) -> None:
    """None where none is named; refused where there is no such model."""
    assert load_shadow(settings) is None
    for name in (str(MODEL), digest(settings), digest(settings)[:4]):
        shadow = load_shadow(settings.model_copy(update={"shadow": name}))
        assert shadow is not None
        assert shadow.fingerprint == load_router(settings).fingerprint
    with pytest.raises(ModelStoreError, match=r"'nowhere\.npz'"):
        load_shadow(settings.model_copy(update={"shadow": "nowhere.npz"}))
