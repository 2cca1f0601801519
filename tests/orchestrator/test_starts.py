import threading
from concurrent.futures import ThreadPoolExecutor

from orchestrator.starts import Starts


def test_no_more_start_at_once_than_have_a_turn() -> None:
    """The others wait, and each gets its turn."""
    starts, running, most, lock = Starts(2, patience_s=60), 0, 0, threading.Lock()

    def start(_: int) -> None:
        nonlocal running, most
        with starts.turn():
            with lock:
                running += 1
                most = max(most, running)
            threading.Event().wait(0.001)
            with lock:
                running -= 1

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(start, range(16)))
    assert most <= 2


def test_who_waited_long_enough_starts_without_a_turn() -> None:
    """One that hangs holds nobody up for ever; and it gives nobody's turn back."""
    starts = Starts(1, patience_s=0.0)
    with starts.turn(), starts.turn():
        pass
    with starts.turn():
        assert not starts._turns.acquire(blocking=False)
    assert starts._turns.acquire(blocking=False)
    assert not starts._turns.acquire(blocking=False)


def test_half_of_the_processors_may_start_something() -> None:
    """At least one."""
    assert Starts()._turns.acquire(blocking=False)
