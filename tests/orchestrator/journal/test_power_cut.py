import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.errors import JournalError, JournalTamperedError
from orchestrator.journal import Durability
from tests.orchestrator.journal.disks import Writer, disk_library, mount, rows_of, unmount

__all__ = ["disk_library"]

Say = Callable[[str], None]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Print a figure for people."""

    def print_it(text: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"[{text}]")

    return print_it


def rows_left(path: Path) -> set[int]:
    """Return what is left, verified; nothing where not even the tables reached the disk."""
    try:
        return rows_of(path)
    except JournalTamperedError:
        raise
    except JournalError:
        return set()


def cut_synced(disk_library: str, folder: Path, durability: Durability, cuts: int) -> list[tuple[int, int]]:
    """Write on a disk that keeps nothing but what was synced; for each cut, rows acknowledged and missing after it.

    The worst disk that is allowed: of whatever was written since the last sync of a file, nothing is left.
    """
    shadow = folder / "shadow"
    shadow.mkdir()
    environment = {"LD_PRELOAD": disk_library, "DISK_SHADOW": str(shadow)}
    writer = Writer(folder / "j.db", durability=durability, checkpoint=40, environment=environment)
    writer.go()
    found = []
    try:
        for cut in range(cuts):
            writer.hear_some(50)
            acknowledged = writer.freeze()
            left = folder / f"cut {cut}"
            shutil.copytree(shadow, left)
            writer.thaw()
            found.append((len(acknowledged), len(acknowledged - rows_left(left / "j.db"))))
    finally:
        writer.kill()
    return found


def test_no_acknowledged_row_is_missing_on_a_disk_that_keeps_only_what_was_synced(
    tmp_path: Path, disk_library: str, say: Say
) -> None:
    """Cut again and again while rows are written and the log goes into the file: all are there, and verify."""
    found = cut_synced(disk_library, tmp_path, "power-cut-safe", 15)
    say(f"{len(found)} cuts, {found[-1][0]} rows acknowledged, {sum(missing for _, missing in found)} missing")
    assert [missing for _, missing in found] == [0] * 15
    assert found[-1][0] > 15 * 50


def test_the_durability_that_may_lose_rows_loses_some(tmp_path: Path, disk_library: str, say: Say) -> None:
    """So the cut is a real one, and its name says what it does: rows are missing, and what is left is sound."""
    found = cut_synced(disk_library, tmp_path, "os-crash-may-lose", 5)
    say(f"os-crash-may-lose: {max(missing for _, missing in found)} missing")
    assert any(missing for _, missing in found)


def cut_mounted(folder: Path, durability: Durability) -> tuple[set[int], set[int]]:
    """Write on a file system in an image, freeze the writer, copy the image, mount the copy; what is in either."""
    image, copy, disk, left = (folder / name for name in ("image", "copy", "disk", "left"))
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("NOT SHOWN: no mkfs.ext4 to make a file system with; install e2fsprogs to see it")
    with image.open("wb") as file:
        file.truncate(96_000_000)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    mount(disk, "-o", "loop", str(image))
    try:
        writer = Writer(disk / "folder" / "j.db", durability=durability)
        try:
            writer.go()
            writer.hear_some(2_000)
            acknowledged = writer.freeze()
            shutil.copy(image, copy)
        finally:
            writer.kill()
        mount(left, "-o", "loop", str(copy))
        try:
            return acknowledged, rows_left(left / "folder" / "j.db")
        finally:
            unmount(left)
    finally:
        unmount(disk)


def test_no_acknowledged_row_is_missing_on_a_file_system_whose_power_was_cut(tmp_path: Path, say: Say) -> None:
    """What had not reached the image is lost, as in a real power cut; the chain of what is there verifies."""
    acknowledged, rows = cut_mounted(tmp_path, "power-cut-safe")
    say(f"file system: {len(acknowledged)} rows acknowledged, {len(acknowledged - rows)} missing")
    assert len(acknowledged) >= 2_000
    assert acknowledged <= rows


def test_on_the_same_file_system_the_other_durability_loses_some(tmp_path: Path, say: Say) -> None:
    """So this cut is a real one, too."""
    acknowledged, rows = cut_mounted(tmp_path, "os-crash-may-lose")
    say(f"file system, os-crash-may-lose: {len(acknowledged - rows)} of {len(acknowledged)} missing")
    assert acknowledged - rows
