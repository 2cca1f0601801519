"""`pointsman agents`: list, check, new."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator import agent
from orchestrator.cli.card_checks import check_cards
from orchestrator.plugins import discover
from router import AgentProfile, KeywordRouter

Cli = Callable[..., tuple[int, str, str]]
Install = Callable[..., None]


def _made(name: str, *examples: str, summary: str = "Does things.") -> Any:
    async def handle(request: str) -> str:
        return request

    return agent(name, summary=summary, examples=examples)(handle)


# -- list ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["agents"], ["agents", "list"]])
def test_agents_are_listed_with_their_distribution(cli: Cli, command: list[str]) -> None:
    """`pointsman agents` alone lists."""
    code, out, _ = cli(*command)
    assert code == 0
    for expected in ("ledger-keeper", "acme-agents 1.2", "Writes poems."):
        assert expected in out


def test_a_broken_plugin_is_shown_with_its_distribution_and_problem(cli: Cli, install: Install) -> None:
    """Never fatal here: one line says whom to blame."""
    install(_made("fine", "do fine"), broken={"wreck": ImportError("no [module] named \x1b[5mnope")})
    code, out, _ = cli("agents", "list")
    assert code == 0
    assert "broken: wreck of bad-agents 1.2" in out
    assert "ImportError: no [module] named [5mnope" in out
    assert "\x1b" not in out


def test_the_list_as_json(cli: Cli, install: Install) -> None:
    """Agents and broken plugins, side by side."""
    install(_made("fine", "do fine"), broken={"wreck": ImportError("nope")})
    body = json.loads(cli("agents", "list", "--json")[1])
    assert body["agents"][0]["name"] == "fine"
    assert body["agents"][0]["examples"] == 1
    assert body["agents"][0]["policy"]["retry"]["max_attempts"] == 3
    assert body["broken"][0]["distribution"] == "bad-agents"


def test_no_agents_is_said_on_stderr(cli: Cli, install: Install) -> None:
    """And how to begin one."""
    install()
    code, out, err = cli("agents", "list")
    assert (code, out) == (0, "")
    assert "pointsman agents new NAME" in err


def test_strict_plugins_make_a_broken_one_an_error(cli: Cli, install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings decide."""
    install(broken={"wreck": ImportError("nope")})
    monkeypatch.setenv("POINTSMAN_STRICT_PLUGINS", "true")
    code, _, err = cli("agents", "list")
    assert code == 1
    assert "bad-agents" in err


# -- check -----------------------------------------------------------------------------------------------------------


def test_sound_cards_pass(cli: Cli, install: Install) -> None:
    """Ten distinct examples that come home: nothing to say."""
    words = [f"number{count}" for count in range(10)]
    install(
        _made("cook", *(f"cook a meal of {word}" for word in words)),
        _made("scribe", *(f"copy the scroll {word}" for word in words)),
    )
    code, out, _ = cli("agents", "check")
    assert (code, out) == (0, "2 agents checked, 0 findings\n")


def test_thin_cards_are_a_warning(cli: Cli) -> None:
    """A warning does not fail the check."""
    code, out, _ = cli("agents", "check")
    assert code == 0
    assert "warning poet: 2 distinct examples; give 10 at least" in out


def test_a_double_example_is_an_error(cli: Cli, install: Install) -> None:
    """Two agents cannot both have the same request, whatever its case and spacing."""
    install(_made("cook", "make a  Meal", "cook fish"), _made("chef", "make a meal", "season soup"))
    code, out, _ = cli("agents", "check")
    assert code == 1
    assert "cook has the same example: “make a meal”" in out or "chef has the same example" in out


def test_examples_astray_and_overlaps_are_found(install: Install) -> None:
    """An error for an example that goes elsewhere; a warning where the router cannot tell two agents apart."""
    install(_made("cook", "boil"), _made("monk", "pray"))
    router = KeywordRouter()
    router.add(AgentProfile("cook", "1", "", ("pray",)))
    router.add(AgentProfile("monk", "1", "", ("pray",)))
    findings = [(finding.level, finding.agent, finding.problem) for finding in check_cards(discover(), router)]
    assert findings[0] == ("error", "monk", "its example “pray” goes to cook")
    assert any(found[:2] == ("warning", "cook") and "overlaps with monk: 1 of 1" in found[2] for found in findings)


@pytest.mark.parametrize(
    ("strays", "expected"),
    [
        (["Perth"], "its example “book a train to Perth” looks misplaced: it is closer to rail"),
        (["Perth", "Kyoto", "Berlin"], "rail would get 3 of its 10 examples, were they not on its card"),
    ],
)
def test_what_a_card_would_do_to_another_is_found_before_anyone_is_hurt(
    cli: Cli, install: Install, strays: list[str], expected: str
) -> None:
    """A train on the cook's card is misplaced; several of them are an overlap; both are warnings, no failure."""
    meals = [f"cook {meal} for dinner" for meal in ("rice", "soup", "fish", "beans", "eggs", "stew", "cake")]
    trips = [f"book a train to {town}" for town in ("Oslo", "Rome", "Lima", "Cairo", "Paris", "Delhi", "Quito")]
    install(
        _made("cook", *meals, *(f"book a train to {town}" for town in strays)),
        _made("rail", *trips, "train times", "book two train tickets", "book the night train"),
    )
    code, out, _ = cli("agents", "check", "--json")
    findings = json.loads(out)["findings"]
    assert code == 0
    assert any(finding["agent"] == "cook" and expected in finding["problem"] for finding in findings)
    assert {finding["level"] for finding in findings} == {"warning"}


def test_a_broken_plugin_fails_the_check(cli: Cli, install: Install) -> None:
    """Exit code 1."""
    install(_made("fine", "do fine"), broken={"wreck": ImportError("nope")})
    code, out, _ = cli("agents", "check")
    assert code == 1
    assert "error wreck: bad-agents" in out


def test_a_model_that_is_none_is_refused(cli: Cli) -> None:
    """Exit code 4."""
    code, _, err = cli("agents", "check", "--router", "day.plan.yaml")
    assert code == 4
    assert "is not a model file" in err


# -- new -------------------------------------------------------------------------------------------------------------


def test_a_new_agent_is_found_routed_to_and_answers(cli: Cli, folder: Path, install: Install) -> None:
    """What is written works as it is: its card alone teaches the router."""
    code, out, _ = cli("agents", "new", "invoice-checker")
    assert code == 0
    assert "pip install ./invoice-checker" in out
    module = _load(folder / "invoice-checker" / "pointsman_invoice_checker.py")
    made = module.invoice_checker_agent
    install(made, _made("cook", "boil the eggs", "cook a meal"))
    assert "invoice-checker" in cli("agents", "list")[1]
    body = json.loads(cli("route", "let the invoice checker have it", "--json")[1])
    assert body["choice"] == "invoice-checker"
    assert asyncio.run(made("x")) == {"summary": "invoice checker saw: x"}


def test_a_new_agent_is_written_where_it_is_wanted(cli: Cli, folder: Path) -> None:
    """--dir, made if need be."""
    assert cli("agents", "new", "a", "--dir", "deep/down")[0] == 0
    assert (folder / "deep/down/a/pyproject.toml").is_file()


def test_nothing_is_overwritten(cli: Cli) -> None:
    """Exit code 1."""
    assert cli("agents", "new", "invoice-checker")[0] == 0
    code, _, err = cli("agents", "new", "invoice-checker")
    assert code == 1
    assert "is there already" in err


@pytest.mark.parametrize("name", ["Invoice", "in voice", "../up", "a" * 64, "", "9lives"])
def test_a_name_that_no_agent_can_have_is_refused(cli: Cli, folder: Path, name: str) -> None:
    """Nothing is written."""
    code, _, err = cli("agents", "new", name)
    assert code == 1
    assert "kebab-case" in err
    assert [path.name for path in folder.iterdir()] == ["day.plan.yaml"]


def test_a_folder_that_cannot_be_written_is_an_error(cli: Cli) -> None:
    """Exit code 1, one line."""
    code, _, err = cli("agents", "new", "fine", "--dir", "day.plan.yaml")
    assert code == 1
    assert "cannot be written" in err


@pytest.mark.timeout(300)
def test_a_new_package_installs_and_its_own_test_passes(cli: Cli, folder: Path) -> None:
    """It installs as it is; discovery in another process finds it by its entry point."""
    if importlib.util.find_spec("setuptools") is None or importlib.util.find_spec("pip") is None:
        pytest.skip("pip and setuptools are needed to install the generated package")
    cli("agents", "new", "invoice-checker")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", "site", "./invoice-checker"], check=True, capture_output=True)
    environ = {**os.environ, "PYTHONPATH": str(folder / "site")}
    command = [sys.executable, "-m", "orchestrator", "agents", "list", "--json"]
    listed = subprocess.run(command, check=True, capture_output=True, env=environ, timeout=120)
    origins = {one["name"]: one["distribution"] for one in json.loads(listed.stdout)["agents"]}
    assert origins["invoice-checker"] == "pointsman-invoice-checker"
    tested = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "invoice-checker"]
    subprocess.run(tested, check=True, capture_output=True, env=environ, timeout=120)


def _load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
