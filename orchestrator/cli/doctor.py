"""`pointsman doctor`: whether this installation and this folder are fit to run."""

from __future__ import annotations

from typing import Final

import typer

from orchestrator.cli.console import cell, print_json, show, table
from orchestrator.cli.options import AsJson, SettingsFile, examples

EXAMPLES = examples("pointsman doctor", "pointsman doctor --json")
_STYLES: Final = {"ok": "green", "warn": "yellow", "fail": "red"}


def doctor(*, settings_file: SettingsFile = None, as_json: AsJson = False) -> None:
    """Check Python, packages, disk, agents, router and settings; exit with 1 if something fails."""
    from orchestrator.cli.health import check_health

    checks = check_health(settings_file)
    ok = not any(check.status == "fail" for check in checks)
    if as_json:
        print_json({"ok": ok, "checks": [check.to_json() for check in checks]})
    else:
        rows = [(check.name, cell(check.status, _STYLES[check.status]), check.detail) for check in checks]
        show(table(("what", "", "detail"), rows))
    raise typer.Exit(0 if ok else 1)
