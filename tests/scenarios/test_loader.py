"""Loader: from a file to concrete scenarios."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.errors import DocumentError
from orchestrator.messages import Task
from orchestrator.policy import Policy
from scenarios.scenario import Scenario
from scenarios.then import Completed, Routed
from scenarios.when import Step

HEAD = """\
scenario: made for a test
given:
  scripted:
    - agent: clerk
      summary: Stamps forms.
      examples: [Stamp the form]
"""
TAIL = """\
when:
  - submit: {id: a, request: Stamp the form}
then:
  - {type: completed, task: a}
"""
Load = Callable[[str], list[Scenario]]


def test_scenario_is_read_whole(load: Load, tmp_path: Path) -> None:
    """Everything that a file may state arrives in the scenario."""
    (tmp_path / "files").mkdir()
    (tmp_path / "history").write_text("")
    (tmp_path / "p.plan.yaml").write_text("plan: p\ntasks: {x: {request: r}, y: {request: r, after: x}}\n")
    (scenario,) = load(
        """\
scenario: whole
description: everything
tags: uat
seed: 3
given:
  agents: all
  scripted: [{agent: clerk, summary: s, examples: e}]
  policy: {clerk: {timeout_s: 5}}
  workspace: files
  git: {history: history, into: repo}
  threshold: 0.4
  fallback: clerk
when:
  - plan: p.plan.yaml
  - wait_s: 2
  - tasks:
      b: {request: r, after: c, on_failure: skip}
      c: {request: r}
  - submit: {id: d, request: r, after: [x, b], payload: {of: {$result: x#/o}}}
then:
  - {type: completed, task: d}
  - {type: not-routed, task: x/1, to: whoever}
"""
    )
    assert (scenario.name, scenario.title, scenario.description) == ("whole", "whole", "everything")
    assert (scenario.tags, scenario.seed, scenario.row) == (("uat",), 3, 0)
    assert scenario.given.all_agents
    assert scenario.given.policy == {"clerk": Policy(timeout_s=5)}
    assert (scenario.given.threshold, scenario.given.fallback) == (0.4, "clerk")
    assert scenario.workspace == tmp_path / "files"
    assert scenario.history == tmp_path / "history"
    assert scenario.when == (
        Step((Task("x", "r"), Task("y", "r", after=("x",)))),
        Step(wait_s=2.0),
        Step((Task("b", "r", after=("c",), on_failure="skip"), Task("c", "r"))),
        Step((Task("d", "r", {"of": {"$result": "x#/o"}}, after=("x", "b")),)),
    )
    assert scenario.then == (
        Completed(type="completed", task="d"),
        Routed(type="not-routed", task="x/1", to="whoever"),
    )


def test_outline_gives_a_scenario_for_each_row(load: Load) -> None:
    """Placeholders take the cells, whole texts keep the cell's type, rows add their tags."""
    outline = """\
scenario: <word> needs <n> attempts
tags: [uat]
given:
  scripted: [{agent: clerk, summary: s, examples: [e]}]
when:
  - submit: {id: a, request: "do <word> and <n>", payload: {in: <cell>}}
then:
  - {type: completed, task: a, attempts: <n>}
examples:
  - {word: this, n: 1, cell: {a: [1]}}
  - {word: "<n>", n: 2, cell: text, tags: [slow, uat]}
  - {word: that, n: 3, cell: null, tags: odd}
"""
    scenarios = load(outline)
    assert [scenario.title for scenario in scenarios] == [
        "this needs 1 attempts [1]",
        "<n> needs 2 attempts [2]",
        "that needs 3 attempts [3]",
    ]
    assert [scenario.tags for scenario in scenarios] == [("uat",), ("uat", "slow"), ("uat", "odd")]
    tasks = [scenario.when[0].tasks[0] for scenario in scenarios]
    assert [task.request for task in tasks] == ["do this and 1", "do <n> and 2", "do that and 3"]
    assert [task.payload["in"] for task in tasks] == [{"a": [1]}, "text", None]
    assert [scenario.then for scenario in scenarios] == [
        (Completed(type="completed", task="a", attempts=n),) for n in (1, 2, 3)
    ]


def test_without_examples_angle_brackets_are_text(load: Load) -> None:
    """Only an outline has placeholders."""
    (scenario,) = load(HEAD + TAIL.replace("Stamp the form", "Explain <b>"))
    assert scenario.when[0].tasks[0].request == "Explain <b>"


BAD = {
    "agent of a task": (
        HEAD + TAIL.replace("Stamp the form}", "Stamp, agent: clark}"),
        r":8:\d+: agent 'clark' is not among the given ones; did you mean 'clerk'\? known: clerk",
    ),
    "agent of an inline task": (
        HEAD + "when:\n  - tasks: {a: {request: r, agent: clark}}\nthen: [{type: completed, task: a}]\n",
        r":8:\d+: agent 'clark' is not among the given ones",
    ),
    "agent's name": (
        HEAD + TAIL.replace("Stamp the form}", "Stamp, agent: The Clerk}"),
        r":8:\d+: 'The Clerk' is no agent's name; use kebab-case",
    ),
    "agent of the policy": (
        HEAD + "  policy: {clark: {timeout_s: 3}}\n" + TAIL,
        r":7:12: agent 'clark' is not among the given ones",
    ),
    "fallback": (HEAD + "  fallback: clark\n" + TAIL, r":7:13: agent 'clark' is not among the given ones"),
    "agent given twice": (
        HEAD + "    - {agent: clerk, summary: s, examples: [e]}\n" + TAIL,
        r":7:15: agent 'clerk' is given twice; choose another name",
    ),
    "empty example": (
        HEAD.replace("[Stamp the form]", "['  ']") + TAIL,
        r":6:17: 'examples': an example request is empty; write what a person would ask",
    ),
    "id of an added task": (
        HEAD + "      behaviour: {adds_tasks: [{id: no way, request: r}]}\n" + TAIL,
        r":7:37: task id 'no way': use letters, digits",
    ),
    "agent of an added task": (
        HEAD + "      behaviour: {adds_tasks: [{agent: clark, request: r}]}\n" + TAIL,
        r":7:40: agent 'clark' is not among the given ones",
    ),
    "task id": (HEAD + TAIL.replace("id: a", "id: a b"), r":8:18: task id 'a b': use letters"),
    "id in a later step": (
        HEAD + TAIL.replace("then:", "  - tasks: {a: {request: r}}\nthen:"),
        r":9:13: task id 'a' is used in an earlier step; choose another",
    ),
    "tasks of different steps": (
        HEAD + TAIL.replace("then:", "  - tasks: {b: {request: r, after: a}}\nthen:"),
        r":9:36: task 'b' waits for 'a', which does not exist",
    ),
    "workspace that is a file": (
        HEAD + "  workspace: made.scenario.yaml\n" + TAIL,
        r":7:14: no folder 'made.scenario.yaml' beside the scenario; correct the path",
    ),
    "workspace that is no path": (HEAD + '  workspace: "' + "x" * 5000 + '"\n' + TAIL, r":7:14: 'x+' is no path"),
    "row tags": (
        HEAD.replace("made", "<x>") + TAIL + "examples: [{x: 1, tags: [2]}]\n",
        r"'tags' holds something else than text \(examples, row 1\); write `tags: \[a, b\]`",
    ),
    "row that is no mapping": (
        HEAD + TAIL + "examples: [1]\n",
        r":11:12: a row is a mapping of cells; write `- \{column: cell\}`",
    ),
    "plan that is broken": (
        HEAD + "when: [{plan: p.plan.yaml}]\nthen: [{type: completed, task: a}]\n",
        r"p.plan.yaml:1:1: unknown key 'plans' \(and 1 more\); did you mean 'plan'\?",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_does_not_fit_is_refused_at_its_place(case: str, load: Load, tmp_path: Path) -> None:
    """Parts that do not fit each other are refused with line, column and remedy."""
    (tmp_path / "p.plan.yaml").write_text("plans: p\ntasks: {a: {request: r}}\n")
    text, error = BAD[case]
    with pytest.raises(DocumentError, match=error):
        load(text)


@pytest.mark.parametrize("text", ["5", "text", "[examples]", "examples: 3", "null"])
def test_what_is_no_scenario_at_all_is_refused(text: str, load: Load) -> None:
    """Any other document is refused, not stumbled over."""
    with pytest.raises(DocumentError):
        load(text)
