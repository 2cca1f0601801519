"""Collector: which scenarios are found and kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.collector import collect

TEXT = """\
scenario: NAME <n>
tags: [uat]
given: {scripted: [{agent: clerk, summary: s, examples: [e]}]}
when: [{submit: {id: a, request: r}}]
then: [{type: completed, task: a, attempts: <n>}]
examples:
  - {n: 1, tags: [slow]}
  - {n: 2}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder with two outlines, a broken file and a bystander."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "b.scenario.yaml").write_text(TEXT.replace("NAME", "Second"))
    (tmp_path / "deep" / "a.scenario.yaml").write_text(TEXT.replace("NAME", "Deep"))
    (tmp_path / "x.scenario.yaml").write_text("scenario: broken")
    (tmp_path / "notes.yaml").write_text("nothing: here")
    return tmp_path


def titles(*paths: Path, **asked: object) -> list[str]:
    """Return the titles of what is collected."""
    return [scenario.title for scenario in collect(paths, **asked).scenarios]  # type: ignore[arg-type]


def test_folder_stands_for_all_its_scenario_files(folder: Path) -> None:
    """Files come in the order of their paths, rows in the order of the file, broken files as errors."""
    collection = collect([folder])
    assert [scenario.title for scenario in collection.scenarios] == [
        "Second 1 [1]",
        "Second 2 [2]",
        "Deep 1 [1]",
        "Deep 2 [2]",
    ]
    assert [Path(error.path).name for error in collection.broken] == ["x.scenario.yaml"]
    assert collection.deselected == 0


def test_file_named_twice_is_loaded_once(folder: Path) -> None:
    """A file that is named and also lies in a named folder counts once."""
    assert len(titles(folder / "b.scenario.yaml", folder)) == 4


def test_named_file_may_have_any_name(folder: Path) -> None:
    """A file that is named is loaded, or refused, whatever its name."""
    assert collect([str(folder / "notes.yaml")]).broken[0].line == 1
    assert "no such file" in str(collect([folder / "c.scenario.yaml"]).broken[0])


def test_tags_and_name_choose(folder: Path) -> None:
    """All tags must hold, `not` asks for absence, the name is a part of the title in any case."""
    assert titles(folder, tags=["slow"]) == ["Second 1 [1]", "Deep 1 [1]"]
    assert titles(folder, tags=["uat", "not slow"]) == ["Second 2 [2]", "Deep 2 [2]"]
    assert titles(folder, name="deep") == ["Deep 1 [1]", "Deep 2 [2]"]
    assert collect([folder], tags=["none"]).deselected == 4
    assert len(collect([folder], tags=["none"]).broken) == 1
