"""`pointsman models`: the model store, who serves, and how it came to that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.cli import session
from orchestrator.cli.console import cell, moment, note, print_json, show, table
from orchestrator.cli.options import AsJson, SettingsFile, examples

if TYPE_CHECKING:
    from orchestrator.model_store import Step, StoredModel

EXAMPLES = examples("pointsman models", "pointsman models --json")


def models(*, settings_file: SettingsFile = None, as_json: AsJson = False) -> None:
    """List the models of the store, who serves, and how it came to that."""
    from orchestrator.model_store import ModelStore
    from orchestrator.router_of_run import name_model

    settings = session.open_settings(settings_file)
    store = ModelStore(settings.model_folder)
    found, champion, history = store.models(), store.champion, store.history
    if as_json:
        steps = [step.model_dump() for step in history]
        known = [{"path": str(model.path), **model.about} for model in found]
        print_json({"folder": str(store.folder), "champion": champion or None, "models": known, "history": steps})
        return
    show(cell(f"serves: {name_model(settings)}", "bold"))
    if found:
        rows = (_row(model, champion) for model in found)
        show("", table(("model", "", "made (UTC)", "from", "learnt", "held back"), rows))
    else:
        note(f"{store.folder} holds no model; train a challenger with `pointsman learn`")
    if history:
        show("", table(("changed (UTC)", "what", "before", "after", "why"), map(_step, history)))


def _row(model: StoredModel, champion: str) -> list[object]:
    about = model.about
    place = cell("champion", "green") if model.digest == champion else cell("challenger", "dim")
    made = moment(about["at"]) if "at" in about else "unknown"
    return [cell(model.digest, "cyan"), place, made, about.get("data", ""), *map(_tally, _parts(about))]


def _parts(about: Any) -> tuple[Any, Any]:
    return about.get("learnt"), about.get("held_back")


def _tally(counts: Any) -> str:
    if not isinstance(counts, dict):
        return ""
    return ", ".join(f"{number} {name.replace('_', '-')}" for name, number in counts.items())


def _step(step: Step) -> list[object]:
    from orchestrator.model_store import BUNDLED

    why = f"forced: {step.reason}" if step.forced else ""
    return [moment(step.at), step.what, step.before or BUNDLED, step.after or BUNDLED, why]
