"""`pointsman schema`: the JSON Schema of scenario and plan files, for editors."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from orchestrator.cli.options import examples

EXAMPLES = examples("pointsman schema scenario > scenario.json", "pointsman schema plan")


def schema(
    kind: Annotated[Literal["scenario", "plan"], typer.Argument(metavar="KIND", help="scenario or plan.")],
    *,
    bare: Annotated[bool, typer.Option("--bare", help="Without the types of expectation that plugins bring.")] = False,
) -> None:
    """Print the JSON Schema (draft 2020-12) of a kind of file, with the types of expectation that plugins bring.

    An editor that knows YAML completes and checks a file whose first line names it:
    # yaml-language-server: $schema=scenario.json
    """
    from scenarios.json_schema import schema_of, to_text
    from scenarios.scenario import ScenarioEntry
    from scenarios.vocabulary import scenario_model

    made = schema_of(kind, ScenarioEntry if bare else scenario_model())
    typer.echo(to_text(made), nl=False)
