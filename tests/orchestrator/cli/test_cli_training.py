"""`pointsman train`: several seeds, early stop, and going on after an interruption."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.cli.console import sparkline
from orchestrator.cli.progress import Bar
from router.model_file import read_model

Cli = Callable[..., tuple[int, str, str]]

pytest.importorskip("torch")
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def data(folder: Path) -> str:
    """Return a file of labelled requests, of two agents."""
    rows = [(f"{verb} the {thing} {when}", verb) for verb in ("cook", "book") for thing in ("rice", "train", "room")
            for when in ("now", "today")]  # fmt: skip
    (folder / "d.jsonl").write_text("".join(json.dumps({"text": t, "label": label}) + "\n" for t, label in rows))
    return "d.jsonl"


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return what lets the n-th step of the bar meet a Ctrl-C; 0 for none."""
    advance = Bar.advance

    def at(step: int) -> None:
        seen: list[str] = []

        def counted(bar: Bar, what: str = "") -> None:
            seen.append(what)
            if len(seen) == step:
                raise KeyboardInterrupt
            advance(bar, what)

        monkeypatch.setattr(Bar, "advance", counted)

    return at


def test_an_interrupted_training_says_how_to_go_on_and_does(
    cli: Cli, data: str, interrupted: Callable[[int], None]
) -> None:
    """Ctrl-C in the middle, the same command with --resume: the bytes of the whole training, and nothing left over."""
    command = ["train", "--data", data, "--epochs", "3", "--checkpoint-every", "0"]
    assert cli(*command, "--out", "whole.npz")[0] == 0
    interrupted(5)
    code, out, err = cli(*command, "--out", "m.npz")
    assert (code, out) == (130, "")
    assert "the same command with --resume goes on from m.npz.seed-0.checkpoint" in err
    interrupted(0)
    code, _, err = cli(*command, "--out", "m.npz", "--resume")
    assert (code, err) == (0, "")
    assert Path("m.npz").read_bytes() == Path("whole.npz").read_bytes()
    assert {path.name for path in Path().glob("*npz*")} == {"m.npz", "whole.npz"}


def test_the_checkpoint_of_other_settings_is_refused_and_a_new_start_is_announced(
    cli: Cli, data: str, interrupted: Callable[[int], None]
) -> None:
    """Never silently mixed, never silently lost."""
    interrupted(5)
    command = ["train", "--data", data, "--out", "m.npz", "--checkpoint-every", "0"]
    assert cli(*command, "--epochs", "3")[0] == 130
    interrupted(0)
    code, _, err = cli(*command, "--epochs", "4", "--resume")
    assert code == 4
    assert "other settings (epochs 3 there, 4 here)" in err
    code, _, err = cli(*command, "--epochs", "3")
    assert code == 0
    assert "will be overwritten; --resume would have gone on from it" in err
    code, _, err = cli(*command, "--epochs", "3", "--resume")
    assert code == 0
    assert "no m.npz.seed-0.checkpoint to go on from: starting at the beginning" in err


def test_a_killed_command_goes_on(cli: Cli, data: str) -> None:
    """Kill -9 as soon as something is on disk, start again: the bytes of a training that was left alone."""
    command = ["train", "--data", data, "--epochs", "20", "--out", "m.npz"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = [sys.executable, "-m", "orchestrator", *command, "--checkpoint-every", "0"]
    with subprocess.Popen(run, env=environment, stderr=subprocess.DEVNULL) as first:
        while first.poll() is None and not Path("m.npz.seed-0.checkpoint").exists():
            os.sched_yield()
        first.send_signal(signal.SIGKILL)
    assert first.returncode == -signal.SIGKILL
    assert not Path("m.npz").exists()
    assert cli(*command, "--resume")[0] == 0
    assert cli("train", "--data", data, "--epochs", "20", "--out", "whole.npz")[0] == 0
    assert Path("m.npz").read_bytes() == Path("whole.npz").read_bytes()


def test_of_several_seeds_the_best_held_out_is_kept(cli: Cli, data: str) -> None:
    """Each is reported, with the spread; the file is the one that its seed alone would have given."""
    command = ["train", "--data", data, "--epochs", "2", "--out", "m.npz"]
    code, out, err = cli(*command, "--seeds", "3,1", "--dev", data, "--json")
    assert code == 0, err
    body = json.loads(out)
    kept = [row for row in body["seeds"] if row["kept"]]
    assert [row["seed"] for row in body["seeds"]] == [3, 1]
    assert len(kept) == 1
    assert kept[0]["held_out"]["held_out_accuracy"] == max(
        row["held_out"]["held_out_accuracy"] for row in body["seeds"]
    )
    assert kept[0]["dev"]["accuracy"] == body["dev"]["accuracy"]
    bytes_of_several = Path("m.npz").read_bytes()
    assert cli(*command, "--seed", str(kept[0]["seed"]))[0] == 0
    assert Path("m.npz").read_bytes() == bytes_of_several
    out = cli(*command, "--seeds", "3,1")[1]
    for expected in ("held-out accuracy", "kept", "mean", "spread", "points"):
        assert expected in out


def test_patience_stops_early_and_the_model_says_after_how_many_epochs(cli: Cli, data: str) -> None:
    """Fewer epochs than were allowed are in the history."""
    command = ["train", "--data", data, "--epochs", "200", "--patience", "2", "--out", "m.npz", "--json"]
    code, out, err = cli(*command)
    assert code == 0, err
    assert 3 <= len(json.loads(out)["history"]) < 200


def test_names_are_read_where_examples_are_few_unless_told_not_to(cli: Cli, data: str) -> None:
    """The model says so of itself, and another one comes out."""
    digests = set()
    for arguments, read in (([], True), (["--names"], True), (["--no-names"], False)):
        code, out, err = cli("train", "--data", data, "--epochs", "2", "--out", "m.npz", "--json", *arguments)
        assert code == 0, err
        assert read_model(Path("m.npz"))[0].config.get("names", False) is read
        digests.add(json.loads(out)["digest"])
    assert len(digests) == 2


def test_misspelt_words_are_read_as_they_were_meant_unless_told_not_to(cli: Cli, data: str) -> None:
    """The model says so of itself."""
    for arguments, read in (([], True), (["--no-spelling"], False)):
        code, _, err = cli("train", "--data", data, "--epochs", "2", "--out", "m.npz", *arguments)
        assert code == 0, err
        assert read_model(Path("m.npz"))[0].spelling is read


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--seeds", "0,x"], "no list of whole numbers"),
        (["--seeds", "4,4"], "names one seed"),
        (["--seeds", "0,1", "--seed", "2"], "either --seed or --seeds"),
        (["--patience", "0"], "--patience"),
    ],
)
def test_options_that_make_no_sense_are_refused(cli: Cli, data: str, arguments: list[str], problem: str) -> None:
    """Before anything is trained."""
    code, out, err = cli("train", "--data", data, "--out", "m.npz", *arguments)
    assert (code, out) == (2, "")
    assert problem in " ".join(err.replace("│", " ").split())
    assert not Path("m.npz").exists()


def test_a_sparkline_is_low_high_and_never_too_wide() -> None:
    """The least value the lowest block, the greatest the highest; of many values some are left out."""
    assert sparkline([0.1, 0.2, 0.8]) == "▁▂█"
    assert sparkline([0.5, 0.5]) == "▁▁"
    long = sparkline([float(value) for value in range(500)])
    assert len(long) == 40
    assert (long[0], long[-1]) == ("▁", "█")
