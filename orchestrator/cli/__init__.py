"""The command line: `pointsman`, one file per command."""

from orchestrator.cli.entry import main

__all__ = ["main"]
