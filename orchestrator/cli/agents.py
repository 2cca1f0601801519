"""`pointsman agents`: list them, check their cards, begin a new one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import session
from orchestrator.cli.console import cell, note, print_json, shorten, show, table
from orchestrator.cli.options import AsJson, RouterFile, SettingsFile, examples

if TYPE_CHECKING:
    from orchestrator.plugins import BrokenPlugin, Plugin
    from orchestrator.policy import Policy

app = typer.Typer(
    help="List the installed agents, check their cards, begin a new one.",
    epilog=examples("pointsman agents list", "pointsman agents check", "pointsman agents new invoice-checker"),
    invoke_without_command=True,
)


@app.callback()
def _list_if_nothing_else(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_(settings_file=(context.default_map or {}).get("settings_file"))


@app.command("list", epilog=examples("pointsman agents list", "pointsman agents list --json"))
def list_(*, settings_file: SettingsFile = None, as_json: AsJson = False) -> None:
    """List the installed agents, and the plugins that gave none."""
    from orchestrator.router_of_run import name_model

    settings = session.open_settings(settings_file)
    found, model = session.find_agents(settings), name_model(settings)
    if as_json:
        agents = [_agent(plugin, settings.policy) for plugin in found.loaded]
        faults = [_fault(one) for one in found.broken]
        print_json({"agents": agents, "broken": faults, "router": model})
        return
    if found.loaded:
        columns = ("agent", "version", "distribution", ">examples", "what it does")
        show(table(columns, map(_row, found.loaded)))
    else:
        note("no agent is installed; begin one with `pointsman agents new NAME`")
    note(f"router: {model}")
    for broken in found.broken:
        show(cell(f"broken: {broken.entry_point} of {broken.distribution} {broken.version}: {broken.problem}", "red"))


@app.command(epilog=examples("pointsman agents check", "pointsman agents check --router router.npz --json"))
def check(
    *,
    router: RouterFile = None,
    settings_file: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Check every card: thin, double or misleading examples, overlaps; exit with 1 on errors."""
    from orchestrator.cli.card_checks import check_cards

    settings = session.open_settings(settings_file, router)
    plugins = session.find_agents(settings)
    agents = [plugin.agent for plugin in plugins.loaded]
    findings = check_cards(plugins, session.open_router(None, settings, agents))
    ok = not any(finding.level == "error" for finding in findings)
    if as_json:
        print_json({"ok": ok, "agents": len(agents), "findings": [finding.to_json() for finding in findings]})
    else:
        for finding in findings:
            style = "red" if finding.level == "error" else "yellow"
            show(cell(finding.level, style).append(" ").append_text(cell(f"{finding.agent}: {finding.problem}")))
        show(cell(f"{len(agents)} agents checked, {len(findings)} findings", "green" if ok else "red"))
    raise typer.Exit(0 if ok else 1)


@app.command(epilog=examples("pointsman agents new invoice-checker", "pip install ./invoice-checker"))
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the agent, kebab-case.")],
    *,
    folder: Annotated[
        Path, typer.Option("--dir", metavar="DIR", help="Where the package goes, in a folder of its own.")
    ] = Path(),
) -> None:
    """Write a plugin package that is ready to install: an agent, its card, a test."""
    from orchestrator.cli.plugin_template import write_plugin

    package = write_plugin(name, folder)
    show(cell(f"wrote {package}", "green"))
    request = f"{name.replace('-', ' ')}, please"
    for step in (f"pip install ./{package}", "pointsman agents list", f'pointsman route "{request}"'):
        show(cell("").append("  ").append_text(cell(step, "cyan")))


def _row(plugin: Plugin) -> list[object]:
    card = plugin.agent.card
    origin = f"{plugin.distribution} {plugin.version}"
    return [cell(card.name, "cyan"), card.version, origin, len(card.examples), shorten(card.summary, 300)]


def _agent(plugin: Plugin, settings: Policy) -> dict[str, Any]:
    card = plugin.agent.card
    origin = {"distribution": plugin.distribution, "distribution_version": plugin.version}
    about = {"version": card.version, "summary": card.summary, "examples": len(card.examples), "digest": card.digest}
    policy = settings.overridden_by(card.policy).model_dump(mode="json")
    return {"name": card.name, **about, "policy": policy, "entry_point": plugin.entry_point, **origin}


def _fault(broken: BrokenPlugin) -> dict[str, str]:
    return {
        "entry_point": broken.entry_point,
        "distribution": broken.distribution,
        "distribution_version": broken.version,
        "problem": broken.problem,
    }
