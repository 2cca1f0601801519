import importlib
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.router import __main__ as command
from benchmarks.router import contest, places
from benchmarks.router.__main__ import main
from benchmarks.router.anchors.contestants import ANCHORS, OURS
from benchmarks.router.places import JOBS, Run, digest, plan, training_digest
from benchmarks.router.results import empty, put, read, write

FULL, TEN = "banking77 full", "banking77 train_10"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file of results; a digest is the name of what it is of, and no model is kept."""
    monkeypatch.setattr(command, "DATA", tmp_path)
    monkeypatch.setattr(command, "digest", lambda who, at: f"{who} {at}")
    monkeypatch.setattr(command, "model_digests", lambda what: {what.at: "m"})
    return tmp_path / "router.json"


class Measurer:
    """Keeps what it was asked to measure, and fails where it is told to."""

    def __init__(self, fails: str = "") -> None:
        self.asked: list[Run] = []
        self._fails = fails

    def __call__(self, what: Run, *, quick: bool) -> dict[str, float]:
        self.asked.append(what)
        if what.who == self._fails:
            raise RuntimeError("no such package")
        return {"accuracy": 90.0 + what.seed}


def test_an_interrupted_run_goes_on_where_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is there with the same code, models and texts is not measured again; each result is on disk at once."""
    made = empty("3.11", 2)
    put(made, Run(OURS, FULL, 0), {"accuracy": 92.0}, date="2026-01-01", digest=f"{OURS} {FULL}")
    put(made, Run(OURS, FULL, 1), {"accuracy": 92.0}, date="2026-01-01", digest="of other code")
    write(path, made)
    measurer = Measurer()
    monkeypatch.setattr(command, "measure", measurer)
    chosen = ["--rows", "accuracy", "--ours", "--seeds", "0", "1", "--json", str(path)]
    assert main(chosen) == 0
    assert measurer.asked == [Run(OURS, FULL, 1), Run(OURS, "clinc150 full", 0), Run(OURS, "clinc150 full", 1)]
    run = read(path)["runs"][FULL][OURS]["1"]
    assert (run["figures"], run["digest"], run["models"]) == ({"accuracy": 91.0}, f"{OURS} {FULL}", {FULL: "m"})
    measurer.asked.clear()
    assert main(chosen) == 0
    assert measurer.asked == []
    assert main([*chosen, "--again"]) == 0
    assert len(measurer.asked) == 4


def test_an_interruption_leaves_what_was_done(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second run is broken off; the first is in the file."""

    def measure(what: Run, *, quick: bool) -> dict[str, float]:
        if what.seed:
            raise KeyboardInterrupt
        return {"accuracy": 92.0}

    monkeypatch.setattr(command, "measure", measure)
    with pytest.raises(KeyboardInterrupt):
        main(["--rows", "accuracy", "--ours", "--json", str(path)])
    assert list(read(path)["runs"][FULL][OURS]) == ["0"]


def test_two_processes_may_share_a_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another one has written meanwhile stays, and is in the table as well."""

    def measure(what: Run, *, quick: bool) -> dict[str, float]:
        there = read(path) if path.exists() else empty("3.11", 2)
        put(there, Run("tfidf", what.at, what.seed), {"accuracy": 80.0}, date="2026-01-01")
        write(path, there)
        return {"accuracy": 92.0}

    monkeypatch.setattr(command, "measure", measure)
    assert main(["--rows", "accuracy", "--ours", "--seeds", "0", "--json", str(path)]) == 0
    assert set(read(path)["runs"][FULL]) == {OURS, "tfidf"}


def test_who_fails_keeps_its_place_and_the_others_go_on(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing package is a reason under the table and an exit code of 1, with a line of progress for each run."""
    monkeypatch.setattr(command, "measure", Measurer(fails="fasttext"))
    chosen = ["--rows", "ten", "--contestants", "fasttext", OURS, "--seeds", "0", "--json", str(path)]
    assert main(chosen) == 1
    told = capsys.readouterr()
    assert f"[1/4] {TEN}: fasttext, seed 0: NOT MEASURED: no such package, " in told.err
    assert f"[3/4] {TEN}: {OURS}, seed 0: done, " in told.err
    assert "Not measured: fasttext, banking77 train_10: no such package." in told.out


def test_showing_measures_nothing(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--show` prints the last results, without data and without a file as well; every line says not measured then."""
    assert main(["--show", "--json", str(path), "--rows", "tools", "--seeds", "0", "1"]) == 0
    told = capsys.readouterr()
    assert "never run" in told.out
    assert "2 of 2 runs: never done, or with other code, models or texts" in told.err
    assert not path.exists()


def test_check_fails_on_a_must_and_on_a_row_that_was_never_run(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--check` is what a pipeline runs; without it the same table is printed and all is well."""
    monkeypatch.setattr(command, "DATA", path / "none")
    made = empty("3.11", 2)
    put(made, Run(OURS, FULL, 0), {"accuracy": 91.0, "train_wall_s": 50.0}, date="2026-01-01")
    write(path, made)
    shown = ["--show", "--json", str(path), "--rows", "accuracy"]
    assert (main(shown), main([*shown, "--check"])) == (0, 1)
    told = capsys.readouterr().err
    assert "MUST MISSED: accuracy, banking77: 91.0, bar 91.5" in told
    assert "NOT MEASURED: accuracy, clinc150" in told
    assert main(["--show", "--check", "--json", str(path), "--rows", "training"]) == 0


def test_a_damaged_file_stops_before_anything_is_measured(path: Path) -> None:
    """Exit code 2, as for any wrong input."""
    path.write_text(json.dumps({"schema": 9}), "utf-8")
    assert main(["--json", str(path)]) == 2


def test_without_data_nothing_begins(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command names where it looked."""
    monkeypatch.setattr(command, "DATA", path.parent / "none")
    assert main(["--json", str(path)]) == 2
    assert "POINTSMAN_DATA" in capsys.readouterr().err


def test_everything_is_planned_once_and_only_where_it_can_be() -> None:
    """Jobs and requests for nobody are ours; MiniLM is the same whatever the seed, and so are ten logs."""
    found = plan(["tools", "clinc150 full + oos", TEN, "off-policy"], [OURS, "minilm", "tfidf"], [4, 5])
    ours = [Run(OURS, at, seed) for at in ("tools", "clinc150 full + oos", TEN) for seed in (4, 5)]
    assert found[:7] == [*ours, Run(OURS, "off-policy", 0)]
    assert found[7:] == [Run("minilm", TEN, 0), Run("tfidf", TEN, 4), Run("tfidf", TEN, 5)]


def test_a_digest_hangs_on_texts_code_and_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed text or another contestant is another model; what is asked changes the figure, not the model."""
    folder = tmp_path / "banking77"
    folder.mkdir()
    for name in ("train.jsonl", "dev.jsonl"):
        (folder / name).write_text(name, "utf-8")
    monkeypatch.setattr(places, "DATA", tmp_path)
    trained, measured = training_digest("tfidf", FULL), digest("tfidf", FULL)
    assert trained not in (training_digest(OURS, FULL), training_digest("minilm", FULL))
    (folder / "dev.jsonl").write_text("more", "utf-8")
    assert (training_digest("tfidf", FULL) == trained, digest("tfidf", FULL) == measured) == (True, False)
    (folder / "train.jsonl").write_text("more", "utf-8")
    assert training_digest("tfidf", FULL) != trained


@pytest.mark.parametrize("job", JOBS)
def test_a_job_is_a_module_with_figures(job: str) -> None:
    """The process that does it finds it by this name."""
    assert callable(importlib.import_module(JOBS[job].module).figures)


def test_a_model_is_trained_once_and_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second row that needs it, and a second run of the first, train nothing."""
    steps: list[str] = []

    def run(python: str, module: str, task: dict[str, Any]) -> dict[str, float]:
        steps.append(str(task.get("step", task.get("job"))))
        if task.get("step") == "train":
            Path(task["folder"]).mkdir(parents=True)
        return {"train_cpu_s": 1.0} if task.get("step") == "train" else {"p50_us": float(len(steps))}

    monkeypatch.setattr(contest, "BENCH", tmp_path)
    monkeypatch.setattr(contest, "run", run)
    monkeypatch.setattr(contest, "_asked", lambda what: {})
    figures = contest.measure(Run(OURS, FULL, 0))
    assert steps == ["train", "judge", "serve", "serve", "serve"]
    assert (figures["train_cpu_s"], figures["p50_us"], figures["servings"]) == (1.0, 3.0, 3)
    steps.clear()
    contest.measure(Run(OURS, FULL, 0), quick=True)
    contest.measure(Run(OURS, "reasons", 0))
    assert steps == ["judge", "serve", "reasons"]


def test_every_anchor_has_a_module() -> None:
    """Its environment may be missing; the module that runs it may not."""
    for anchor in ANCHORS.values():
        assert importlib.util.find_spec(anchor.module)
