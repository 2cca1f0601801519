"""Gherkin: a feature file made skeletons of scenarios, which load."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.errors import DocumentError
from scenarios.exchange.gherkin import file_name, read_feature, skeleton
from scenarios.loader import load_scenarios

FEATURE = '''\
# language: en
@bank
Feature: Card disputes
  As a customer I want my money back.

  Background:
    Given a customer with a card

  @smoke @cards
  Scenario: Somebody else used my card
    Given a payment of 129.90
      | shop | amount |
      | ACME | 129.90 |
    When the customer says "I did not make this payment"
    And the customer asks to block the card
    Then the card is blocked
    But no money has moved

  Scenario Outline: Asking for <what>
    When the customer asks for <what> in <the words>
      """
      as it is written
      """
    Then somebody answers

    Examples:
      | what      | the words | note |
      | a loan    | "please"  | x    |
      | a 2nd one | now: #1   | y    |

  Scenario: <nobody> said
'''


def written(folder: Path, text: str) -> Path:
    """Return a feature file."""
    path = folder / "cards.feature"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_feature_is_read_as_its_scenarios(tmp_path: Path) -> None:
    """Tags of both, the background first, `And` as what it follows, tables and quotes in the step."""
    first, second, third = read_feature(written(tmp_path, FEATURE))
    assert (first.name, first.tags) == ("Somebody else used my card", ("bank", "smoke", "cards"))
    assert first.steps == [
        ("Given", "a customer with a card"),
        ("Given", "a payment of 129.90 shop | amount ACME | 129.90"),
        ("When", 'the customer says "I did not make this payment"'),
        ("When", "the customer asks to block the card"),
        ("Then", "the card is blocked"),
        ("Then", "no money has moved"),
    ]
    assert second.columns == ("what", "the words", "note")
    assert second.rows == [("a loan", '"please"', "x"), ("a 2nd one", "now: #1", "y")]
    assert third.steps == [("Given", "a customer with a card")]


def test_its_skeletons_load(tmp_path: Path) -> None:
    """A task for each `When`; a row of examples is a scenario; what is left to do stands there."""
    path, taken = written(tmp_path, FEATURE), set[str]()
    loaded = []
    for story in read_feature(path):
        made = tmp_path / file_name(story, taken)
        made.write_text(skeleton(story, path), encoding="utf-8")
        loaded += load_scenarios(made)
    assert [scenario.title for scenario in loaded] == [
        "Somebody else used my card", "Asking for a loan [1]", "Asking for a 2nd one [2]", "nobody said",
    ]  # fmt: skip
    requests = [task.request for scenario in loaded for step in scenario.when for task in step.tasks]
    assert requests[:2] == ['the customer says "I did not make this payment"', "the customer asks to block the card"]
    assert requests[2] == 'the customer asks for a loan in "please" as it is written'
    assert loaded[0].tags == ("bank", "smoke", "cards")
    assert "# Then the card is blocked" in (tmp_path / "somebody-else-used-my-card.scenario.yaml").read_text()


def test_two_of_the_same_name_get_files_of_their_own(tmp_path: Path) -> None:
    """And one whose name has no letter gets a name."""
    text = "Feature: f\n" + "Scenario: Same\nWhen x\n" * 2 + "Scenario: ???\nWhen x\n"
    taken = set[str]()
    names = [file_name(story, taken) for story in read_feature(written(tmp_path, text))]
    assert names == ["same.scenario.yaml", "same-2.scenario.yaml", "scenario.scenario.yaml"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("some words", "cards.feature:1:1: 'some words' before any feature"),
        ("  Scenario: x", "cards.feature:1:3: 'Scenario' before any feature"),
        ("Feature: x", "it has no scenario"),
        ("Feature: x\nExamples:\n", "cards.feature:2:1: 'Examples' of no scenario"),
        ("Feature: x\nScenario: y\nExamples:\n|a|b|\n|1|\n", "cards.feature:5:1: 1 cells below 2 columns"),
        ('Feature: x\nScenario: y\nWhen z\n"""\nmore', 'a text in """ has no end'),
    ],
)
def test_what_is_no_feature_is_refused_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    """Line and column."""
    with pytest.raises(DocumentError) as caught:
        read_feature(written(tmp_path, text))
    assert said in str(caught.value)


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Missing, or not UTF-8."""
    with pytest.raises(DocumentError, match="cannot be read"):
        read_feature(tmp_path / "nowhere.feature")
    (tmp_path / "bad.feature").write_bytes(b"Feature: \xff")
    with pytest.raises(DocumentError, match="not UTF-8 at byte 9"):
        read_feature(tmp_path / "bad.feature")


def test_rows_that_would_make_no_title_do_not(tmp_path: Path) -> None:
    """An empty cell is a dash; where a cell is too long for the title, that does without it."""
    text = "Feature: f\nScenario Outline: <a>\nWhen do <a>\nExamples:\n|a|\n||\n|{}|\n"
    path = written(tmp_path, text.format("x"))
    made = tmp_path / "made.scenario.yaml"
    made.write_text(skeleton(read_feature(path)[0], path))
    assert [scenario.title for scenario in load_scenarios(made)] == ["- [1]", "x [2]"]
    path = written(tmp_path, text.format("x" * 300))
    made.write_text(skeleton(read_feature(path)[0], path))
    assert [scenario.title for scenario in load_scenarios(made)] == ["a [1]", "a [2]"]


WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029"))


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(WORDS, WORDS, WORDS, WORDS)
def test_whatever_it_says_the_skeleton_loads(tmp_path: Path, name: str, step: str, column: str, cell: str) -> None:
    """Quotes, colons, signs that YAML minds, placeholders of no column."""
    column, cell = (json.dumps(text).replace("|", "").strip() for text in (column, cell))
    text = f"Feature: f\nScenario: n {name}\nGiven {name}\nWhen w <{column}> {step}\nThen {step}\n"
    text += f"Examples:\n| {column} |\n| {cell} |\n"
    path, taken = written(tmp_path, text), set[str]()
    for story in read_feature(path):
        made = tmp_path / file_name(story, taken)
        made.write_text(skeleton(story, path), encoding="utf-8")
        assert load_scenarios(made)
