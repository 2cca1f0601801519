import asyncio
import threading
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.alarm import Alarm
from orchestrator.pulse import Blocked, Pulse, Silence


@dataclass
class Ear:
    """Hears a pulse, and lets a blocked loop go on once it has heard."""

    heard: list[Blocked] = field(default_factory=list)
    over: list[Blocked] = field(default_factory=list)
    noticed: threading.Event = field(default_factory=threading.Event)
    turns: asyncio.Event = field(default_factory=asyncio.Event)

    def who(self, running: asyncio.Task[Any] | None) -> dict[str, Any]:
        return {"running": running}

    def blocked(self, found: Blocked) -> None:
        self.heard.append(found)
        self.noticed.set()

    def turning(self, found: Blocked) -> None:
        self.over.append(found)
        self.turns.set()


def block_until(noticed: threading.Event) -> None:
    assert noticed.wait(60)


async def test_a_blocked_loop_is_noticed_while_it_is_blocked() -> None:
    """Who holds it, since when, and where in the code; once; and once more when it turns again."""
    ear = Ear()
    pulse = Pulse(0.02, ear, Alarm())
    pulse.start()
    block_until(ear.noticed)
    await ear.turns.wait()
    pulse.stop()
    [found], [over] = ear.heard, ear.over
    assert found.holder == over.holder == {"running": asyncio.current_task()}
    assert found.seconds >= 0.02
    assert over.seconds >= found.seconds
    assert over.standpoint == found.standpoint
    assert any(call.startswith(f"{__file__}:") and call.endswith(" block_until") for call in found.standpoint.calls)


async def test_one_that_is_blocked_again_is_noticed_again() -> None:
    """Each time counts from where the loop last turned."""
    ear = Ear()
    pulse = Pulse(0.02, ear, Alarm())
    pulse.start()
    for _ in range(2):
        ear.noticed.clear()
        ear.turns.clear()
        block_until(ear.noticed)
        await ear.turns.wait()
    pulse.stop()
    assert len(ear.heard) == len(ear.over) == 2


async def test_a_pulse_leaves_no_thread() -> None:
    """Stopping waits for it; twice is once."""
    pulse = Pulse(3600.0, Ear(), Alarm())
    pulse.start()
    assert any(thread.name == "pulse" for thread in threading.enumerate())
    pulse.stop()
    pulse.stop()
    assert not any(thread.name == "pulse" for thread in threading.enumerate())


def test_a_pulse_ends_with_its_loop() -> None:
    """A loop that was closed without stopping it leaves no thread that asks it for ever."""
    pulse = Pulse(0.01, Ear(), Alarm())

    async def begin() -> None:
        pulse.start()

    asyncio.run(begin())
    assert pulse._thread is not None
    pulse._thread.join(60)
    assert not pulse._thread.is_alive()


class Times:
    def __init__(self) -> None:
        self.wall = self.worked = 0.0

    def pass_by(self, wall: float, worked: float = 0.0) -> None:
        self.wall += wall
        self.worked += worked

    def silence(self, every_s: float = 1.0) -> Silence:
        return Silence(every_s, lambda: self.wall, lambda: self.worked)


def test_a_process_that_was_stopped_blocks_no_loop() -> None:
    """The look after SIGSTOP or a sleep of the machine comes late, and nobody worked: two looks' time at most."""
    times = Times()
    silence = times.silence()
    times.pass_by(1.0)
    assert silence.look() == 1.0
    times.pass_by(3600.0)
    assert silence.look() == 3.0


def test_code_that_keeps_the_interpreters_lock_counts_by_the_cpu_it_took() -> None:
    """The thread cannot look meanwhile; the loop's own thread worked, so the time counts."""
    times = Times()
    silence = times.silence()
    times.pass_by(30.0, worked=29.0)
    assert silence.look() == 29.0
    silence.begin()
    assert silence.look() == 0.0


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 1)), max_size=20))
def test_silence_never_exceeds_the_time_that_passed(steps: list[tuple[float, float]]) -> None:
    """And never falls short of the CPU that the loop's thread used; both up to rounding."""
    times = Times()
    silence = times.silence()
    for wall, share in steps:
        times.pass_by(wall, wall * share)
        silence.look()
    assert times.worked - 1e-6 <= silence.seconds <= times.wall + 1e-6
