"""XES: a log made rows and a log again is the same log; what is none is refused, and soon."""

from __future__ import annotations

import gzip
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.errors import DocumentError
from orchestrator.messages import Envelope
from scenarios.exchange.xes import attribute, log_of_rows, rows_of_log
from scenarios.exchange.xes_reader import MAX_DEPTH, Part, read_xes

LOG = """\
<?xml version="1.0" encoding="UTF-8" ?>
<!-- made by hand -->
<log xes.version="1.0" xmlns="http://www.xes-standard.org/">
  <extension name="Time" prefix="time" uri="http://www.xes-standard.org/time.xesext"/>
  <global scope="event"><date key="time:timestamp" value="1970-01-01T00:00:00.000+00:00"/></global>
  <classifier name="Activity" keys="concept:name"/>
  <string key="source" value="a &quot;bank&quot; &amp; more"/>
  <trace>
    <string key="concept:name" value="case 7"/>
    <int key="amount" value="4000"/>
    <event>
      <string key="concept:name" value="submitted"/>
      <date key="time:timestamp" value="2011-10-01T00:38:44.546+02:00"/>
    </event>
    <event>
      <string key="concept:name" value="partly submitted"/>
      <date key="time:timestamp" value="2011-10-01T00:38:44.546+02:00"/>
      <list key="notes"><values><string key="note" value="one"/><string key="note" value="two"/></values></list>
    </event>
  </trace>
  <trace>
    <event><string key="concept:name" value="alone"><string key="inner" value="x"/></string></event>
    <string key="comment" value="after its events"/>
  </trace>
  <event><string key="concept:name" value="of no case"/></event>
  <string key="last" value="word"/>
</log>
"""


def written(folder: Path, text: str, name: str = "log.xes") -> Path:
    """Return a file with a text."""
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def round_trip(folder: Path, path: Path) -> list[Part]:
    """Return the parts of what a log becomes by way of rows."""
    again = written(folder, "".join(log_of_rows(rows_of_log(path))), "again.xes")
    return list(read_xes(again))


@pytest.mark.parametrize("name", ["log.xes", "log.xes.gz"])
def test_a_log_by_way_of_rows_is_the_same_log(tmp_path: Path, name: str) -> None:
    """Cases, events, their order and all attributes, ties and what is inside others included."""
    path = written(tmp_path, LOG, name)
    parts = list(read_xes(path))
    assert [part.kind for part in parts] == ["log", "case", "event", "event", "case", "event", "loose", "log"]
    assert round_trip(tmp_path, path) == parts


def test_a_case_is_a_task_and_an_event_a_row_about_it(tmp_path: Path) -> None:
    """Its time is the event's own; a tie is in the order of the file; a case without a name has a number."""
    rows = list(rows_of_log(written(tmp_path, LOG)))
    assert [row.correlation_id for row in rows] == ["", "case 7", "case 7", "case 7", "case-2", "case-2", "", ""]
    assert rows[0].at == rows[1].at == rows[2].at == rows[3].at == 1317422324.546
    assert [attribute(row.body["elements"], "concept:name") for row in rows[2:4]] == ["submitted", "partly submitted"]
    assert rows[5].at == rows[3].at  # it has no time of its own


def test_a_log_of_nothing_is_one_too(tmp_path: Path) -> None:
    """What is said of it comes first, also where that is nothing."""
    assert [part.kind for part in read_xes(written(tmp_path, "<log/>"))] == ["log"]
    path = written(tmp_path, "<log><event/><trace/></log>")
    assert [(row.topic, row.at) for row in rows_of_log(path)] == [
        ("imported.log", 0.0),
        ("imported.event", 0.0),
        ("imported.case", 0.0),
    ]
    assert round_trip(tmp_path, path) == list(read_xes(path))


def test_a_run_of_ours_is_a_log_with_a_case_for_each_task(tmp_path: Path) -> None:
    """Its rows are events: what, when, who."""
    rows = [
        Envelope("1", "run.started", "", "", 0.0, {}),
        Envelope("2", "task.started", "a", "", 1.5, {"agent": "clerk"}),
        Envelope("3", "task.completed", "a", "2", 1.5, {"agent": "clerk"}),
        Envelope("4", "task.submitted", "b", "", 1.5, {}),
    ]
    parts = list(read_xes(written(tmp_path, "".join(log_of_rows(rows)))))
    assert [part.kind for part in parts] == ["log", "case", "event", "event", "case", "event"]
    assert attribute(parts[2].elements, "org:resource") == "clerk"
    assert attribute(parts[2].elements, "lifecycle:transition") == "start"
    assert attribute(parts[3].elements, "time:timestamp") == "1970-01-01T00:00:01.500000+00:00"
    assert list(read_xes(written(tmp_path, "".join(log_of_rows([]))))) != []


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"], include_characters="\t\n\r"), max_size=12)
ATTRIBUTES: st.SearchStrategy[tuple[object, ...]] = st.recursive(
    st.tuples(st.sampled_from(["string", "int", "date"]), TEXTS, TEXTS, st.just([])),
    lambda inner: st.tuples(st.just("list"), TEXTS, TEXTS, st.lists(inner, max_size=3)),
    max_leaves=6,
)
EVENTS = st.lists(ATTRIBUTES, max_size=3)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(EVENTS, st.lists(st.tuples(EVENTS, st.lists(EVENTS, max_size=3)), max_size=3))
def test_any_log_comes_back(
    tmp_path: Path, about: list[object], cases: list[tuple[list[object], list[object]]]
) -> None:
    """Whatever its texts are: quotes, white space, letters of any script."""
    root = ET.Element("log", {"xes.version": "1.0"})
    _fill(root, about)
    for attributes, events in cases:
        case = ET.SubElement(root, "trace")
        _fill(case, attributes)
        for event in events:
            _fill(ET.SubElement(case, "event"), event)
    path = written(tmp_path, ET.tostring(root, encoding="unicode"))
    assert round_trip(tmp_path, path) == list(read_xes(path))


def _fill(parent: ET.Element, attributes: object) -> None:
    assert isinstance(attributes, list)
    for kind, key, value, inner in attributes:
        _fill(ET.SubElement(parent, kind, {"key": key, "value": value}), inner)


BOMB = """\
<?xml version="1.0"?>
<!DOCTYPE log [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;">]>
<log><string key="x" value="&c;"/></log>
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "log.xes:2:15: it declares a document type"),
        ('<!DOCTYPE log SYSTEM "file:///etc/passwd"><log/>', "log.xes:1:42: it declares a document type"),
        ("<log><trace></log>", "log.xes:1:15: no XML: mismatched tag"),
        ("<plan/>", "log.xes:1:1: its root is <plan>, not <log>"),
        ("<log>some words</log>", "text 'some words' between elements"),
        ("<log>" * (MAX_DEPTH + 1), "nested more than 64 deep"),
        ("", "no XML: no element found"),
        ("<log>", "no XML: no element found"),
        ("\x00\x01", "no XML: not well-formed"),
    ],
)
def test_what_is_no_log_is_refused_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    """A document type before anything is made of its entities."""
    with pytest.raises(DocumentError) as caught:
        list(read_xes(written(tmp_path, text)))
    assert said in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Missing, or cut off in the middle of its packing."""
    with pytest.raises(DocumentError, match="cannot be read"):
        list(read_xes(tmp_path / "nowhere.xes"))
    whole = gzip.compress(LOG.encode())
    (tmp_path / "cut.xes.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DocumentError, match=r"cut\.xes\.gz"):
        list(read_xes(tmp_path / "cut.xes.gz"))


def test_what_xml_cannot_hold_is_replaced(tmp_path: Path) -> None:
    """A row may have any text in it."""
    rows = [Envelope("1", "task.started", "a\x00b\ud800", "", 1.0, {"agent": "c\tl\nk"})]
    parts = list(read_xes(written(tmp_path, "".join(log_of_rows(rows)))))
    assert attribute(parts[1].elements, "concept:name") == "a\ufffdb\ufffd"
    assert attribute(parts[2].elements, "org:resource") == "c\tl\nk"
