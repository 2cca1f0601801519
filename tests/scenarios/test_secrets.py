"""Secrets: found by the rules that redaction takes them out with, wherever a run leaves something."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from orchestrator.agent import agent
from orchestrator.errors import DocumentError
from orchestrator.messages import Task
from orchestrator.redaction.patterns import BUILT_IN
from router import KeywordRouter
from scenarios.logbook import Logbook
from scenarios.runner import ScenarioResult, run_scenario
from scenarios.scenario import Scenario
from scenarios.secrets import KINDS, SecretFinder
from tests.scenarios.texts import CLERK

#: From Python 3.13 on a traceback marks the whole call as well.
_LINE_OF_ERROR = 7 if sys.version_info >= (3, 13) else 6

SECRETS = {
    "card": ["4111 1111 1111 1111", "378282246310005"],
    "iban": ["DE89 3704 0044 0532 0130 00", "NO9386011117947"],
    "token": ["Bearer abcDEF123456"],
    "jwt": ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"],
    "key": ["ghp_0123456789abcdefABCD"],
    "email": ["ann.o'neil+x@mail.example.org"],
}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in SECRETS.items() for text in texts])
def test_a_secret_is_found_wherever_it_stands(kind: str, text: str) -> None:
    """In a sentence, deep in a value, in JSON within JSON; the pointer leads there."""
    find = SecretFinder().find
    assert ("", kind) in list(find(f"Refused: {text}, he said."))
    assert ("/a/1/b~1c", kind) in list(find({"a": [1, {"b/c": f"to {text}"}], "x": "none"}))
    assert ("/log", kind) in list(find({"log": orjson.dumps({"to": text}).decode()}))


def test_a_secret_by_its_name_is_known_where_nothing_names_it() -> None:
    """A password in one row is one in the next, too; what redaction has replaced already is none."""
    finder = SecretFinder()
    assert list(finder.find({"password": "correct-horse-battery"})) == [("/password", "secret")]
    assert list(finder.find("he typed correct-horse-battery")) == [("", "secret")]
    assert list(finder.find({"to": "[email:0123456789ab]"})) == []


def test_what_is_allowed_is_none() -> None:
    """Nor is what only looks like one."""
    assert list(SecretFinder(["bot@example.org"]).find(["bot@example.org", 1, None])) == []
    assert (
        list(SecretFinder().find({"at": 1767603600.5, "score": 0.4111111111111111, "card": "4111 1111 1111 1112"}))
        == []
    )
    assert list(SecretFinder().find({"paid": 4111111111111111})) == [("/paid", "card")]


def test_the_kinds_are_the_rules_of_redaction() -> None:
    """Those that look at texts, and those that go by names."""
    assert set(KINDS) == {rule.name for rule in BUILT_IN} | {"secret", "cookie", "header"}


@pytest.mark.parametrize(
    ("leak", "where"),
    [
        ("output", "there is email in row 7 of the journal (task.completed of a) at /output"),
        ("log", "there is email in line 2 of the log"),
        ("traceback", f"there is email in line {_LINE_OF_ERROR} of the log"),
        ("nowhere", "there is none"),
    ],
)
def test_no_secret_in_anything_that_a_run_leaves(leak: str, where: str, load: Callable[[str], list[Scenario]]) -> None:
    """What an agent returns, logs, and what is in the traceback of an error that it logs."""

    @agent("clerk", summary="Stamps forms.", examples=["Stamp the form"])
    async def careless(task: Task) -> str:
        logger, address = logging.getLogger("clerk"), "@".join(("ann", "example.org"))
        if leak == "log":
            logger.warning("refused for %s", address)
        if leak == "traceback":
            try:
                int(address)
            except ValueError:
                logger.exception("refused")
        return address if leak == "output" else "done"

    given = CLERK[: CLERK.index("  scripted")] + "  agents: clerk\n"
    text = given + CLERK[CLERK.index("when:") : CLERK.index("  - {type: c")]
    (scenario,) = load(text + "  - {type: no-secrets}\n")
    result: ScenarioResult = run_scenario(scenario, agents=[careless], router=KeywordRouter)
    assert result.outcomes[0].happened == where
    assert result.verdict == ("passed" if leak == "nowhere" else "failed")
    assert not [one for one in logging.getLogger().handlers if isinstance(one, Logbook)]


def test_no_secret_by_the_rules_of_a_profile(load: Callable[[str], list[Scenario]], tmp_path: Path) -> None:
    """The expectation's own, or the scenario's; what is left behind counts, and what the scenario redacts is not."""
    (tmp_path / "own.yaml").write_text("patterns: [{name: customer, pattern: 'KD-[0-9]{4}'}]\n", encoding="utf-8")
    text = CLERK.replace("stamped: true}", "stamped: [KD-1111, ann@example.org]}")
    text = text[: text.index("  - {type: completed")] + "  - {type: no-secrets}\n"
    own = text.replace("no-secrets}", "no-secrets, profile: own.yaml}")

    def happened(scenario: str) -> str:
        (one,) = load(scenario)
        return run_scenario(one, agents=[], router=KeywordRouter).outcomes[0].happened

    assert happened(text) == "there is email in row 7 of the journal (task.completed of a) at /output/stamped/1"
    assert "customer in row 7 of the journal (task.completed of a) at /output/stamped/0" in happened(own)
    assert happened(f"redact: default\n{text}") == happened(f"redact: own.yaml\n{own}") == "there is none"
    assert happened(f"redact: default\n{own}").endswith("/output/stamped/0")
    assert happened(f"redact: own.yaml\n{text}") == "there is none"


@pytest.mark.parametrize("where", ["redact: no.yaml\n", "  - {type: no-secrets, profile: no.yaml}\n"])
def test_a_profile_that_is_not_there_is_refused(where: str, load: Callable[[str], list[Scenario]]) -> None:
    """Where the scenario names it; a broken one where it is broken."""
    text = where + CLERK if where.startswith("redact") else CLERK + where
    with pytest.raises(DocumentError, match=r"\.scenario\.yaml:\d+:\d+: no file 'no\.yaml' beside the scenario"):
        load(text)
