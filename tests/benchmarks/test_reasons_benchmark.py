import json
from pathlib import Path

import pytest

from benchmarks.router.reasons import main, measure
from orchestrator.plugins import discover
from router import AgentProfile, bundled_router
from router.bundled_model import BUNDLED


def test_the_strongest_word_matters_more_than_any_other() -> None:
    """On the last words of the bundled examples: the deletion test tells a real explanation from a random one."""
    router = bundled_router()
    cards = [plugin.agent.card for plugin in discover().loaded if plugin.distribution == "pointsman"]
    for card in cards:
        router.add(AgentProfile(card.name, card.version, card.summary, card.examples))
    figures = measure(router, [" ".join(text.split()[-4:]) for card in cards for text in card.examples])
    assert figures["strongest_word_changes_choice"] > 2 * figures["other_word_changes_choice"]
    assert figures["largest_error_of_sums"] < 1e-5
    assert figures["counterfactual_holds"] == 1.0
    assert 0 < figures["p50_us"] <= figures["p99_us"]
    assert 0 < figures["beyond_p50_us"] < figures["p50_us"]
    assert figures["beyond_p50_us"] <= figures["beyond_p99_us"]


def test_it_runs_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A model file and labelled requests in, figures as JSON out."""
    data = tmp_path / "d.jsonl"
    rows = ["fix this broken json payload", "write the release notes from git", "compare the two logs of tonight"]
    data.write_text("".join(json.dumps({"text": text, "label": text[:5]}) + "\n" for text in rows), encoding="utf-8")
    assert main(["--model", str(BUNDLED / "router.npz"), "--data", str(data), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["requests"] == 3
