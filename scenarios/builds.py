"""Owns the question whether a build is running, which makes nothing that it is judged by."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.errors import PointsmanError


def is_build(environ: Mapping[str, str]) -> bool:
    """Return whether the variable CI says that a build is running."""
    return environ.get("CI", "").lower() not in ("", "0", "false", "no")


def refuse_in_build(environ: Mapping[str, str], why: str) -> None:
    """Refuse what a build does not do.

    Raises:
        PointsmanError: if a build is running; `why` ends its sentence.
    """
    if is_build(environ):
        raise PointsmanError(f"CI is set, and {why}")
