"""The extra packages: the one place that imports httpx and h11, and says how to get them."""

from __future__ import annotations

from orchestrator.http_errors import ExtraMissingError

try:
    import h11
    import httpx
except ModuleNotFoundError as error:
    raise ExtraMissingError("the HTTP client", "http") from error

__all__ = ["h11", "httpx"]
