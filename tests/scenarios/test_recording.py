import asyncio
from pathlib import Path
from typing import Any

import pytest

from orchestrator.context import TaskContext
from orchestrator.errors import DocumentError
from orchestrator.http import HttpClient
from orchestrator.http.extra import httpx
from orchestrator.messages import Task
from orchestrator.plan import Plan
from orchestrator.policy import Policy, Retry
from scenarios.cassette import load_cassette, save_cassette
from scenarios.errors import RecordingError
from tests.scenarios.recorded_agents import Reader, Studio, World


def talkers(world: World, count: int = 8) -> list[Reader]:
    """Return agents that ask the same three times each, and use time, chance and ids."""

    async def handle(task: Task, context: TaskContext) -> Any:
        same = {"prompt": "same"}
        said = [await context.read("llm", world.ask, request=same)]
        async with asyncio.TaskGroup() as group:  # two at once
            both = [group.create_task(context.read("llm", world.ask, request=same)) for _ in range(2)]
        said += [one.result() for one in both]
        await asyncio.sleep(context.random.random() / 1000)
        return {"said": said, "at": context.clock.now(), "id": context.new_id(), "task": task.id}

    return [Reader(f"talker-{number}", handle) for number in range(count)]


def test_eight_agents_that_ask_the_same_at_once_are_replayed_byte_for_byte(tmp_path: Path) -> None:
    """In content, order and time, offline, and without asking the world again."""
    studio, world = Studio(tmp_path), World()
    recorded = studio.record(talkers(world))
    assert (world.asked, recorded.reads) == (24, 24)
    assert all(result.ok for result in recorded.results.values())
    for _ in range(3):
        replayed = studio.replay(recorded, talkers(world))
        assert replayed.journal == studio.rows(recorded)
        assert (replayed.misses, replayed.unused) == ((), ())
    assert world.asked == 24


def test_threads_and_blocking_reads_are_replayed_too(tmp_path: Path) -> None:
    """A plain `def` handler takes turns with the loop; its reads take place side by side with those of others."""
    studio, world = Studio(tmp_path), World()

    class Threaded(Reader):
        def handle(self, task: Task, context: TaskContext) -> Any:
            said = [context.blocking.read("llm", lambda: asyncio.run(world.ask())) for _ in range(3)]
            return {"said": said, "at": context.clock.now()}

    def agents() -> list[Reader]:
        return [Threaded(f"threaded-{number}", lambda *_: None) for number in range(4)]

    recorded = studio.record(agents())
    assert [result.error for result in recorded.results.values()] == [""] * 4
    assert studio.replay(recorded, agents()).journal == studio.rows(recorded)
    assert world.asked == 12


def test_http_calls_and_what_they_raise_are_replayed(tmp_path: Path) -> None:
    """The client needs no other word than the one that agents use anyway; its errors come back as they were."""
    studio, asked = Studio(tmp_path), list[str]()

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if request.url.path == "/down":
            raise httpx.ConnectError("no route")
        return httpx.Response(200, headers={"x-n": str(len(asked))}, content=bytes([0xFF, len(asked)]))

    async def handle(_task: Task, context: TaskContext) -> Any:
        from orchestrator.http_errors import HttpTransportError

        async with HttpClient(transport=httpx.MockTransport(answer)) as client:
            first = await client.get("https://bank.example/up")
            try:
                await client.post("https://bank.example/down", json={"a": 1})
            except HttpTransportError as error:
                return [first.status, first.body.hex(), first.headers["x-n"], str(error), error.nothing_sent]

    recorded = studio.record([Reader("client", handle)])
    assert recorded.results["task-client"].output[:3] == [200, "ff01", "1"]
    before = len(asked)
    assert studio.replay(recorded, [Reader("client", handle)]).journal == studio.rows(recorded)
    assert len(asked) == before


def test_effects_are_not_performed_again(tmp_path: Path) -> None:
    """What came of them comes from the cassette, and their receipts are the same."""
    studio, done = Studio(tmp_path), list[str]()

    def pay(key: str) -> int:
        done.append(key)
        return len(done)

    async def handle(_task: Task, context: TaskContext) -> Any:
        return await context.effect("pay", pay)

    recorded = studio.record([Reader("payer", handle)])
    assert studio.replay(recorded, [Reader("payer", handle)]).journal == studio.rows(recorded)
    assert len(done) == 1


def test_a_read_that_fails_and_is_tried_again_fails_and_is_tried_again(tmp_path: Path) -> None:
    """By the same class, so that a policy that looks at classes decides the same, after the same wait."""
    studio, tries = Studio(tmp_path), list[int]()

    def ask() -> int:
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionResetError(104, "reset")
        return len(tries)

    policy = Policy(retry=Retry(max_attempts=3, backoff_s=0.01, only=("ConnectionError",)))

    async def handle(_task: Task, context: TaskContext) -> Any:
        return await context.read("disk", ask)

    recorded = studio.record([Reader("trier", handle, policy)])
    assert (recorded.results["task-trier"].output, recorded.results["task-trier"].attempts) == (3, 3)
    assert studio.replay(recorded, [Reader("trier", handle, policy)]).journal == studio.rows(recorded)


def test_a_read_that_was_cut_off_is_cut_off_at_the_same_moment(tmp_path: Path) -> None:
    """The time limit of its agent ends it, in the recording for real, in the replay at once."""
    studio = Studio(tmp_path)
    policy = Policy(timeout_s=0.05, retry=Retry(max_attempts=1))

    async def handle(_task: Task, context: TaskContext) -> Any:
        return await context.read("llm", lambda: asyncio.sleep(60))

    recorded = studio.record([Reader("slow", handle, policy)])
    assert recorded.results["task-slow"].error == "no answer within 0.05 s"
    assert [one.cut_off for one in load_cassette(recorded.cassette).recordings] == [True]
    assert studio.replay(recorded, [Reader("slow", handle, policy)]).journal == studio.rows(recorded)


def test_tasks_that_agents_add_are_replayed(tmp_path: Path) -> None:
    """Their reads are known by the task that made them."""
    studio, world = Studio(tmp_path), World()

    async def handle(task: Task, context: TaskContext) -> Any:
        said = await context.read("llm", world.ask)
        if said <= 2:
            context.add_task("ask adder", agent="adder")
            context.add_task("ask adder", agent="adder", payload={"said": said})
        return said

    recorded = studio.record([Reader("adder", handle)])
    assert len(recorded.results) == 5
    assert studio.replay(recorded, [Reader("adder", handle)]).journal == studio.rows(recorded)


def test_what_a_replay_reads_and_nobody_recorded_is_refused_and_told_with_the_nearest(tmp_path: Path) -> None:
    """A changed request, a new call and a call that is not made any more are each a finding."""
    studio, world = Studio(tmp_path), World()

    def agent(prompt: str) -> Reader:
        async def handle(_task: Task, context: TaskContext) -> Any:
            return await context.read("llm", world.ask, request={"prompt": prompt})

        return Reader("talker", handle)

    recorded = studio.record([agent("old")])
    replayed = studio.replay(recorded, [agent("new")])
    (miss,), (unused,) = replayed.misses, replayed.unused
    assert (miss.task, miss.call, miss.request) == ("task-talker", 1, {"prompt": "new"})
    assert miss.nearest == unused
    assert unused.request == {"prompt": "old"}
    error = replayed.results["task-talker"].error
    assert "{'prompt': 'new'}" in error
    assert "{'prompt': 'old'}" in error
    assert world.asked == 1


def test_a_replay_asks_no_network_even_beside_its_cassette(tmp_path: Path) -> None:
    """An agent that connects by itself fails, and its error says where to."""
    studio = Studio(tmp_path)
    live = [True]

    async def handle(_task: Task, _context: TaskContext) -> Any:
        if not live[0]:
            import socket

            socket.create_connection(("bank.example", 443))
        return "ok"

    recorded = studio.record([Reader("sly", handle)])
    live[0] = False
    assert "bank.example:443" in studio.replay(recorded, [Reader("sly", handle)]).results["task-sly"].error


def test_a_cassette_holds_what_was_released_before_a_crash(tmp_path: Path) -> None:
    """Each recording is in the file before its agent has it; a last line without its end is left out."""
    studio, world = Studio(tmp_path), World()
    path = tmp_path / "c.cassette.jsonl"
    seen: list[int] = []

    async def handle(_task: Task, context: TaskContext) -> Any:
        for _ in range(3):
            await context.read("llm", world.ask)
            seen.append(path.read_bytes().count(b"\n"))

    studio.record([Reader("talker", handle)], into=path)
    assert seen == [2, 3, 4]
    path.write_bytes(path.read_bytes()[:-5])
    loaded = load_cassette(path)
    assert (len(loaded.recordings), loaded.cut_short) == (2, True)


def test_a_cassette_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    """Recording again needs another name."""
    path = tmp_path / "c.cassette.jsonl"
    path.write_text("mine")
    with pytest.raises(RecordingError, match="there is a cassette already"):
        Studio(tmp_path).record([], Plan("p", ()), into=path)
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: [], ":1:1: the line is empty where a header should be"),
        (lambda lines: [b"{", *lines[1:]], ":1:2: no header of a cassette: no JSON"),
        (lambda lines: [lines[0], b'{"task": 1}'], ":2:1: no recording of a cassette: task"),
        (lambda lines: [lines[0].replace(b"cassette/1", b"cassette/9"), *lines[1:]], ":1:1: no header"),
        (lambda lines: [lines[0], lines[1].replace(b'"llm"', b'"LLM"')], ":2:1: the digest is not that"),
        (lambda lines: [lines[0], lines[1][:-1] + b',"extra":1}'], ":2:1: no recording of a cassette: extra"),
    ],
    ids=["empty", "no JSON", "no recording", "other version", "tampered", "unknown key"],
)
def test_a_broken_cassette_is_refused_with_its_line(tmp_path: Path, change: Any, said: str) -> None:
    """And with what to do."""
    recorded = Studio(tmp_path).record(talkers(World(), 1))
    lines = recorded.cassette.read_bytes().splitlines()
    recorded.cassette.write_bytes(b"".join(line + b"\n" for line in change(lines)))
    with pytest.raises(DocumentError) as caught:
        load_cassette(recorded.cassette)
    assert said in str(caught.value)


def test_a_cassette_is_written_as_it_was_read(tmp_path: Path) -> None:
    """Byte for byte: what nobody changed shows no difference in a review."""
    recorded = Studio(tmp_path).record(talkers(World(), 2))
    copy = tmp_path / "sub" / "copy.jsonl"
    save_cassette(copy, load_cassette(recorded.cassette))
    assert copy.read_bytes() == recorded.cassette.read_bytes()
