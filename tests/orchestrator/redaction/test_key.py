from __future__ import annotations

import stat
from pathlib import Path

import pytest

from orchestrator.redaction import KEY_FILE, KEY_VARIABLE, RedactionError, find_key, take_key


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    """It is beside the journal, and the next recording finds it."""
    folder = tmp_path / "runs"
    assert find_key(folder, {}) is None
    key = take_key(folder, {})
    assert len(key.secret) == 32
    assert take_key(folder, {}) == find_key(folder, {}) == key
    assert stat.S_IMODE((folder / KEY_FILE).stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == [KEY_FILE]
    assert key.secret.hex() not in key.mark


def test_the_variable_goes_before_the_file(tmp_path: Path) -> None:
    """For machines that have no file, such as those of CI; nothing is written then."""
    environ = {KEY_VARIABLE: "ab" * 32}
    assert take_key(tmp_path / "new", environ).secret == b"\xab" * 32
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("text", ["", "no hex", "abcd"])
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, text: str) -> None:
    """Nobody makes another one over it: the pseudonyms of before would be lost."""
    (tmp_path / KEY_FILE).write_text(text)
    with pytest.raises(RedactionError, match="holds no key"):
        take_key(tmp_path, {})
