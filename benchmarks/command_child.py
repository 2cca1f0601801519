"""The command in a process of its own, which says what it took: for benchmarks of commands."""

from __future__ import annotations

from typing import Final

#: `pointsman`, which then says what it took: the peak of a process counts from the program that it became, where the
#: system tells that (Linux); what it was forked from would count else.
CHILD: Final = """
import pathlib, resource, sys, time
from orchestrator.cli import main
code = main(sys.argv[1:])
try:
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
except OSError:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "darwin" else 1)
print(time.process_time(), peak / 1024, file=sys.stderr)
sys.exit(code)
"""
