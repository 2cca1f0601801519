"""The page as a browser shows it: every section is drawn, by mouse and by keyboard, and nothing hostile runs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from router.prediction import choose
from scenarios.coverage import Dimension
from scenarios.divergence import compare
from scenarios.html.page import Front, Told, make_report
from scenarios.html.request_map import Point, RequestMap
from scenarios.html.story import tell
from scenarios.html.suite import show_suite
from scenarios.track import MemoryTrack
from tests.scenarios.html.chromium import Chromium, find_browser
from tests.scenarios.html.stories import HOSTILE, everything, hostile, rows_of, submitted
from tests.scenarios.html.test_suite import BROKEN, some

#: Where pictures of the sections go, to be looked at; those of the tests' own folder are thrown away.
PICTURES: Final = "REPORT_PICTURES"
SECTIONS: Final = ("verdict", "causes", "timeline", "decisions", "graph", "edges", "budgets", "versions", "events")

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module", params=["light", "dark"])
def shown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """Return a browser that shows a report of two runs of which one differs, light or dark."""
    browser = find_browser()
    if browser is None:
        pytest.skip("NO BROWSER: the page of `report` was not looked at; install chromium to have it looked at")
    folder = tmp_path_factory.mktemp("report")
    was, now = everything("was"), everything("now")[:-4]
    compared = compare(MemoryTrack(was), MemoryTrack(now))
    page = folder / "report.html"
    page.write_bytes(b"".join(make_report([Told(tell("now", now, "here"), compared)])))
    with Chromium(browser, folder / "profile", dark=request.param == "dark") as chromium:
        chromium.open(page)
        for name in SECTIONS:
            chromium.show(f"#r0-{name}")
        yield chromium
        assert chromium.complaints == []
        assert chromium.requests == [page.absolute().as_uri()]


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """Return a browser that shows a report of scenarios, and of a redacted run with its map and its coverage."""
    browser = find_browser()
    if browser is None:
        pytest.skip("NO BROWSER: the page of `test --html` was not looked at; install chromium to have it looked at")
    folder = tmp_path_factory.mktemp("suite")
    seen = RequestMap(
        (Point("pay", "pay the bill", "clerk", "completed", 0.2, 0.3), Point("odd", "hm", "", "nobody", 0.8, 0.6)),
        (("clerk", 0.25, 0.35),),
        0,
    )
    covered = (Dimension("agents", {"clerk": 2}, ("auditor",), {}),)
    hidden = [("run.started", "", {"redacted": "bank"}), submitted("t", "pay [iban:3f2a9c1d04be]")]
    told = Told(tell("run", rows_of(hidden)), requests=seen, covered=covered)
    page = folder / "report.html"
    page.write_bytes(b"".join(make_report([told], front=Front("Suite", show_suite(some(folder), (BROKEN,), {})))))
    with Chromium(browser, folder / "profile", dark=False) as chromium:
        chromium.open(page)
        yield chromium
        assert chromium.complaints == []
        assert chromium.requests == [page.absolute().as_uri()]


@pytest.mark.parametrize("name", ["scenarios", "missed", "flakiness", "r0-map", "r0-coverage", "r0-redaction"])
def test_sections_of_scenarios_and_those_that_few_runs_have_are_drawn(
    suite: Chromium, name: str, tmp_path: Path
) -> None:
    """Each has a picture of more than one colour, and words."""
    assert len(suite.picture(_folder(tmp_path) / f"{name}.png", f"#{name}")) > 5_000
    assert suite.run(f"document.querySelector('#{name}').innerText.length") > 60


def _folder(tmp_path: Path) -> Path:
    wanted = os.environ.get(PICTURES)
    folder = Path(wanted) if wanted else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.parametrize("name", SECTIONS)
def test_every_section_is_drawn(shown: Chromium, name: str, tmp_path: Path) -> None:
    """It has a picture of more than one colour, and no part that could not be shown."""
    scheme = "dark" if shown.run("matchMedia('(prefers-color-scheme: dark)').matches") else "light"
    picture = shown.picture(_folder(tmp_path) / f"{name}-{scheme}.png", f"#r0-{name}")
    assert len(picture) > 5_000
    assert shown.run("document.querySelectorAll('[role=alert]').length") == 0
    assert shown.run(f"document.querySelector('#r0-{name}').innerText.length") > 60


def test_the_timeline_marks_what_went_wrong(shown: Chromium) -> None:
    """By keyboard: the next attempt that did not go well is named, with its fault; measured time is to be had."""
    shown.run("document.querySelector('#r0-timeline canvas[tabindex]').focus()")
    shown.key("n")
    said = "document.querySelector('#r0-timeline [role=status]').textContent"
    assert "pay by clerk, attempt 1: failed, tried again" in shown.run(said)
    assert "fault: error" in shown.run(said)
    shown.key("n")
    assert "print by printer, attempt 1" in shown.run(said)
    shown.run("document.querySelector('#r0-timeline summary').click()")
    shown.wait_for("document.querySelector('#r0-timeline table') !== null")
    rows = shown.run("[...document.querySelectorAll('#r0-timeline tbody tr')].map((row) => row.cells[0].textContent)")
    assert "pay" in rows
    shown.run("(() => { const clock = document.querySelector('#r0-timeline select'); clock.value = 'wall';"
              " clock.dispatchEvent(new Event('change')); })()")  # fmt: skip
    shown.wait_for("document.querySelector('#r0-timeline tbody tr').cells[7].textContent === '250 ms'")


def test_the_slider_takes_decisions_again(shown: Chromium) -> None:
    """Under another threshold each decision is what the router would say; as recorded, what is on record."""
    said = "document.querySelector('#r0-decisions .said').textContent"
    slide = "(() => {{ const one = document.querySelector('#r0-decisions input[type=range]'); one.value = '{}';"
    slide += " one.dispatchEvent(new Event('input')); }})()"
    now = "[...document.querySelectorAll('#r0-decisions .two tbody tr')].map((row) => row.cells[5]?.textContent)"
    shown.run(slide.format(0.7))
    assert "At 0.700, 1 of 3 decisions would change: 1 to nobody, 0 to the leader" in shown.run(said)
    assert shown.run(now)[:3] == ["the same", "to nobody", "the same"]
    shown.run(slide.format(0.25))
    assert "1 of 3 decisions would change: 0 to nobody, 1 to the leader" in shown.run(said)
    shown.run("document.querySelector('#r0-decisions .bar button').click()")
    assert "3 of 3 decisions come out as they were" in shown.run(said)


def test_the_page_chooses_as_the_router_does(shown: Chromium) -> None:
    """On a grid of confidences and thresholds, near ties and equal numbers included."""
    shares = [0.0, 0.1, 0.2, 0.3, 0.45, 0.5, 0.7, 0.9, 1.0]
    grid = [(sure, other, least) for sure in shares for other in shares for least in shares if sure + other <= 1]
    got = shown.run(f"{json.dumps(grid)}.map(([sure, other, least]) => choose(sure, other, least))")
    right = [choose("x", *row) for row in grid]
    assert got == ["" if isinstance(one, str) else one.reason for one in right]


def test_candidates_and_words_of_a_decision_are_bars_and_numbers(shown: Chromium) -> None:
    """Who was not eligible says why; a word that speaks against it is negative."""
    shown.run("document.querySelector('#r0-decisions .two tbody button').click()")
    shown.wait_for("document.querySelector('#r0-decisions .detail h4')?.textContent === 'pay'")
    text = shown.run("document.querySelector('#r0-decisions .detail').innerText")
    assert "0.500" in text
    assert "not eligible: busy" in text
    assert "−0.010" in text  # noqa: RUF001 - the sign of minus, as it is shown


def test_the_graph_tells_failures_apart_and_is_walked_by_keyboard(shown: Chromium) -> None:
    """A frame of its own and a cross; Enter shows what is around a task."""
    names = shown.run(
        "[...document.querySelectorAll('#r0-graph .node')].map((node) => node.getAttribute('aria-label'))"
    )
    assert "print, dead-lettered, printer" in names
    assert shown.run("document.querySelector('#r0-graph .node.odd text').textContent").startswith("✗ ")
    shown.run("document.querySelector('#r0-graph .node.odd').focus()")
    shown.key("Enter")
    shown.wait_for("document.querySelector('#r0-graph .said').textContent.startsWith('Around print: 3 of 4')")
    assert "out of paper" in shown.run("document.querySelector('#r0-graph .said').textContent")


def test_a_row_opens_and_names_the_row_that_caused_it(shown: Chromium) -> None:
    """What it says comes from a block that is unpacked then."""
    shown.run("(() => { const row = document.querySelector('#r0-events input[type=number]'); row.value = '7';"
              " row.dispatchEvent(new Event('change')); })()")  # fmt: skip
    shown.wait_for("document.querySelector('#r0-events pre') !== null")
    body = shown.run("document.querySelector('#r0-events pre').textContent")
    assert json.loads(body) == {"task": {"id": "late", "request": "comes too late", "after": ["print"]}}


def test_whoever_hears_the_page_finds_its_way(shown: Chromium) -> None:
    """Landmarks, captions, names for every control and every region that scrolls; no id twice."""
    assert shown.run("document.querySelectorAll('main, header, nav[aria-label], article[aria-label]').length") >= 4
    assert shown.run("[...document.querySelectorAll('table')].every((one) => one.caption?.textContent)")
    unnamed = shown.run(
        "[...document.querySelectorAll('button, select, input, canvas[tabindex], [role=region]')].filter((one) =>"
        " !(one.getAttribute('aria-label') || one.labels?.length || one.textContent)).map((one) => one.outerHTML)"
    )
    assert unnamed == []
    ids = shown.run("[...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert len(ids) == len(set(ids))
    wide = shown.run("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert wide, "the page itself does not scroll sideways"


def test_nothing_hostile_runs(tmp_path: Path) -> None:
    """Every text of a run may be an attack: none makes an element, runs, asks for anything or turns text round."""
    browser = find_browser()
    if browser is None:
        pytest.skip("NO BROWSER: hostile texts were not shown to one; install chromium to have that done")
    page = tmp_path / "report.html"
    page.write_bytes(b"".join(make_report([Told(hostile())])))
    with Chromium(browser, tmp_path / "profile") as chromium:
        chromium.open(page)
        for name in ("timeline", "decisions", "graph", "edges", "versions", "events"):
            chromium.show(f"#r0-{name}")
        chromium.run(
            "[...document.querySelectorAll('#r0-events tbody button[aria-expanded]')].forEach((one) => one.click())"
        )
        chromium.wait_for("document.querySelectorAll('#r0-events pre').length >= 40")
        chromium.run("document.querySelectorAll('summary').forEach((one) => one.click())")
        chromium.run(
            "[...document.querySelectorAll('#r0-graph .node')].forEach((one) => one.dispatchEvent(new Event('click')))"
        )
        assert chromium.run("document.querySelectorAll('img, iframe, object, embed, a:not([href^=\"#\"])').length") == 0
        assert chromium.run("document.querySelectorAll('script:not([type])').length") == 1
        text = chromium.run("document.body.innerText")
        for sign in ("\u202e", "\u2066", "\x00", "\x07", "\x1b"):
            assert sign not in text
        assert "⟨U+202E⟩" in text
        assert HOSTILE[1] in text
        assert chromium.complaints == []
        assert chromium.requests == [page.absolute().as_uri()]
