import os
import subprocess
import sys
from dataclasses import replace

import pytest

from orchestrator.journal import process
from orchestrator.journal.process import Process, this_process


def test_this_process_is_not_gone_and_survives_being_written_down() -> None:
    """What stands in the journal names the same process again."""
    here = this_process(15.0)
    assert here.pid == os.getpid()
    assert Process.from_text(here.to_text()) == here
    assert not here.is_known_to_be_gone()


def test_a_process_that_has_ended_is_known_to_be_gone() -> None:
    """Before it is waited for, when it is a zombie, and after."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        other = replace(this_process(15.0), pid=child.pid, started="")
        assert not other.is_known_to_be_gone()
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert other.is_known_to_be_gone()
    assert other.is_known_to_be_gone()


def test_a_number_given_out_again_is_another_process() -> None:
    """The time of start tells two processes with one number apart."""
    here = this_process(15.0)
    assert replace(here, started=here.started + "0").is_known_to_be_gone() or not here.started


@pytest.mark.parametrize("boot", ["", "another machine"])
def test_of_another_machine_nothing_is_known(boot: str) -> None:
    """A process number means nothing beyond its machine, its boot, its container."""
    assert not replace(this_process(15.0), boot=boot, pid=2**22 + 1).is_known_to_be_gone()


def test_without_proc_a_process_is_asked_by_a_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no /proc, one that does not answer is gone, and one that may not be asked is there."""
    monkeypatch.setattr(process, "_look_up", lambda pid: ("?", ""))
    here = this_process(15.0)
    assert not here.is_known_to_be_gone()
    assert replace(here, pid=2**22 + 1).is_known_to_be_gone()

    def refuse(pid: int, signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert not here.is_known_to_be_gone()


def test_without_boot_ids_the_name_of_the_machine_stands_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere than on Linux."""

    def missing(path: str) -> str:
        raise FileNotFoundError(path)

    monkeypatch.setattr(os, "readlink", missing)
    assert this_process(15.0).boot == this_process(15.0).host


@pytest.mark.parametrize("text", ["", "nonsense", "[]", "{}", '{"host": "h", "boot": "b", "pid": "x"}'])
def test_a_text_that_names_no_process_tells_nothing(text: str) -> None:
    """It counts as one that may be alive: the lease decides."""
    assert not Process.from_text(text).is_known_to_be_gone()
