"""Settings: defaults, then the file, then the environment; each fault names its origin."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import DocumentError
from orchestrator.policy import Policy, Retry
from orchestrator.settings import Settings, load_settings, variables_of


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(text: str, name: str = "pointsman.yaml") -> Path:
    """Write a settings file into the current folder."""
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


def test_without_file_and_variables_the_defaults_hold() -> None:
    """Nothing has to be set."""
    settings = load_settings(None, {"PATH": "/bin"})
    assert settings == Settings()
    assert settings.journal == Path(".pointsman/journal.db")
    assert settings.durability == "power-cut-safe"
    assert settings.error_budget is None


def test_file_in_the_current_folder_is_found() -> None:
    """`pointsman.yaml` of the current folder is read without being named."""
    write("seed: 7\npolicy: {timeout_s: 5}\njournal: here.db\n")
    assert load_settings(None, {}) == Settings(seed=7, policy=Policy(timeout_s=5), journal=Path("here.db"))


def test_named_file_must_exist() -> None:
    """A file that is asked for by name and is not there is an error, not a default."""
    with pytest.raises(DocumentError, match="no such file"):
        load_settings(Path("other.yaml"), {})


def test_file_of_comments_means_the_defaults() -> None:
    """A file whose lines are all commented out changes nothing."""
    assert load_settings(write("# seed: 7\n"), {}) == Settings()


def test_variables_win_over_the_file() -> None:
    """A variable overrides the file, one value at a time, also inside the policy."""
    path = write("seed: 7\ncapacity: 5\npolicy: {timeout_s: 5, retry: {max_attempts: 9}}\n")
    environ = {
        "POINTSMAN_SEED": "8",
        "POINTSMAN_STRICT_PLUGINS": "true",
        "POINTSMAN_JOURNAL": "/var/x.db",
        "POINTSMAN_ERROR_BUDGET": "0.05",
        "POINTSMAN_POLICY__RETRY__BACKOFF_S": "0.1",
    }
    assert load_settings(path, environ) == Settings(
        seed=8,
        capacity=5,
        strict_plugins=True,
        error_budget=0.05,
        journal=Path("/var/x.db"),
        policy=Policy(timeout_s=5, retry=Retry(max_attempts=9, backoff_s=0.1)),
    )


def test_variable_set_to_nothing_counts_as_not_set() -> None:
    """An empty variable changes nothing."""
    assert load_settings(None, {"POINTSMAN_SEED": "", "POINTSMAN_ROUTER": ""}) == Settings()


def test_variable_of_benchmarks_and_tests_is_no_fault() -> None:
    """`POINTSMAN_DATA` says where benchmarks find their data: the command line starts, and takes nothing from it."""
    assert load_settings(None, {"POINTSMAN_DATA": "/data", "POINTSMAN_SEED": "3"}) == Settings(seed=3)
    assert variables_of({"POINTSMAN_DATA": "/data", "POINTSMAN_SEED": "3"}) == ["POINTSMAN_SEED"]


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("POINTSMAN_DATTA", "/d", r"POINTSMAN_DATTA is no setting; did you mean 'POINTSMAN_DATA'\?"),
        ("POINTSMAN_DATA__X", "/d", "POINTSMAN_DATA__X is no setting"),
        ("POINTSMAN_SED", "1", r"POINTSMAN_SED is no setting; did you mean 'POINTSMAN_SEED'\?"),
        ("POINTSMAN_POLICY", "x", "POINTSMAN_POLICY is no setting"),
        ("POINTSMAN_SEED__X", "1", "POINTSMAN_SEED__X is no setting"),
        ("POINTSMAN_NO__SUCH", "1", "POINTSMAN_NO__SUCH is no setting"),
        ("POINTSMAN_SEED", "x", "POINTSMAN_SEED: 'seed' should be a valid integer, .*, not 'x'; write a whole number"),
        ("POINTSMAN_DURABILITY", "safe", "POINTSMAN_DURABILITY: 'durability' cannot be 'safe'; known: os-crash-may-"),
        ("POINTSMAN_POLICY__RETRY__JITTER", "2", "POINTSMAN_POLICY__RETRY__JITTER: 'jitter' should be less than or"),
        ("POINTSMAN_ERROR_BUDGET", "0", "POINTSMAN_ERROR_BUDGET: 'error_budget' should be greater than 0, not '0'"),
        ("POINTSMAN_ERROR_BUDGET", "1", "POINTSMAN_ERROR_BUDGET: 'error_budget' should be less than 1, not '1'"),
        ("POINTSMAN_ERROR_BUDGET", "nan", "POINTSMAN_ERROR_BUDGET: 'error_budget' should be"),
        ("POINTSMAN_BUDGET_MIX", "any", "POINTSMAN_BUDGET_MIX: 'budget_mix' cannot be 'any'; known: auto, "),
        ("POINTSMAN_CAPACITY", "0", "POINTSMAN_CAPACITY: 'capacity' should be greater than or equal to 1, not '0'"),
    ],
)
def test_refused_variable_is_named(name: str, value: str, error: str) -> None:
    """A variable that is unknown or has no usable value is refused by its name."""
    with pytest.raises(DocumentError, match=f"^environment: {error}"):
        load_settings(None, {name: value})


def test_refused_file_is_refused_before_variables_are_looked_at() -> None:
    """The fault of a file keeps its line even where a variable would override the value."""
    with pytest.raises(DocumentError, match=r"^pointsman.yaml:1:7: 'seed' should be a valid integer, not 'x'"):
        load_settings(write("seed: x\n"), {"POINTSMAN_SEED": "3"})


def test_settings_cannot_be_changed() -> None:
    """Settings are a value."""
    with pytest.raises(ValueError, match="frozen"):
        Settings().seed = 3
