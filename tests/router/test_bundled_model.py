from pathlib import Path

import pytest

from router import AgentProfile, DatasetError, RouterError, bundled_router, read_out_of_scope
from router.bundled_model import BUNDLED


def test_the_bundled_router_starts_empty_and_learns() -> None:
    """It knows no agent until one registers by its card."""
    router = bundled_router()
    assert router.names == ()
    router.add(AgentProfile("cats", "1", "feeds cats", ("my cat is hungry",)))
    assert router.predict("the cat is hungry").choice == "cats"


def test_the_bundled_file_is_small() -> None:
    """The model that ships is well below a megabyte."""
    assert (BUNDLED / "router.npz").stat().st_size < 1_000_000


def test_out_of_scope_requests_are_many_and_distinct() -> None:
    """The list is long enough to stand for the rest of the world, and repeats nothing."""
    requests = read_out_of_scope()
    assert len(requests) == len(set(requests)) >= 150
    assert not any(request.startswith("#") for request in requests)


def test_requests_for_nobody_may_be_json_lines(tmp_path: Path) -> None:
    """A data set's own file is read by its texts, not line by line as if JSON were what people ask."""
    (tmp_path / "oos.jsonl").write_text('{"text": "sing a song", "label": "oos"}\n\n{"text": "# 1 in the charts?"}\n')
    assert read_out_of_scope(tmp_path / "oos.jsonl") == ("sing a song", "# 1 in the charts?")
    (tmp_path / "oos.jsonl").write_text('{"text": "sing a song"}\n{"label": "oos"}\n')
    with pytest.raises(DatasetError, match=r"oos.jsonl:2: no \"text\""):
        read_out_of_scope(tmp_path / "oos.jsonl")


def test_an_unreadable_list_is_refused(tmp_path: Path) -> None:
    """A missing file and one in another encoding are our errors."""
    with pytest.raises(RouterError, match="cannot be read"):
        read_out_of_scope(tmp_path / "none.txt")
    (tmp_path / "latin.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(RouterError, match="cannot be read"):
        read_out_of_scope(tmp_path / "latin.txt")
