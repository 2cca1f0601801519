"""Health: the checks of `doctor`, each a function that returns what it found and never raises."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from orchestrator.cli import session
from orchestrator.errors import PointsmanError

if TYPE_CHECKING:
    from orchestrator.plugins import PluginReport
    from orchestrator.settings import Settings

Status = Literal["ok", "warn", "fail"]

#: STRICT tables came with this one.
_SQLITE: Final = (3, 37, 0)
_EXTRAS: Final = {"train": ("torch",), "agents": ("sqlglot", "jiter", "json_repair", "jsonschema", "bm25s", "drain3")}
_MOST_SYNCS: Final = 20
_MOST_SECONDS: Final = 0.5
_SLOW_SYNC_S: Final = 0.1
#: A larger journal is verified by `pointsman journal verify` only: a check-up should take a moment.
_SMALL_BYTES: Final = 50_000_000


@dataclass(frozen=True, slots=True)
class Check:
    """What one check found: `warn` where a run works but something is missing, `fail` where it would not work."""

    name: str
    status: Status
    detail: str

    def to_json(self) -> dict[str, str]:
        """Return it as a JSON object."""
        return asdict(self)


def check_health(settings_file: Path | None) -> list[Check]:
    """Return all checks; a settings file that is refused ends them, for the rest depends on it."""
    checks = [_python(), _sqlite(), *map(_extra, _EXTRAS)]
    try:
        settings = session.open_settings(settings_file)
    except PointsmanError as error:
        return [*checks, Check("settings", "fail", str(error))]
    checks.append(Check("settings", "ok", _origin(settings_file)))
    checks.append(_disk(settings.journal))
    checks += [_journal(settings.journal), *_latest_run(settings.journal), *_budget(settings.journal)]
    try:
        plugins = session.find_agents(settings)
    except PointsmanError as error:
        return [*checks, Check("agents", "fail", str(error))]
    return [*checks, *_agents(plugins), _clash(), _router(settings, plugins)]


def _python() -> Check:
    version = platform.python_version()
    return Check("python", "ok" if sys.version_info >= (3, 11) else "fail", f"{version}, 3.11 or newer is needed")


def _sqlite() -> Check:
    status: Status = "ok" if sqlite3.sqlite_version_info >= _SQLITE else "fail"
    return Check("sqlite", status, f"{sqlite3.sqlite_version}, {'.'.join(map(str, _SQLITE))} or newer is needed")


def _extra(extra: str) -> Check:
    missing = [module for module in _EXTRAS[extra] if importlib.util.find_spec(module) is None]
    if missing:
        detail = f"not installed: {', '.join(missing)}; pip install 'pointsman[{extra}]' if you need it"
        return Check(f"extra {extra}", "warn", detail)
    return Check(f"extra {extra}", "ok", "installed")


def _origin(settings_file: Path | None) -> str:
    from orchestrator.settings import SETTINGS_FILE, variables_of

    file = settings_file or Path(SETTINGS_FILE)
    variables = variables_of(os.environ)
    return ", ".join([str(file) if file.exists() else "defaults", *variables])


def _disk(journal: Path) -> Check:
    """Time fsync in the journal's folder: every acknowledged row waits for one, shared with those beside it."""
    folder = next((parent for parent in journal.absolute().parents if parent.is_dir()), Path())
    try:
        typical = _time_syncs(folder)
    except OSError as error:
        return Check("disk", "fail", f"{folder}: {error.strerror}; choose another place for the journal")
    detail = f"fsync takes {typical * 1000:.1f} ms in {folder}"
    return Check("disk", "warn" if typical > _SLOW_SYNC_S else "ok", detail)


def _time_syncs(folder: Path) -> float:
    """Return the median seconds of an fsync after a write of 4 KiB, from a bounded number of them."""
    from orchestrator.clock import stopwatch

    taken: list[float] = []
    with tempfile.TemporaryFile(dir=folder) as file:
        while len(taken) < _MOST_SYNCS and sum(taken) < _MOST_SECONDS:
            file.write(bytes(4096))
            file.flush()
            begun = stopwatch()
            os.fsync(file.fileno())
            taken.append(stopwatch() - begun)
    return sorted(taken)[len(taken) // 2]


def _journal(journal: Path) -> Check:
    from orchestrator.errors import JournalError
    from orchestrator.journal import JournalReader, examine

    if not journal.exists():
        return Check("journal", "ok", f"{journal} will be made by the first run")
    found = examine(journal, deep=journal.stat().st_size < _SMALL_BYTES)
    if found.kind != "sound":
        return Check("journal", "fail", found.describe())
    try:
        with JournalReader(journal) as reader:
            runs = reader.runs()
    except JournalError as error:
        return Check("journal", "fail", str(error))
    return Check("journal", "ok", f"{journal}: {len(runs)} runs, {sum(run.rows for run in runs)} rows")


def _latest_run(journal: Path) -> Iterator[Check]:
    """Tell of a loop that stood, or a run that was stuck: only where there is such a thing to tell."""
    from orchestrator.cli.pulse_view import last_word
    from orchestrator.errors import JournalError

    if not journal.exists() or journal.stat().st_size >= _SMALL_BYTES:
        return
    try:
        run, said = last_word(journal)
    except JournalError:  # the check of the journal says so
        return
    if said:
        yield Check(f"run {run}", "warn", said)


def _budget(journal: Path) -> Iterator[Check]:
    """Notice that the latest run was stopped by its budget, and has not gone on since."""
    from orchestrator.budget import Shortage
    from orchestrator.errors import JournalError
    from orchestrator.journal import JournalReader
    from orchestrator.topics import RUN_RESUMED, RUN_STARTED, RUN_STOPPED

    last = None
    try:
        with JournalReader(journal) as reader:
            for row in reader.rows(topics=(RUN_STARTED, RUN_RESUMED, RUN_STOPPED)):
                last = row
    except JournalError:
        return  # another check says so
    reason = None if last is None else last.envelope.body.get("reason")
    if last is not None and reason:
        short = Shortage.from_json(reason)
        more = f"pointsman resume {last.run} --budget {short.resource}=MORE"
        yield Check("budget", "warn", f"run {last.run}: {short.tell()}; go on with: {more}")


def _agents(plugins: PluginReport) -> Iterator[Check]:
    names = ", ".join(plugin.agent.card.name for plugin in plugins.loaded)
    yield Check("agents", "ok" if names else "warn", names or "none; begin one with `pointsman agents new NAME`")
    for broken in plugins.broken:
        yield Check(f"plugin {broken.entry_point}", "warn", f"{broken.distribution}: {broken.problem}")


def _clash() -> Check:
    """Notice the one clash that is known: openai-agents also ships a top-level package `agents`."""
    owners = sorted(set(importlib.metadata.packages_distributions().get("agents", ())))
    if len(owners) > 1:
        detail = f"package 'agents' is shipped by {' and by '.join(owners)}: use separate environments"
        return Check("package agents", "warn", detail)
    return Check("package agents", "ok", f"shipped by {owners[0]} alone" if owners else "not installed")


def _router(settings: Settings, plugins: PluginReport) -> Check:
    from orchestrator.router_of_run import name_model
    from router import EmbeddingRouter, RouterError

    agents = [plugin.agent for plugin in plugins.loaded]
    try:
        router = session.open_router(None, settings, agents)
    except (RouterError, PointsmanError) as error:
        return Check("router", "fail", str(error))
    if not isinstance(router, EmbeddingRouter):
        return Check("router", "ok", f"{router.fingerprint}, untrained")
    trained = {label.name: label.profile_digest for label in router.manifest.labels}
    installed = {agent.card.name: session.profile_of(agent.card).digest for agent in agents}
    changed = sorted(name for name, digest in installed.items() if trained.get(name, digest) != digest)
    added = sorted(installed.keys() - trained.keys())
    if changed:
        detail = f"cards changed since it was trained: {', '.join(changed)}; pointsman train --cards --out FILE"
        return Check("router", "warn", detail)
    if added and router.error_budget is None and (settings.error_budget or router.manifest.error_budget) is not None:
        detail = f"the error budget says nothing of agents added since training: {', '.join(added)}"
        return Check("router", "warn", f"{detail}; pointsman train --cards --out FILE")
    more = f", learnt from their cards on the spot: {', '.join(added)}" if added else ""
    return Check(
        "router", "ok", f"{name_model(settings)}, {router.fingerprint}, trained on {len(trained)} labels{more}"
    )
