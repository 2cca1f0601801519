"""The page: one file, whatever is in it."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import re
import zlib
from collections.abc import Iterator

import pytest

from scenarios.coverage import Coverage
from scenarios.divergence import compare
from scenarios.html.inert import shown
from scenarios.html.page import Told, make_report
from scenarios.html.story import tell
from scenarios.track import MemoryTrack
from tests.scenarios.html.stories import HOSTILE, everything, hostile, rows_of, submitted


def _page(*told: Told, most_bytes: int = 10_000_000) -> str:
    return b"".join(make_report(told, most_bytes)).decode()


class _Reader(html.parser.HTMLParser):
    """Knows every element of a page, its attributes, and what is in scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inline: dict[str, str] = {}
        self._in = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        runs = tag == "script" and dict(attrs).get("type") is None
        self._in = tag if runs or tag == "style" else ""

    def handle_endtag(self, tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in:
            self.inline[self._in] = self.inline.get(self._in, "") + data


def _blocks(page: str) -> Iterator[tuple[str, bytes]]:
    for name, text in re.findall(r'<script type="text/plain" id="data-([\w-]+)">([\w+/=]*)</script>', page):
        yield name, zlib.decompress(base64.b64decode(text))


def test_a_page_allows_its_own_style_and_script_and_nothing_else() -> None:
    """The policy names both by their hash; nothing is loaded, no element has a handler or a style of its own."""
    read = _Reader(_page(Told(tell("made", everything()))))
    policy = next(about["content"] for tag, about in read.tags if about.get("http-equiv") == "Content-Security-Policy")
    digests = {
        tag: f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for tag, text in read.inline.items()
    }
    assert policy is not None
    assert policy.startswith(f"default-src 'none'; script-src {digests['script']}; style-src {digests['style']};")
    for tag, about in read.tags:
        assert not {"src", "style", "srcset", "data"} & set(about)
        assert not [name for name in about if name.startswith("on")]
        assert (about.get("href") or "#").startswith("#"), tag


def test_hostile_texts_are_text() -> None:
    """No element of a page comes from what is told; what hides or turns text round is written as its number."""
    page, plain = _page(Told(hostile())), _page(Told(tell("made", everything())))
    known = {tag for tag, _ in _Reader(plain).tags}
    assert {tag for tag, _ in _Reader(page).tags} <= known
    body = page[: page.index('<script type="text/plain"')]
    assert "<script" not in body
    for character in ("\x00", "\x07", "\x1b", "\u202e", "\u2066", "\u200b", "\ufeff"):
        assert character not in page
    assert "&lt;img src=x onerror=boom" in body
    assert "a⟨U+202E⟩b⟨U+2066⟩c" in body


def test_a_lone_surrogate_is_shown_as_its_number() -> None:
    """It cannot be encoded."""
    assert shown("a\ud800b") == "a⟨U+D800⟩b"
    told = Told(tell("lone\udc00", everything(), "file\udcff"))
    assert "lone⟨U+DC00⟩" in _page(told)


def test_blocks_hold_what_was_told_whatever_it_is() -> None:
    """Compressed and in base64: letters and digits."""
    blocks = dict(_blocks(_page(Told(hostile()))))
    assert {"r0-head", "r0-tasks", "r0-attempts", "r0-choices", "r0-events", "r0-bodies-0", "r0-why-0"} <= set(blocks)
    assert b"</script>" in blocks["r0-tasks"]


def test_the_same_journal_gives_the_same_page() -> None:
    """There is no time and no chance in it."""
    assert _page(Told(tell("made", everything()))) == _page(Told(tell("made", everything())))


def test_a_page_without_room_keeps_what_it_cannot_do_without() -> None:
    """Bodies, reasons and rows go first; tasks, attempts and decisions stay."""
    blocks = dict(_blocks(_page(Told(tell("made", everything())), most_bytes=1)))
    assert set(blocks) == {"r0-head", "r0-tasks", "r0-attempts", "r0-choices"}


@pytest.mark.parametrize(
    "name", ["verdict", "timeline", "decisions", "graph", "edges", "budgets", "versions", "events"]
)
def test_a_section_has_a_heading_and_a_link_to_it(name: str) -> None:
    """Whoever hears the page finds it by either."""
    page = _page(Told(tell("made", everything())))
    assert f'<section id="r0-{name}" aria-labelledby="r0-{name}-h">' in page
    assert f'<a href="#r0-{name}">' in page


def test_the_verdict_says_what_came_of_a_run() -> None:
    """In words, not by colour alone."""
    assert "✗ 3 of 4 tasks did not complete: 1 failed, 1 dead-lettered, 1 abstained." in _page(
        Told(tell("r", everything()))
    )
    done = [submitted("t", "do"), ("task.completed", "t", {"agent": "a", "attempts": 1}), ("run.stopped", "", {})]
    assert "✓ All 1 tasks completed." in _page(Told(tell("r", rows_of(done))))
    assert "✗ The run has no tasks." in _page(Told(tell("r", rows_of([("run.started", "", {})]))))
    assert "it goes on, or was cut off" in _page(Told(tell("r", rows_of(done[:2]))))


def test_first_causes_stand_beside_each_other() -> None:
    """Pointer, recorded and actual value, what led to it and what follows."""
    facts = [submitted("t", "do"), ("task.completed", "t", {"agent": "a", "attempts": 1, "output": "<b>one</b>"})]
    other = [facts[0], ("task.completed", "t", {"agent": "a", "attempts": 1, "output": "two"})]
    was, now = rows_of(facts, "was"), rows_of(other, "now")
    page = _page(Told(tell("now", now), compare(MemoryTrack(was), MemoryTrack(now))))
    assert "✗ It differs from was" in page
    assert "payload: task.completed of t" in page
    assert "<td>&quot;&lt;b&gt;one&lt;/b&gt;&quot;</td><td>&quot;two&quot;</td>" in page
    same = Told(tell("now", now), compare(MemoryTrack(now), MemoryTrack(now)))
    assert "✓ Nothing differs from now." in _page(same)


def test_several_runs_stand_in_one_page() -> None:
    """Each with its own sections and data, and a list of them at the top."""
    page = _page(Told(tell("one", everything())), Told(tell("two", everything())))
    assert "Runs in this report" in page
    assert '<a href="#r1">two</a>' in page
    assert {"r0-tasks", "r1-tasks"} <= {name for name, _ in _blocks(page)}


def test_every_text_of_the_tests_is_hostile() -> None:
    """Else the tests above would show nothing."""
    assert all(shown(text) != text or set(text) & set("<>'{") for text in HOSTILE if text.isprintable())


def test_what_a_run_exercised_stands_beside_what_it_did_not() -> None:
    """By agents, routes, edges, outcomes, endings and faults."""
    coverage = Coverage(["clerk", "auditor"])
    told = Told(tell("made", everything(), "", coverage), covered=coverage.dimensions())
    page = _page(told)
    assert '<th scope="row">agents</th><td class="n">1 of 2</td><td class="n">50%</td><td>auditor</td>' in page
    assert "r0-coverage" not in _page(Told(tell("made", everything())))


def test_a_redacted_run_has_a_ledger() -> None:
    """How often each rule was applied, and to how many secrets."""
    name = "[iban:3f2a9c1d04be]"
    facts = [
        ("run.started", "", {"redacted": "bank"}),
        submitted("t", f"pay {name} or {name}"),
        submitted("u", "[iban:000000000000]"),
    ]
    page = _page(Told(tell("made", rows_of(facts))))
    assert "Profile: bank. Rows with pseudonyms: 2 of 3." in page
    assert '<th scope="row">iban</th><td class="n">3</td><td class="n">2</td>' in page
    assert "r0-redaction" not in _page(Told(tell("made", rows_of(facts[1:]))))
