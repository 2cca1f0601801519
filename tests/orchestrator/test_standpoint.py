import threading

from orchestrator.standpoint import Standpoint, standpoint_of


def test_a_thread_is_where_its_innermost_call_is() -> None:
    """File, line and function; and the calls that led there, the outermost first."""
    waiting, go = threading.Event(), threading.Event()

    def wait() -> None:
        waiting.set()
        go.wait()

    thread = threading.Thread(target=wait)
    thread.start()
    waiting.wait()
    found = standpoint_of(thread.ident or 0)
    go.set()
    thread.join()
    names = [call.split(" ")[1].rpartition(".")[2] for call in found.calls]
    assert "wait" in names
    assert len(found.calls) <= 8
    assert found.to_json() == {"where": found.where, "calls": list(found.calls)}


def test_a_thread_that_has_ended_is_nowhere() -> None:
    """It is no error: it may end at any moment."""
    thread = threading.Thread(target=str)
    thread.start()
    thread.join()
    assert standpoint_of(thread.ident or 0) == Standpoint("nowhere: the thread has ended")
    assert standpoint_of(thread.ident or 0).to_json() == {"where": "nowhere: the thread has ended"}
