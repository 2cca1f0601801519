"""Giving way: a process that we started leaves the processors to the run whenever the run wants them."""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from contextlib import suppress
from typing import Final

#: How much nicer it is than we are: about a tenth of our share where all processors are busy, so that it gets on.
_NICER: Final = 10
_NICEST: Final = 19
#: Nanoseconds that it would work at a stretch, the most there is. Since Linux 6.12 whoever wakes up and wants less goes
#: before it at once; the kernels since 6.6 let it finish its stretch first, however nice it is.
_STRETCH_NS: Final = 100_000_000
#: Number of the system call `sched_setattr`, which neither Python nor most C libraries offer by name.
_SET_ATTRIBUTES: Final = {"x86_64": 314, "aarch64": 274, "riscv64": 274, "ppc64le": 355, "s390x": 345}
#: `struct sched_attr`: size, policy, flags, nice, priority, runtime, deadline, period.
_ATTRIBUTES: Final = struct.Struct("=IIQiIQQQ")


def give_way(pid: int) -> None:
    """Let a process of ours give way; as far as the system has means for that, for the work goes on without."""
    nice = min(os.getpriority(os.PRIO_PROCESS, 0) + _NICER, _NICEST)
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, nice)
        number = _SET_ATTRIBUTES.get(platform.machine())
        if number is not None:
            attributes = _ATTRIBUTES.pack(_ATTRIBUTES.size, os.SCHED_OTHER, 0, nice, 0, _STRETCH_NS, 0, 0)
            ctypes.CDLL(None).syscall(ctypes.c_long(number), pid, attributes, 0)  # an older kernel ignores the stretch
