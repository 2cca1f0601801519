"""Environments: each peer in one of its own, with a pinned version, under `.bench/`."""

from __future__ import annotations

import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BENCH: Final = Path(".bench")


@dataclass(frozen=True, slots=True)
class Peer:
    """A distribution, its version, the module here that runs it, and what else must be installed beside it."""

    distribution: str
    version: str
    module: str
    beside: tuple[str, ...] = ()


PEERS: Final = (
    Peer("autogen-core", "0.7.5", "benchmarks.peers.autogen_core"),
    Peer("agent-framework-core", "1.23.0", "benchmarks.peers.agent_framework_core"),
    Peer("langgraph", "1.2.22", "benchmarks.peers.langgraph"),
    Peer("llama-index-workflows", "2.26.1", "benchmarks.peers.llama_index_workflows"),
)


def prepare(peer: Peer) -> Path:
    """Return the Python of the peer's environment, made and filled if it is not there yet.

    Raises:
        RuntimeError: if the pinned version cannot be installed; with the last line of what pip said.
    """
    folder = BENCH / peer.distribution
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not _installed(python, peer):
        venv.create(folder, with_pip=True)
        wanted = f"{peer.distribution}=={peer.version}"
        done = subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wanted, *peer.beside],
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        if done.returncode or not _installed(python, peer):
            raise RuntimeError(f"{wanted} cannot be installed: {_last_line(done.stderr)}")
    return python.absolute()


def _installed(python: Path, peer: Peer) -> bool:
    if not python.exists():
        return False
    code = f"import importlib.metadata as m; print(m.version({peer.distribution!r}))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.strip() == peer.version


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.startswith("ERROR")] or ["pip said nothing"]
    return lines[-1]
