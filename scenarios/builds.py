"""Owns the question whether a build is running, which makes nothing that it is judged by."""

from __future__ import annotations

from collections.abc import Mapping


def is_build(environ: Mapping[str, str]) -> bool:
    """Return whether the variable CI says that a build is running."""
    return environ.get("CI", "").lower() not in ("", "0", "false", "no")
