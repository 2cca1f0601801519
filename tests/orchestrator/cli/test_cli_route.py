"""`pointsman route` and `pointsman train`."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator import agent
from orchestrator.cli.train import recipe_for
from orchestrator.plugins import discover
from router import Example

Cli = Callable[..., tuple[int, str, str]]
Install = Callable[..., None]

MEALS = ["rice", "soup", "fish", "beans", "eggs", "bread", "cake", "stew", "salad", "noodles"]
TOWNS = ["Oslo", "Rome", "Lima", "Cairo", "Paris", "Delhi", "Quito", "Perth", "Kyoto", "Berlin"]


@pytest.fixture
def data(folder: Path) -> str:
    """Return a file of twenty labelled requests."""
    rows = [{"text": f"cook some {meal} for dinner", "label": "cook"} for meal in MEALS]
    rows += [{"text": f"book a train to {town}", "label": "clerk"} for town in TOWNS]
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return "data.jsonl"


# -- one request -----------------------------------------------------------------------------------------------------


def test_a_request_is_shown_with_its_candidates(cli: Cli) -> None:
    """Choice, words, confidence, threshold, margin and every candidate."""
    code, out, _ = cli("route", "balance the ledger of today")
    assert code == 0
    for expected in ("→ ledger-keeper", "balance", "confidence", "threshold", "runner-up", "poet", "eligible"):
        assert expected in out


def test_a_request_as_json(cli: Cli) -> None:
    """The whole prediction, and the words."""
    body = json.loads(cli("route", "write a poem", "--json")[1])
    assert body["choice"] == "poet"
    assert [one["rank"] for one in body["candidates"]] == [1, 2, 3]
    assert [word for word, _ in body["attribution"]] == ["write", "a", "poem"]


def test_a_request_with_reasons_says_what_would_change_it(cli: Cli) -> None:
    """What separates the first two, word by word, and without which words the answer is another."""
    code, out, _ = cli("route", "--why", "balance the ledger of today")
    assert code == 0
    for expected in ("difference", "all words", "Without “balance”", "confidence"):
        assert expected in out
    body = json.loads(cli("route", "--why", "balance the ledger of today", "--json")[1])
    assert body["counterfactual"]["changed"]
    assert sum(weight for _, weight in body["separation"]) == pytest.approx(body["margin"], abs=1e-5)
    assert body["nearest"] == []  # the router of these tests does not embed
    assert body["read_as"] == {}  # nor does it spell


@pytest.mark.usefixtures("bundled")
def test_the_bundled_router_shows_the_nearest_examples(cli: Cli) -> None:
    """Those of the leader's own card, the most alike first."""
    body = json.loads(cli("route", "--why", "please repair this broken json", "--json")[1])
    card = next(plugin.agent.card for plugin in discover().loaded if plugin.agent.card.name == "json-medic")
    likeness = [like for _, like in body["nearest"]]
    assert likeness == sorted(likeness, reverse=True)
    assert {text for text, _ in body["nearest"]} <= set(card.examples)
    code, out, _ = cli("route", "--why", "please repair this broken json")
    assert code == 0
    assert "Nearest examples of json-medic:" in out
    assert body["nearest"][0][0] in out


@pytest.mark.usefixtures("bundled")
def test_the_bundled_router_says_which_words_it_read_as_others(cli: Cli) -> None:
    """Who reads the reasons of a misspelt request sees what it was taken for; of a right one nothing is said."""
    misspelt, right = "please reapir this brokne json", "please repair this broken json"
    bodies = [json.loads(cli("route", "--why", text, "--json")[1]) for text in (misspelt, right)]
    assert [body["read_as"] for body in bodies] == [{"reapir": "repair", "brokne": "broken"}, {}]
    assert bodies[0]["candidates"] == bodies[1]["candidates"]
    assert "Read “reapir” as “repair” and “brokne” as “broken”" in " ".join(cli("route", "--why", misspelt)[1].split())
    assert "Read “" not in cli("route", "--why", right)[1]


@pytest.mark.usefixtures("bundled")
def test_the_readme_shows_what_the_bundled_router_says(cli: Cli) -> None:
    """The line about what would change the answer is the real one."""
    readme = (Path(__file__).parents[3] / "README.md").read_text("utf-8")
    asked = re.search(r'pointsman route --why "([^"]*)"', readme)
    shown = re.search(r"^Without .*$", readme, re.MULTILINE)
    assert asked is not None
    assert shown is not None
    assert shown[0] in cli("route", "--why", asked[1])[1]


def test_a_request_for_nobody_says_why(cli: Cli) -> None:
    """An abstention is an answer: exit code 0."""
    code, out, _ = cli("route", "zzz \x1b[31m[red]qqq")
    assert code == 0
    assert "nobody: below-threshold" in out
    assert "zzz [31m[red]qqq" in out
    assert "\x1b" not in out


def test_a_request_for_one_of_two_says_which_two(cli: Cli) -> None:
    """A near tie is a question that can be asked: not nobody, but one of these."""
    code, out, _ = cli("route", "balance poem")
    assert code == 0
    assert "nobody: near-tie" in out
    assert "near tie, together 0.999: ask which of the two, ledger-keeper or poet" in out
    body = json.loads(cli("route", "balance poem", "--json")[1])
    assert (body["choice"], body["abstained"]) == (None, "near-tie")
    assert body["runner_up_confidence"] == body["confidence"] < 0.5


def test_without_agents_there_is_nobody_to_ask(cli: Cli, install: Install) -> None:
    """No candidates, no crash."""
    install()
    code, out, _ = cli("route", "anything")
    assert code == 0
    assert "nobody: no-candidates" in out


def test_more_than_five_candidates_are_cut(cli: Cli, install: Install) -> None:
    """A table stays readable with three hundred agents."""

    async def handle(request: str) -> str:
        return request

    install(*(agent(f"agent-{n}", summary="s", examples=[f"job {n}"])(handle) for n in range(8)))
    assert "and 3 more, see --json" in cli("route", "job 3")[1]


def test_a_router_named_in_the_settings_is_used(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing one is refused, exit code 4."""
    monkeypatch.setenv("POINTSMAN_ROUTER", "nowhere.npz")
    code, _, err = cli("route", "x")
    assert code == 4
    assert "nowhere.npz: does not exist" in err


@pytest.mark.parametrize("arguments", [[], ["text", "--data", "f"], ["--why", "--data", "f"]])
def test_either_a_request_or_a_file(cli: Cli, arguments: list[str]) -> None:
    """Exit code 2 otherwise."""
    code, _, err = cli("route", *arguments)
    assert code == 2
    assert "--data FILE" in err


# -- a file of requests ----------------------------------------------------------------------------------------------


def test_a_router_is_measured(cli: Cli, folder: Path) -> None:
    """Accuracy, macro F1, calibration and time."""
    rows = [("balance the ledger", "ledger-keeper"), ("write a poem", "poet"), ("sweep the floor", "poet")]
    (folder / "d.jsonl").write_text("".join(json.dumps({"text": t, "label": label}) + "\n" for t, label in rows))
    code, out, _ = cli("route", "--data", "d.jsonl")
    assert code == 0
    for expected in ("3 requests", "66.7%", "macro F1", "ECE", "p99"):
        assert expected in out
    body = json.loads(cli("route", "--data", "d.jsonl", "--json")[1])
    assert body["accuracy"] == pytest.approx(2 / 3)
    assert body["p50_us"] > 0


def test_a_broken_line_is_refused_with_its_number(cli: Cli, folder: Path) -> None:
    """Exit code 4."""
    (folder / "d.jsonl").write_text('{"text": "x", "label": "a"}\n{"text": 1}\n')
    code, _, err = cli("route", "--data", "d.jsonl")
    assert code == 4
    assert err.startswith("error: d.jsonl:2: ")


def test_a_terminal_gets_a_bar(cli: Cli, data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On stderr: stdout holds data only."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_INTERACTIVE", "1")
    monkeypatch.setenv("TERM", "xterm")
    _, out, err = cli("route", "--data", data, "--json")
    assert "measuring on data.jsonl" in err
    assert "20/20" in err
    json.loads(out)


# -- training --------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(300)
def test_a_router_is_trained_measured_and_used(cli: Cli, data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a file of examples to a decision; the same seed gives the same model."""
    pytest.importorskip("torch")
    arguments = ["train", "--data", data, "--epochs", "4", "--seed", "3"]
    code, out, err = cli(*arguments, "--out", "m.npz", "--dev", data)
    assert code == 0, err
    assert "m.npz: 2 labels" in out
    assert "20 requests" in out
    body = json.loads(cli(*arguments, "--out", "n.npz", "--json")[1])
    assert body["labels"] == 2
    assert body["dev"] is None
    assert Path("m.npz").read_bytes() == Path("n.npz").read_bytes()
    routed = json.loads(cli("route", "cook some rice for dinner", "--model", "m.npz", "--json")[1])
    assert routed["leader"] == "cook"
    assert {one["name"] for one in routed["candidates"]} == {"cook", "clerk"}


@pytest.mark.timeout(300)
def test_three_examples_a_label_are_enough_to_begin(cli: Cli, folder: Path) -> None:
    """A first try of one's own, with requests that belong to nobody."""
    pytest.importorskip("torch")
    rows = [("cook rice", "cook"), ("cook soup", "cook"), ("cook eggs", "cook")]
    rows += [("book a train", "clerk"), ("book a room", "clerk"), ("book a flight", "clerk")]
    (folder / "few.jsonl").write_text("".join(json.dumps({"text": t, "label": label}) + "\n" for t, label in rows))
    (folder / "none.txt").write_text("# weather and the like\nis it raining\nsing a song\ntell me a joke\n")
    arguments = ["--data", "few.jsonl", "--out-of-scope", "none.txt", "--out", "m.npz", "--epochs", "2", "--json"]
    code, out, err = cli("train", *arguments)
    assert code == 0, err
    assert "out_of_scope_abstention" in json.loads(out)["held_out"]


@pytest.mark.timeout(300)
def test_a_budget_is_trained_for_shown_and_put_aside(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model carries its budget; the setting chooses another without training; the view says which holds."""
    pytest.importorskip("torch")
    rows = [{"text": f"cook {meal} for {town}", "label": "cook"} for meal in MEALS for town in TOWNS[:8]]
    rows += [{"text": f"book a train from {meal} to {town}", "label": "clerk"} for meal in MEALS for town in TOWNS[:8]]
    (folder / "many.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    arguments = ["train", "--data", "many.jsonl", "--out", "m.npz", "--epochs", "3", "--json"]
    code, out, err = cli(*arguments, "--error-budget", "0.4")
    assert code == 0, err
    about = json.loads(out)
    assert about["error_budget"] == 0.4
    request = ("route", "cook rice for Rome", "--model", "m.npz")
    assert f"threshold {about['threshold']:.3f} (error budget 0.4) reached" in cli(*request)[1]
    monkeypatch.setenv("POINTSMAN_ERROR_BUDGET", "0.45")
    assert json.loads(cli(*request, "--json")[1])["budget"] == 0.45
    monkeypatch.setenv("POINTSMAN_ERROR_BUDGET", "0.0001")
    code, out, err = cli(*request)
    assert (code, out) == (1, "")
    assert err.startswith("error: error_budget 0.0001 is not proved at any threshold by the 16 requests held out")


@pytest.mark.timeout(300)
def test_a_budget_for_a_shifting_mix_is_refused_where_it_is_not_proved(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two agents cannot make up for one another: neither training nor the settings promise it; both say the way out."""
    pytest.importorskip("torch")
    rows = [{"text": f"cook {meal} for {town}", "label": "cook"} for meal in MEALS for town in TOWNS[:8]]
    rows += [{"text": f"book a train from {meal} to {town}", "label": "clerk"} for meal in MEALS for town in TOWNS[:8]]
    (folder / "many.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    arguments = ["train", "--data", "many.jsonl", "--out", "m.npz", "--epochs", "3", "--error-budget", "0.3"]
    code, _, err = cli(*arguments, "--budget-mix", "shifting")
    assert code == 1
    assert "set budget_mix to steady" in err
    assert cli(*arguments)[0] == 0
    monkeypatch.setenv("POINTSMAN_ERROR_BUDGET", "0.3")
    monkeypatch.setenv("POINTSMAN_BUDGET_MIX", "shifting")
    assert "set budget_mix to steady" in cli("route", "cook rice for Rome", "--model", "m.npz")[2]


@pytest.mark.parametrize(("examples", "few"), [(19, True), (20, False)])
def test_the_recipe_depends_on_how_many_examples_a_label_has(examples: int, few: bool) -> None:  # noqa: FBT001
    """Few examples are held out in turn; many are not."""
    config = recipe_for([Example(f"{label} {n}", label) for label in ("a", "b") for n in range(examples)])
    assert config.cross_validate is few


def test_the_cards_are_trained_on_with_what_belongs_to_nobody(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """All installed agents; broken ones are named and left out; progress is told."""
    pytest.importorskip("torch")
    import router.trained_model
    from router.training_config import Progress

    manifest = SimpleNamespace(
        labels=("a", "b"), threshold=0.5, error_budget=0.2, metrics={"held_out_accuracy": 1.0}, digest="d", history=()
    )
    model = SimpleNamespace(manifest=manifest, save=lambda path: path.write_bytes(b"model"))
    seen: list[str] = []

    def train_from_profiles(profiles: Any, out_of_scope: Any, progress: Any, **given: Any) -> SimpleNamespace:
        seen.extend(profile.name for profile in profiles)
        progress(Progress("fit", 1, 1, 0.25))
        assert out_of_scope
        assert (given["error_budget"], given["budget_mix"]) == (0.2, "auto")
        return model

    monkeypatch.setattr(router.trained_model, "train_from_profiles", train_from_profiles)
    code, out, _ = cli("train", "--cards", "--out", "m.npz", "--error-budget", "0.2")
    assert code == 0
    assert "2 labels, threshold 0.50 (error budget 0.2)" in out
    assert sorted(seen) == ["grump", "ledger-keeper", "poet"]
    assert "held out accuracy 1.000" in out
    assert Path("m.npz").read_bytes() == b"model"


def test_broken_plugins_are_left_out_of_the_training(
    cli: Cli, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever trains learns that an agent is missing; with nobody left there is nothing to train on."""
    pytest.importorskip("torch")
    install(broken={"wreck": ImportError("nope")})
    code, _, err = cli("train", "--cards", "--out", "m.npz")
    assert code == 1
    assert "left out: plugin 'wreck' of bad-agents" in err
    assert "at least two labels" in err


def test_without_torch_one_line_says_what_to_install(cli: Cli, data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1; training is an extra."""
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else real(name))
    for source in (["--data", data], ["--cards"]):
        code, out, err = cli("train", *source, "--out", "m.npz")
        assert (code, out) == (1, "")
        assert err.endswith("pip install 'pointsman[train]'\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--out", "m"],
        ["--data", "d", "--cards", "--out", "m"],
        ["--cards", "--seed", "1", "--out", "m"],
        ["--cards"],
        ["--cards", "--out", "m", "--error-budget", "0"],
        ["--cards", "--out", "m", "--error-budget", "1"],
        ["--cards", "--out", "m", "--error-budget", "nan"],
    ],
)
def test_contradictions_are_usage_errors(cli: Cli, arguments: list[str]) -> None:
    """Exit code 2."""
    assert cli("train", *arguments)[0] == 2


def test_training_on_a_missing_file_is_refused(cli: Cli) -> None:
    """Exit code 4, before torch is loaded."""
    assert cli("train", "--data", "nowhere.jsonl", "--out", "m.npz")[0] == 4
