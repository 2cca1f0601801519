"""The pytest plugin: scenario files are tests, their tags are marks, their faults are reports; fixtures for agents."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from orchestrator.plugins import discover
from scenarios import pytest_items, run_scenario
from scenarios.fixtures import OrchestratorFactory
from scenarios.loader import load_scenarios
from scenarios.pytest_items import ScenarioFile
from scenarios.pytest_plugin import SUFFIX
from scenarios.series import Series
from tests.scenarios.texts import CLERK, OUTLINE

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", autouse=True)
def loaded(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Import what a session imports: pytester forgets what was loaded in a run of its own, NumPy and PyYAML as well."""
    path = tmp_path_factory.mktemp("loaded") / f"clerk{SUFFIX}"
    path.write_text(CLERK, encoding="utf-8")
    assert run_scenario(load_scenarios(path)[0], agents=[plugin.agent for plugin in discover().loaded]).rows
    assert {ScenarioFile.__module__, OrchestratorFactory.__module__} <= set(sys.modules)


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Return a project of somebody who has installed us and no other plugin, with two scenario files."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p scenarios.pytest_plugin --strict-markers")
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT"):
        monkeypatch.delenv(name, raising=False)
    uat = pytester.mkdir("uat")
    (uat / f"clerk{SUFFIX}").write_text(CLERK, encoding="utf-8")
    (uat / f"outline{SUFFIX}").write_text(OUTLINE, encoding="utf-8")
    return pytester


def test_each_row_of_the_examples_is_an_item_with_its_title(project: pytest.Pytester) -> None:
    """A file without examples is one item, an outline one for each row; `::` in a title does not break node ids."""
    done = project.runpytest_inprocess("--collect-only", "-q")
    assert done.outlines[:4] == [
        f"uat/clerk{SUFFIX}::A form is stamped",
        f"uat/outline{SUFFIX}::A form: stamped by ann [1]",
        f"uat/outline{SUFFIX}::A form: stamped by bob [2]",
        f"uat/outline{SUFFIX}::A form: stamped by bob [3]",
    ]


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (["-m", "smoke"], 2),
        (["-m", "smoke and not slow"], 1),
        (["-m", "card-payments"], 1),
        (["-k", "ann"], 1),
        (["-k", "outline and not ann"], 2),
        (["-k", "timeout"], 1),
        ([f"uat/outline{SUFFIX}::A form: stamped by bob [3]"], 1),
    ],
    ids=str,
)
def test_tags_and_titles_select(project: pytest.Pytester, options: list[str], count: int) -> None:
    """`-m` selects by tags, registered under --strict-markers, `-k` by words of the title; a node id selects one.

    A tag by the name of a mark that takes arguments is no mark: it would break the plugin that reads them.
    """
    project.runpytest_inprocess(*options).assert_outcomes(
        passed=count, deselected=0 if "::" in options[0] else 4 - count
    )


def test_failure_shows_the_report_of_the_scenario(project: pytest.Pytester) -> None:
    """What was expected and what happened instead, no traceback; JUnit says the same, and how long it took."""
    path = project.path / "uat" / f"clerk{SUFFIX}"
    path.write_text(CLERK.replace("equals: true", "equals: false"), encoding="utf-8")
    done = project.runpytest_inprocess("uat/" + path.name, "--junitxml=report.xml")
    done.assert_outcomes(failed=1)
    expected = (f"*{SUFFIX}: expected result *task=?a?* equals=false; what happened: it is true",)
    done.stdout.fnmatch_lines(["FAILED  A form is stamped (2 expectations, 1 s of virtual time)", *expected])
    done.stdout.no_fnmatch_line("*Traceback*")
    done.stdout.no_fnmatch_line("*runtest*")
    case = next(ET.fromstring((project.path / "report.xml").read_text()).iter("testcase"))  # noqa: S314 - our own
    assert case.get("name") == "A form is stamped"
    assert "what happened: it is true" in (case[-1].text or "")
    assert {one.get("name"): one.get("value") for one in case.iter("property")} == {"seed": "7", "virtual_s": "1.0"}


def test_last_failed_plays_what_failed(project: pytest.Pytester) -> None:
    """`--lf` plays the one row that failed before."""
    path = project.path / "uat" / f"outline{SUFFIX}"
    text = OUTLINE.replace("{who: ann}", "{who: ann, by: bob}").replace("who: bob", "who: bob, by: bob")
    path.write_text(text.replace("to: <who>", "to: <by>"), encoding="utf-8")
    project.runpytest_inprocess().assert_outcomes(passed=3, failed=1)
    project.runpytest_inprocess("--lf").assert_outcomes(failed=1)


def test_broken_file_is_a_collection_error_with_its_place(project: pytest.Pytester) -> None:
    """File, line, column and a suggestion; no traceback; the others are not played, as with a broken test module."""
    path = project.path / "uat" / f"clerk{SUFFIX}"
    path.write_text(CLERK.replace("type: result", "type: reslt"), encoding="utf-8")
    done = project.runpytest_inprocess()
    done.assert_outcomes(errors=1)
    line = CLERK[: CLERK.index("type: result")].count("\n") + 1
    done.stdout.fnmatch_lines([f"*clerk{SUFFIX}:{line}:12: unknown type 'reslt'; did you mean 'result'?*"])
    done.stdout.no_fnmatch_line("*Traceback*")


def test_what_passed_often_enough_and_not_always_is_no_plain_pass(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A warning says so, and how often it passed."""

    def flaky(*args: Any, **others: Any) -> Any:
        return replace(run_scenario(*args, **others), series=Series(passed=3, total=5, required=3))

    monkeypatch.setattr(pytest_items, "run_scenario", flaky)
    done = project.runpytest_inprocess(f"uat/clerk{SUFFIX}", "-W", "always")
    done.assert_outcomes(passed=1)
    done.stdout.fnmatch_lines(["*FlakyWarning: A form is stamped: flaky: 3 of 5 runs passed*"])


def test_a_project_adds_its_own_agents_by_a_hook(project: pytest.Pytester) -> None:
    """A scenario may name an agent that no installed package offers; the hook is asked once for a session."""
    project.makeconftest(
        """
        from orchestrator.testing import ScriptedAgent

        def pytest_pointsman_agents(config):
            return [ScriptedAgent("auditor", [{"stamped": True}], takes_s=1)]
        """
    )
    path = project.path / "uat" / f"clerk{SUFFIX}"
    head, rest = CLERK[: CLERK.index("  scripted")], CLERK[CLERK.index("when:") :]
    path.write_text(f"{head}  agents: [auditor]\n{rest}".replace("agent: clerk", "agent: auditor"), encoding="utf-8")
    project.runpytest_inprocess(f"uat/{path.name}").assert_outcomes(passed=1)


def test_fixtures_test_an_agent_in_virtual_time(project: pytest.Pytester) -> None:
    """`orchestrator`, `virtual_clock` and `capture_journal` together: judged by its journal."""
    project.makepyfile(
        """
        from orchestrator.testing import ScriptedAgent, in_virtual_time

        def test_by_hand(orchestrator, virtual_clock, capture_journal):
            async def main():
                async with orchestrator(ScriptedAgent("clerk", ["done"], takes_s=50)) as run:
                    begun = virtual_clock.now()
                    result = await (await run.submit("ask the clerk", id="a", agent="clerk")).result()
                    return result.output, virtual_clock.now() - begun
            assert virtual_clock.run(main()) == ("done", 50)
            assert capture_journal.history.tasks["a"].fate == "completed at clerk after 1 attempts"
            assert [row.correlation_id for row in capture_journal.of("task.started")] == ["a"]
            assert capture_journal.decisions["a"]["policy"] == "pinned"
            assert capture_journal.export().count(b"\\n") == len(capture_journal.rows)

        @in_virtual_time
        async def test_two_runs(orchestrator, capture_journal):
            for _ in range(2):
                async with orchestrator(ScriptedAgent("clerk")) as run:
                    await run.submit("ask the clerk", agent="clerk")
            assert [journal.run for journal in capture_journal.journals] == ["test-1", "test-2"]
        """
    )
    project.runpytest_inprocess("test_fixtures_test_an_agent_in_virtual_time.py").assert_outcomes(passed=2)


def test_what_a_redacted_scenario_shows_has_no_secrets(project: pytest.Pytester) -> None:
    """Name, report, what was printed and logged meanwhile, on the console and in the JUnit XML."""
    project.makeconftest(
        """
        import logging
        from orchestrator import agent

        @agent("auditor", summary="Audits.", examples=["audit"])
        async def auditor(request):
            print("printed for ada@bank.example")
            logging.getLogger("auditor").warning("logged for %s", "bob@bank.example")
            return "eve@bank.example"

        def pytest_pointsman_agents(config):
            return [auditor]
        """
    )
    text = """\
scenario: for zoe@bank.example
redact: PROFILE
given: {agents: auditor}
when: [{submit: {id: a, request: audit, agent: auditor}}]
then: [{type: result, task: a, equals: done}]
"""
    path = project.path / "uat" / f"clerk{SUFFIX}"
    for profile, shown in (("default", 0), ("none", 4)):
        path.write_text(text.replace("PROFILE", profile), encoding="utf-8")
        options = ("-rA", "--junitxml=report.xml", "-o", "junit_logging=all")
        done = project.runpytest_inprocess(f"uat/{path.name}", *options)
        done.assert_outcomes(failed=1)
        for said in (str(done.stdout), (project.path / "report.xml").read_text()):
            names = [name for name in ("ada", "bob", "eve", "zoe") if f"{name}@bank.example" in said]
            assert (len(names), "[email:" in said) == (shown, not shown)


def test_items_are_shared_out_by_xdist(project: pytest.Pytester) -> None:
    """With `-n` each worker collects the same items, and plays its share."""
    done = project.runpytest_inprocess("-p", "xdist", "-n", "1")
    done.assert_outcomes(passed=4)


def test_no_scenario_file_costs_nothing() -> None:
    """Loading the plugin imports neither NumPy nor the engine, and is what the entry point names."""
    heavy = ["numpy", "pydantic", "orchestrator", "router", "torch"]
    program = f"import sys, scenarios.pytest_plugin; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "[]\n"
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]
    assert stated["pytest11"] == {"pointsman": "scenarios.pytest_plugin"}
