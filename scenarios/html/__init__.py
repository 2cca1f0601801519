"""The report: runs as one page that opens from a disk, made of journals alone."""

from scenarios.html.page import make_report
from scenarios.html.story import Story, tell

__all__ = ["Story", "make_report", "tell"]
