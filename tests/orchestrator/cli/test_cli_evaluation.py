"""`pointsman eval`: the table, the JSON and the page."""

from __future__ import annotations

import html.parser
import importlib.util
import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

Cli = Callable[..., tuple[int, str, str]]

ROWS = [
    ("balance the ledger", "ledger-keeper"),
    ("does the ledger balance", "ledger-keeper"),
    ("write a poem", "poet"),
    ("sweep the floor", "poet"),
    ("balance poem", "poet"),
    ("zzz", "grump"),
]


@pytest.fixture
def data(folder: Path) -> str:
    """Return a file of labelled requests."""
    (folder / "d.jsonl").write_text("".join(json.dumps({"text": t, "label": label}) + "\n" for t, label in ROWS))
    (folder / "nobody.txt").write_text("# for nobody\nwhere is my hat\nwrite a poem\n")
    return "d.jsonl"


def test_the_table_shows_figures_risks_and_confusions(cli: Cli, data: str) -> None:
    """Everything that decides whether a router is fit to serve."""
    code, out, _ = cli("eval", "--data", data, "--out-of-scope", "nobody.txt")
    assert code == 0
    for expected in (
        "6 requests",
        "accuracy",
        "macro F1",
        "ECE",
        "p99",
        "0.500",
        "below-threshold 1, near-tie 1",
        "2 requests for nobody",
        "AUROC",
        "could be routed",
        "most confused",
    ):
        assert expected in out
    assert re.search(r"poet +grump +1", out)


def test_it_agrees_with_route(cli: Cli, data: str) -> None:
    """What `route --data` prints is a part of it, and the same."""
    short = json.loads(cli("route", "--data", data, "--json")[1])
    body = json.loads(cli("eval", "--data", data, "--json")[1])
    for name in short.keys() - {"p50_us", "p99_us"}:
        assert body[name] == short[name]
    assert body["out_of_scope"] is None
    assert body["budget"] is None


def test_the_page_is_one_file_that_needs_nothing_else(cli: Cli, data: str) -> None:
    """No script, no address, no style sheet elsewhere; stdout is the table as without it."""
    code, out, err = cli("eval", "--data", data, "--html", "r.html", "--json")
    assert code == 0
    json.loads(out)
    assert "r.html: written" in err
    page = Path("r.html").read_text(encoding="utf-8")
    for forbidden in ("<script", "http:", "https:", "src=", "href=", "@import", "url("):
        assert forbidden not in page
    assert "default-src 'none'" in page


def test_the_page_is_well_formed(cli: Cli, data: str) -> None:
    """Every element that is opened is closed, and every picture is XML with a title."""
    cli("eval", "--data", data, "--html", "r.html")
    page = Path("r.html").read_text(encoding="utf-8")
    open_elements: list[str] = []

    class Balance(html.parser.HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag not in ("meta", "br"):
                open_elements.append(tag)

        def handle_startendtag(self, tag: str, attrs: object) -> None:
            """Nothing is left open."""

        def handle_endtag(self, tag: str) -> None:
            assert open_elements.pop() == tag

    Balance().feed(page)
    assert not open_elements
    pictures = [ET.fromstring(found) for found in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]  # noqa: S314 - our own
    titles = [picture.findtext("title") for picture in pictures]
    names = ["Reliability diagram", "Risk-coverage curve", "Latency histogram", "Confusion of the worst labels"]
    assert titles == ["right", "wrong", "abstained", "Map of the requests", *names]  # the map's legend first
    drawn = dict(zip(titles, pictures, strict=True))
    assert len(drawn["Reliability diagram"].findall("circle")) >= 3
    assert drawn["Risk-coverage curve"].find("polyline[@class='curve']") is not None
    marks = [*drawn["Map of the requests"].iter("circle"), *drawn["Map of the requests"].iter("path")]
    assert len(marks) == 6
    assert "for ledger-keeper" in "".join(mark.findtext("title") or "" for mark in marks)
    heights = [float(bar.attrib["height"]) for bar in drawn["Latency histogram"].iter("rect")]
    assert max(heights) > 0
    for picture in pictures:
        width, height = (float(part) for part in picture.attrib["viewBox"].split()[2:])
        for shape in picture.iter("circle"):
            assert 0 <= float(shape.attrib["cx"]) <= width
            assert 0 <= float(shape.attrib["cy"]) <= height


def test_requests_for_nobody_have_marks_of_their_own(cli: Cli, data: str) -> None:
    """One that was routed is told apart by its shape from one that went to the wrong agent; both are in the table."""
    cli("eval", "--data", data, "--out-of-scope", "nobody.txt", "--html", "r.html")
    page = Path("r.html").read_text(encoding="utf-8")
    assert "for nobody, routed 1" in page
    assert page.count('<path class="cross"') == 2  # the legend and the map
    assert "<td>write a poem</td><td>nobody</td><td>poet</td><td>wrong</td>" in page


@pytest.mark.timeout(300)
def test_a_trained_router_shows_how_it_learnt(cli: Cli, data: str) -> None:
    """Accuracy and loss after each epoch come from the model file: nothing is trained again."""
    pytest.importorskip("torch")
    cli("train", "--data", data, "--out", "m.npz", "--epochs", "5")
    cli("eval", "--data", data, "--model", "m.npz", "--html", "r.html")
    page = Path("r.html").read_text(encoding="utf-8")
    assert "<title>Accuracy by epoch</title>" in page
    assert "<title>Loss by epoch</title>" in page
    assert re.search("<title>epoch 5: held out [0-9.]+%</title>", page)
    json_of = json.loads(cli("train", "--data", data, "--out", "m.npz", "--epochs", "5", "--json")[1])
    assert len(json_of["history"]) == 5
    assert all(0 <= epoch["held_out_accuracy"] <= 1 for epoch in json_of["history"])


@pytest.fixture
def examples(folder: Path) -> str:
    """Sixteen examples for each of two of the agents."""
    rows = [(f"balance the {thing} number {n}", "ledger-keeper") for thing in ("ledger", "book") for n in range(8)]
    rows += [(f"write a {thing} number {n}", "poet") for thing in ("poem", "verse") for n in range(8)]
    (folder / "train.jsonl").write_text("".join(json.dumps({"text": t, "label": label}) + "\n" for t, label in rows))
    return "train.jsonl"


@pytest.mark.timeout(300)
def test_a_learning_curve_says_what_more_examples_bring(cli: Cli, data: str, examples: str) -> None:
    """An eighth, a quarter, half and all of the examples, in the table, in JSON and as a picture."""
    pytest.importorskip("torch")
    code, out, err = cli("eval", "--data", data, "--learning-curve", examples, "--html", "r.html")
    assert code == 0, err
    assert re.search(r"trained on +examples +accuracy", out)
    assert re.search(r"12.5% +4 +[0-9.]+%", out)
    assert re.search(r"100% +32 +[0-9.]+%", out)
    page = Path("r.html").read_text(encoding="utf-8")
    assert "<title>Learning curve</title>" in page
    assert re.search("<title>32 examples: [0-9.]+% right</title>", page)
    curve = json.loads(cli("eval", "--data", data, "--learning-curve", examples, "--json")[1])["learning_curve"]
    assert [(point["share"], point["examples"]) for point in curve] == [(0.125, 4), (0.25, 8), (0.5, 16), (1.0, 32)]
    assert all(0 <= point["accuracy"] <= 1 for point in curve)


def test_a_learning_curve_without_torch_says_how_to_get_it(
    cli: Cli, data: str, examples: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It trains, and so needs the extra; nothing is measured before that is said."""
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "torch" else found(name, *rest)
    )
    code, out, err = cli("eval", "--data", data, "--learning-curve", examples)
    assert (code, out) == (1, "")
    assert "pip install 'pointsman[train]'" in err


def test_a_learning_curve_of_one_agent_is_refused(cli: Cli, data: str, folder: Path) -> None:
    """There is nothing to learn."""
    pytest.importorskip("torch")
    (folder / "one.jsonl").write_text('{"text": "write a poem", "label": "poet"}\n')
    code, _, err = cli("eval", "--data", data, "--learning-curve", "one.jsonl")
    assert code == 4
    assert "give examples of at least two labels" in err


@pytest.mark.timeout(120)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_the_page(cli: Cli, data: str, scheme: str) -> None:
    """Chromium draws it in both colours, and nothing in it asks for anything."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("NO BROWSER: the page of `eval` was not drawn; install chromium to have it drawn")
    cli("eval", "--data", data, "--html", "r.html")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={Path('profile').absolute()}"]
    flags += [f"--blink-settings=preferredColorScheme={('dark', 'light').index(scheme)}", "--window-size=900,1200"]
    command = [browser, *flags, f"--screenshot={Path('r.png').absolute()}", Path("r.html").absolute().as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=100)
    assert Path("r.png").read_bytes().startswith(b"\x89PNG")
    assert Path("r.png").stat().st_size > 10_000  # an empty page has a tenth of that


def test_labels_of_strangers_cannot_break_the_page(cli: Cli, folder: Path) -> None:
    """A label is text, whatever it looks like."""
    rows = [("zzz", "<script>alert(1)</script>"), ("qqq", '"><img src=x onerror=y>'), ("write a poem", "poet")]
    (folder / "e.jsonl").write_text("".join(json.dumps({"text": t, "label": label}) + "\n" for t, label in rows))
    cli("eval", "--data", "e.jsonl", "--html", "r.html")
    page = Path("r.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page


def test_a_router_without_errors_has_a_page_too(cli: Cli, folder: Path) -> None:
    """No confusion to draw, and it says so; on the terminal the table of pairs is left out."""
    rows = [("write a poem", "poet"), ("balance the ledger", "ledger-keeper")]
    (folder / "e.jsonl").write_text("".join(json.dumps({"text": t, "label": label}) + "\n" for t, label in rows))
    code, out, _ = cli("eval", "--data", "e.jsonl", "--html", "r.html")
    assert code == 0
    assert "most confused" not in out
    assert "abstained for" in out
    assert "every label was right every time" in Path("r.html").read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_is_an_error(cli: Cli, data: str) -> None:
    """Exit code 1, with the path."""
    code, _, err = cli("eval", "--data", data, "--html", "no/such/folder/r.html")
    assert code == 1
    assert "no/such/folder/r.html: cannot be written" in err


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        (["--data", "nowhere.jsonl"], "nowhere.jsonl"),
        (["--data", "d.jsonl", "--model", "nowhere.npz"], "nowhere.npz: does not exist"),
        (["--data", "d.jsonl", "--out-of-scope", "nowhere.txt"], "nowhere.txt: cannot be read"),
    ],
)
def test_what_cannot_be_read_is_named(cli: Cli, data: str, arguments: list[str], refusal: str) -> None:
    """No figures of half the files."""
    code, out, err = cli("eval", *arguments)
    assert code in (1, 4)
    assert out == ""
    assert refusal in err
