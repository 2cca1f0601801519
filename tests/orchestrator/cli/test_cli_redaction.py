"""`pointsman record --redact`, and `scan`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator import TaskContext, agent

Cli = Callable[..., tuple[int, str, str]]
Install = Callable[..., None]

MAIL = "ada@bank.example"
PLAN = f"""\
plan: write
tasks:
  write: {{request: write to {MAIL}, agent: writer}}
"""


@pytest.fixture
def writer(install: Install) -> None:
    """Install an agent that reads an address, and write its plan."""

    @agent("writer", summary="Writes.", examples=["write to somebody"])
    async def writes(request: str, context: TaskContext) -> dict[str, Any]:
        return {"request": request, "said": await context.read("desk", lambda: f"for {MAIL}")}

    install(writes)
    Path("write.plan.yaml").write_text(PLAN, encoding="utf-8")


@pytest.mark.usefixtures("writer")
def test_what_is_recorded_is_redacted_unless_that_is_switched_off(cli: Cli) -> None:
    """`scan` finds nothing in the journal and its cassettes, or the address, and never shows it."""
    code, out, err = cli("record", "write.plan.yaml")
    assert (code, MAIL in out + err) == (0, False)
    assert "taken out: 1 email at " in out
    assert cli("replay")[0] == 0
    code, out, _ = cli("scan", ".pointsman")
    assert (code, "no secret was found" in out) == (0, True)
    recorded = json.loads(cli("record", "write.plan.yaml", "--redact", "none", "--json")[1])
    assert recorded["redacted"] == {}
    assert cli("replay", recorded["run"])[0] == 0
    code, out, _ = cli("scan", ".pointsman", "--json")
    found = json.loads(out)["found"]
    assert (code, {find["rule"] for find in found}, MAIL in out) == (1, {"email"}, False)
    assert {Path(find["path"]).suffix for find in found} >= {".jsonl", ".db"}


@pytest.mark.usefixtures("writer")
def test_the_settings_name_a_profile_too(cli: Cli) -> None:
    """A file of one's own, for recordings and for `scan`."""
    Path("bank.yaml").write_text("extends: none\npatterns: [{name: contact, pattern: 'ada@bank'}]\n", encoding="utf-8")
    Path("pointsman.yaml").write_text("redact: bank.yaml\n", encoding="utf-8")
    recorded = json.loads(cli("record", "write.plan.yaml", "--json")[1])
    assert set(recorded["redacted"]) == {"contact"}
    assert cli("replay")[0] == 0
    assert cli("scan", ".pointsman")[0] == 0
    assert cli("scan", ".pointsman", "--profile", "default")[0] == 0
    assert cli("scan", "write.plan.yaml")[0] == 1


def test_what_is_not_there_cannot_be_scanned(cli: Cli) -> None:
    """A misspelt path is no clean one."""
    code, _, err = cli("scan", "nothing.db")
    assert (code, "nothing.db" in err) == (2, True)
