"""Settings: how a run is set up. From `pointsman.yaml`, then from `POINTSMAN_*` variables, which win."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator import caps
from orchestrator.budget import UNLIMITED, Budget
from orchestrator.documents import describe, read_document, suggest, validate
from orchestrator.errors import DocumentError
from orchestrator.policy import Policy
from orchestrator.shapes import known_keys

SETTINGS_FILE: Final = "pointsman.yaml"
PREFIX: Final = "POINTSMAN_"
NESTED: Final = "__"
#: Of our own, and no settings: where the benchmarks and tests of this repository find their data.
NO_SETTINGS: Final = frozenset({"POINTSMAN_DATA"})

Durability = Literal["power-cut-safe", "os-crash-may-lose"]
BudgetMix = Literal["auto", "steady", "shifting"]
WhenAbstained = Literal["end", "ask"]
LogFormat = Literal["auto", "console", "json", "off"]


class Settings(BaseModel):
    """How a run is set up. Relative paths start from the current folder."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    journal: Path = Field(default=Path(".pointsman/journal.db"), description="file of the journal")
    durability: Durability = Field(default="power-cut-safe", description="what an acknowledged row survives")
    lease_s: float = Field(
        default=15.0, gt=0, le=3600, description="seconds without a sign of life after which a run may be taken over"
    )
    workspace: Path = Field(default=Path(), description="folder that relative paths in payloads start from")
    capacity: int = Field(default=100_000, ge=1, le=10_000_000, description="unfinished tasks that a run may hold")
    policy: Policy = Field(default=Policy(), description="how agents are run whose card says nothing about it")
    budget: Budget = Field(default=UNLIMITED, description="what a run may use, unless it or its plan says otherwise")
    drain_s: float = Field(default=10.0, ge=0, le=86_400, description="seconds that running tasks get when stopping")
    router: Path | None = Field(default=None, description="model of the router; the champion or else the bundled one")
    models: Path | None = Field(default=None, description="folder of the model store; `models` beside the journal")
    shadow: str = Field(
        default="", description="model, or digest in the store, that decides beside the router, unheard"
    )
    explore: float = Field(default=0.0, ge=0, lt=1, description="share of tasks that may go to another than the leader")
    error_budget: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="share of the routed that may be wrong; the model's threshold if not given",
    )
    budget_mix: BudgetMix = Field(
        default="auto",
        description="whom the budget counts on: `shifting` frequencies of agents, `steady` ones; by their number",
    )
    when_abstained: WhenAbstained = Field(
        default="end", description="what becomes of what the router abstains on: it ends, or people are asked"
    )
    answers_every_s: float = Field(
        default=1.0, gt=0, le=3600, description="seconds between looks for answers while tasks wait for people"
    )
    fallback_agent: str = Field(default="", description="who gets what the router abstains on; empty for nobody")
    blocked_after_s: float = Field(
        default=2.0,
        ge=0,
        le=3600,
        description="seconds that the event loop may stand before that is reported; 0: never",
    )
    stuck_after_s: float = Field(
        default=30.0, ge=0, le=86_400, description="seconds in which nothing happens before that is reported; 0: never"
    )
    log_format: LogFormat = Field(default="auto", description="auto is console on a terminal and json elsewhere")
    seed: int = Field(default=0, description="for everything drawn at random")
    redact: str = Field(
        default="", description="profile of redaction of recorded runs and reports: default, none, or a YAML file"
    )
    strict_plugins: bool = Field(default=False, description="stop at a plugin that cannot be used")

    @property
    def model_folder(self) -> Path:
        """Folder of the model store."""
        return self.journal.parent / "models" if self.models is None else self.models


def load_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Return the settings of a file, overridden by variables: `POINTSMAN_SEED=7`, `POINTSMAN_POLICY__TIMEOUT_S=5`.

    Args:
        path: the file; None takes `pointsman.yaml` of the current folder, if there is one.
        environ: such as `os.environ`; a variable that is set to nothing counts as not set, and so does
            `POINTSMAN_DATA`, which tells benchmarks and tests where their data is.

    Raises:
        DocumentError: if the file or a variable is refused; for a variable, the path is `environment`.
    """
    settings = _read(path)
    variables = {name: environ[name] for name in variables_of(environ)}
    if not variables:
        return settings
    overridden = settings.model_dump()
    for name, value in variables.items():
        _override(overridden, name, value)
    try:
        return Settings.model_validate(overridden)
    except ValidationError as error:
        fault = min(error.errors(), key=lambda fault: str(fault["loc"]))
        problem, hint = describe(fault)
        name = _variable(tuple(part for part in fault["loc"] if isinstance(part, str)))
        raise DocumentError("environment", 0, 0, f"{name}: {problem}", hint) from None


def variables_of(environ: Mapping[str, str]) -> list[str]:
    """Return the names of the variables that set something, sorted; of an unknown one, too, unless it is ours."""
    return sorted(
        name for name, value in environ.items() if name.startswith(PREFIX) and value and name not in NO_SETTINGS
    )


def _read(path: Path | None) -> Settings:
    if path is None:
        path = Path(SETTINGS_FILE)
        if not path.exists():
            return Settings()
    document = read_document(path, model=Settings, caps=caps.SETTINGS)
    return Settings() if document.data is None else validate(document, Settings)


def _override(settings: dict[str, Any], name: str, value: str) -> None:
    *groups, key = name.removeprefix(PREFIX).lower().split(NESTED)
    target: Any = settings
    for group in groups:
        target = target.get(group) if isinstance(target, dict) else None
    if not isinstance(target, dict) or key not in target or isinstance(target[key], dict):
        raise DocumentError(
            "environment", 0, 0, f"{name} is no setting", suggest(name, [*_all_variables(), *NO_SETTINGS])
        )
    target[key] = value


def _all_variables(groups: tuple[str, ...] = ()) -> list[str]:
    names: list[str] = []
    for key in known_keys(Settings, groups):
        inner = _all_variables((*groups, key))
        names += inner or [_variable((*groups, key))]
    return names


def _variable(loc: tuple[str, ...]) -> str:
    return PREFIX + NESTED.join(loc).upper()
