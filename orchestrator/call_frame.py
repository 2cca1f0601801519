"""The call frame: what the process of an isolated handler is told of a call."""

from __future__ import annotations

from typing import Final

from orchestrator.clock import VirtualClock
from orchestrator.confinement import is_confined
from orchestrator.context import TaskContext
from orchestrator.frames import pack
from orchestrator.messages import Task
from orchestrator.offline import is_offline
from orchestrator.outside import WORLD
from orchestrator.policy import Policy

_MB: Final = 1_000_000


def frame_of(task: Task, context: TaskContext, policy: Policy) -> bytes:
    """Return the frame that begins a call."""
    clock = context.clock
    call = {
        "task": task.to_json(),
        "attempt": context.attempt,
        "results": {name: list(result) for name, result in context.results.items()},
        "workspace": str(context.workspace.absolute()),
        "now": clock.now() if isinstance(clock, VirtualClock) else None,
        "timeout_s": policy.timeout_s,
        "cpu_s": policy.cpu_s,
        "max_output": int(policy.max_output_mb * _MB),
        "outside": context.outside is not WORLD,
        "offline": is_offline(),
        "confined": is_confined(),
        "seed": context.seed,
    }
    return pack(call)
