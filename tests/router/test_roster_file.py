import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router import AgentProfile, EmbeddingRouter, ModelFileError
from router import roster_file as module
from router.trained_model import TrainedModel

Members = dict[str, Any]
WORDS = st.sampled_from(["fetch", "the", "box", "json", "logs", "of", "both", "runs", "euro", "яблоко", "17"])
TEXTS = st.lists(WORDS, min_size=1, max_size=6).map(" ".join)
NAMES = st.text(alphabet=st.characters(exclude_categories=()), min_size=1, max_size=8)
PROFILES = st.builds(AgentProfile, NAMES, NAMES, st.just(""), st.lists(TEXTS, min_size=1, max_size=3).map(tuple))
SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
ASKED = ("fix this broken json", "fetch the box", "compare the logs of both runs", "exchange rate of the euro", "")


@contextmanager
def a_file() -> Iterator[Path]:
    """A path in a folder of its own, also for tests that hypothesis runs many times."""
    with TemporaryDirectory() as folder:
        yield Path(folder) / "roster.npz"


def answers(router: EmbeddingRouter) -> list[tuple[str, tuple[str, ...], bytes]]:
    """Return leader, names and the bits of all scores for some requests."""
    predictions = [router.predict(text) for text in ASKED]
    return [(p.leader, tuple(p.scoreboard.names), p.scoreboard.scores.tobytes()) for p in predictions]


@pytest.fixture
def path(router: EmbeddingRouter, exchange: AgentProfile, tmp_path: Path) -> Path:
    """A good file of six agents that training knew and a stranger."""
    router.add(exchange)
    router.save_roster(tmp_path / "roster.npz")
    return tmp_path / "roster.npz"


@pytest.fixture
def empty(trained: TrainedModel) -> EmbeddingRouter:
    """A router of the same model that knows no agent yet."""
    return EmbeddingRouter(trained.manifest, trained.arrays, use_trained_labels=False)


def rewrite(path: Path, change: Callable[[Members], object]) -> None:
    """Change the members of a file in place."""
    with np.load(path) as archive:
        members = {name: archive[name] for name in archive.files}
    change(members)
    np.savez(path, **members)


def say(path: Path, **about: Any) -> None:
    """Change what a file says about its agents; None takes the word back."""

    def change(members: Members) -> None:
        said = {**json.loads(members["about"].tobytes()), **about}
        said = {name: value for name, value in said.items() if value is not None}
        members["about"] = np.frombuffer(json.dumps(said).encode(), dtype=np.uint8)

    rewrite(path, change)


def said(path: Path) -> dict[str, Any]:
    """Return what a file says about its agents."""
    with np.load(path) as archive:
        return dict(json.loads(archive["about"].tobytes()))


def test_agents_survive_the_file_to_the_bit(router: EmbeddingRouter, empty: EmbeddingRouter, path: Path) -> None:
    """Names, versions, fingerprint and every score are those of the router that wrote the file."""
    empty.load_roster(path)
    assert empty.names == router.names
    assert empty.fingerprint == router.fingerprint
    assert answers(empty) == answers(router)
    assert empty.predict("x").candidates() == router.predict("x").candidates()
    assert empty.explain("exchange rate", "fx-desk") == router.explain("exchange rate", "fx-desk")


@SHARED
@given(profiles=st.lists(PROFILES, max_size=6), twice=st.booleans())
def test_whatever_is_registered_survives(
    trained: TrainedModel, six: tuple[AgentProfile, ...], profiles: list[AgentProfile], *, twice: bool
) -> None:
    """Any agents, none at all included, have the same fingerprint and scores after save and load, once or twice."""
    one, two = (EmbeddingRouter(trained.manifest, trained.arrays, use_trained_labels=False) for _ in range(2))
    one.add_all([*six[: len(profiles)], *profiles])
    with a_file() as path:
        one.save_roster(path)
        two.load_roster(path)
        if twice:
            two.save_roster(path)
            two.load_roster(path)
    assert two.fingerprint == one.fingerprint
    assert answers(two) == answers(one)


@SHARED
@given(kept=st.lists(PROFILES, max_size=4), passing=st.lists(PROFILES, min_size=1, max_size=4), saved=st.booleans())
def test_who_came_and_went_leaves_no_trace(
    trained: TrainedModel, kept: list[AgentProfile], passing: list[AgentProfile], *, saved: bool
) -> None:
    """Added and removed is never added, to the bit, also with a save and a load between the two."""
    never, router = (EmbeddingRouter(trained.manifest, trained.arrays) for _ in range(2))
    never.add_all(kept)
    router.add_all(kept)
    guests = {profile.name: profile for profile in passing if profile.name not in never.names}
    router.add_all(guests.values())
    if saved:
        with a_file() as path:
            router.save_roster(path)
            router.load_roster(path)
    for name in guests:
        router.remove(name)
    assert router.fingerprint == never.fingerprint
    assert answers(router) == answers(never)


def test_the_same_agents_give_the_same_bytes(
    trained: TrainedModel, six: tuple[AgentProfile, ...], exchange: AgentProfile, tmp_path: Path
) -> None:
    """The order of registration does not show in the file."""
    for name, profiles in (("one", [*six, exchange]), ("two", [exchange, *reversed(six)])):
        router = EmbeddingRouter(trained.manifest, trained.arrays, use_trained_labels=False)
        router.add_all(profiles)
        router.save_roster(tmp_path / name)
    with np.load(tmp_path / "one") as one, np.load(tmp_path / "two") as two:
        assert one["about"].tobytes() == two["about"].tobytes()
        assert one["rows"].tobytes() == two["rows"].tobytes()


def test_agents_of_a_file_take_the_place_of_all_others(router: EmbeddingRouter, path: Path) -> None:
    """Whoever was registered and is not in the file is gone."""
    before = router.fingerprint
    router.add(AgentProfile("guest", "1", "Feeds the cat.", ()))
    router.load_roster(path)
    assert "guest" not in router.names
    assert router.fingerprint == before


def test_a_loaded_agent_can_be_removed_and_replaced(empty: EmbeddingRouter, exchange: AgentProfile, path: Path) -> None:
    """What came from a file is as free to change as what was registered."""
    empty.load_roster(path)
    before = empty.fingerprint
    empty.add(replace(exchange, version="2"))
    assert empty.fingerprint != before
    empty.add(exchange)
    assert empty.fingerprint == before
    empty.remove(exchange.name)
    assert exchange.name not in empty.names


def test_a_refused_file_changes_nothing(router: EmbeddingRouter, path: Path) -> None:
    """All agents of a file are registered or none is: after an error those from before serve on."""
    before, first = router.fingerprint, answers(router)
    say(path, digest="0" * 64)
    with pytest.raises(ModelFileError):
        router.load_roster(path)
    assert router.fingerprint == before
    assert answers(router) == first


def test_another_model_is_refused(trained_on_pairs: TrainedModel, path: Path) -> None:
    """Rows mean nothing under another model; the error names both and what to do."""
    other = EmbeddingRouter(trained_on_pairs.manifest, trained_on_pairs.arrays)
    digest = trained_on_pairs.manifest.digest[:16]
    with pytest.raises(ModelFileError, match=f"under the model [0-9a-f]{{16}}, not {digest}, .*; serve that model, or"):
        other.load_roster(path)


def test_another_format_is_refused(empty: EmbeddingRouter, path: Path) -> None:
    """A file of another version of this program is refused by its format, whatever else it says."""
    say(path, format=2, more="x")
    with pytest.raises(ModelFileError, match="is not a roster file of format 3; register the agents by their cards"):
        empty.load_roster(path)


@pytest.mark.parametrize("about", [{"model": None}, {"more": 1}, {"digest": 7}, {"agents": {}}, {"model": ["x"]}])
def test_what_is_said_about_agents_must_be_all_of_it(
    empty: EmbeddingRouter, path: Path, about: dict[str, object]
) -> None:
    """A word that is missing, unknown, or of another kind is refused."""
    say(path, **about)
    with pytest.raises(ModelFileError, match="does not say format, model, digest, agents and nothing else"):
        empty.load_roster(path)


@pytest.mark.parametrize(
    "agent",
    [
        ["a", "1", True],
        ["a", 1, True, 1, 1, {}, 0.0],
        ["a", "1", 1, 1, 1, {}, 0.0],
        "abcdefg",
        [None, "1", True, 1, 1, {}, 0.0],
        ["a", "1", True, 1, -1, {}, 0.0],
        ["a", "1", True, 0, 1, {}, 0.0],
        ["a", "1", True, 9, 1, {}, 0.0],
        ["a", "1", True, True, 1, {}, 0.0],
        ["a", "1", True, 1, True, {}, 0.0],
        ["a", "1", True, 1, 1, {"w": 2}, 1.0],
        ["a", "1", True, 1, 1, {"w": 0}, 1.0],
        ["a", "1", True, 1, 1, {"w": "1"}, 1.0],
        ["a", "1", True, 1, 1, {"w": 1}, 0.0],
        ["a", "1", True, 1, 1, {"w": 1}, -1.0],
        ["a", "1", True, 1, 1, {"w": 1}, float("nan")],
        ["a", "1", True, 1, 1, {"w": 1}, float("inf")],
        ["a", "1", True, 1, 1, {"w": 1}, 1],
        ["a", "1", True, 1, 1, {}, 1.0],
    ],
)
def test_an_agent_that_is_not_described_is_refused(empty: EmbeddingRouter, path: Path, agent: object) -> None:
    """Each agent has a name, a version, a kind, rows and words; the error says which has not."""
    agents = said(path)["agents"]
    say(path, agents=[*agents[:3], agent, *agents[4:]])
    with pytest.raises(ModelFileError, match="no name, version, kind, rows and words for its agent 3;"):
        empty.load_roster(path)


@pytest.mark.parametrize("order", [[0, 0, 2, 3, 4, 5, 6], [1, 0, 2, 3, 4, 5, 6]], ids=["twice", "out-of-order"])
def test_agents_out_of_order_are_refused(empty: EmbeddingRouter, path: Path, order: list[int]) -> None:
    """Agents stand by their names, each once."""
    agents = said(path)["agents"]
    say(path, agents=[agents[at] for at in order])
    with pytest.raises(ModelFileError, match="names its agents out of order, or one of them twice"):
        empty.load_roster(path)


@pytest.mark.parametrize(("part", "value"), [(0, "fx-desc"), (1, "0.2"), (2, False), (4, 99), (5, {"w": 1}), (6, 0.5)])
def test_an_edited_agent_is_found_out(empty: EmbeddingRouter, path: Path, part: int, value: object) -> None:
    """Another name, version, kind, number of texts, word or length does not match the digest."""
    agents = said(path)["agents"]
    assert agents[0][0] == "fx-desk"
    agents[0][part] = value
    say(path, agents=agents)
    with pytest.raises(ModelFileError, match="does not match its digest"):
        empty.load_roster(path)


def test_an_edited_row_is_found_out(empty: EmbeddingRouter, path: Path) -> None:
    """A single changed bit of a weight, with a CRC that was repaired, does not match the digest."""

    def change(members: Members) -> None:
        members["rows"].view(np.uint32)[2, 5] ^= 1

    rewrite(path, change)
    with pytest.raises(ModelFileError, match="does not match its digest"):
        empty.load_roster(path)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_rows_that_are_not_finite_are_refused(empty: EmbeddingRouter, path: Path, bad: float) -> None:
    """NaN and infinity are no weights."""
    rewrite(path, lambda members: np.put(members["rows"], 9, bad))
    with pytest.raises(ModelFileError, match="rows that are not finite"):
        empty.load_roster(path)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda rows: rows[:-1], id="row-missing"),
        pytest.param(lambda rows: rows[:, :-1], id="short"),
        pytest.param(lambda rows: rows.astype(np.float64), id="double"),
        pytest.param(lambda rows: rows.ravel(), id="flat"),
    ],
)
def test_rows_of_another_shape_are_refused(
    empty: EmbeddingRouter, path: Path, change: Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]
) -> None:
    """There is one row for each agent, as long as those of the model."""
    rewrite(path, lambda members: members.update(rows=np.ascontiguousarray(change(members["rows"]))))
    with pytest.raises(ModelFileError, match="has rows as float"):
        empty.load_roster(path)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda members: members.pop("about"), id="no-about"),
        pytest.param(lambda members: members.pop("rows"), id="no-rows"),
        pytest.param(lambda members: members.update(extra=np.zeros(1)), id="extra"),
    ],
)
def test_other_members_are_refused(empty: EmbeddingRouter, path: Path, change: Callable[[Members], object]) -> None:
    """The file holds what is said about the agents and their rows, and nothing else."""
    rewrite(path, change)
    with pytest.raises(ModelFileError, match="has the members"):
        empty.load_roster(path)


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"[" * 100_000, b"[]", b"7"])
def test_what_is_no_object_of_json_is_refused(empty: EmbeddingRouter, path: Path, text: bytes) -> None:
    """Bytes that are no JSON object are no description of agents."""
    rewrite(path, lambda members: members.update(about=np.frombuffer(text, dtype=np.uint8)))
    with pytest.raises(ModelFileError, match="is not a roster file"):
        empty.load_roster(path)


@pytest.mark.parametrize("limit", ["MAX_FILE_BYTES", "MAX_ABOUT_BYTES"])
def test_sizes_are_capped(empty: EmbeddingRouter, path: Path, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    """A file over a limit is refused before its rows are read."""
    monkeypatch.setattr(module, limit, 100)
    with pytest.raises(ModelFileError, match=r"larger than 100 bytes|says more than 100 bytes"):
        empty.load_roster(path)


@pytest.mark.parametrize("limit", ["MAX_FILE_BYTES", "MAX_ABOUT_BYTES"])
def test_what_could_not_be_read_again_is_not_written(
    router: EmbeddingRouter, path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    """A file over a limit would be lost; the one that is there stays as it is."""
    before = path.read_bytes()
    monkeypatch.setattr(module, limit, 100)
    with pytest.raises(ModelFileError, match="would not be read again with 7 agents"):
        router.save_roster(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("keep", [0.0, 1e-4, 0.1, 0.5, 0.9, 0.99999])
def test_a_truncated_file_is_refused(empty: EmbeddingRouter, path: Path, keep: float) -> None:
    """A copy that broke off is no roster, wherever it broke off."""
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(ModelFileError, match="is not a roster file"):
        empty.load_roster(path)


def test_a_model_file_is_no_roster(trained: TrainedModel, empty: EmbeddingRouter, tmp_path: Path) -> None:
    """The two kinds of files cannot be taken for one another."""
    trained.save(tmp_path / "model.npz")
    with pytest.raises(ModelFileError, match="has the members"):
        empty.load_roster(tmp_path / "model.npz")


def test_a_missing_file_and_a_missing_folder_are_named(empty: EmbeddingRouter, tmp_path: Path) -> None:
    """Where there is nothing to read or nowhere to write, the error says so."""
    with pytest.raises(ModelFileError, match="does not exist; check the path, or save a roster first"):
        empty.load_roster(tmp_path / "none.npz")
    with pytest.raises(ModelFileError, match="cannot be written"):
        empty.save_roster(tmp_path / "none" / "roster.npz")


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_refused_or_whole(empty: EmbeddingRouter, path: Path, data: st.DataObject) -> None:
    """A flipped byte anywhere gives our own error, or the agents that were saved: never others."""
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    with a_file() as damaged:
        damaged.write_bytes(bytes(content))
        try:
            empty.load_roster(damaged)
        except ModelFileError:
            return
    found = answers(empty)
    empty.load_roster(path)
    assert found == answers(empty)
