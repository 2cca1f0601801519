"""People: they answer what is asked of them, in their time; who is missing is named."""

from __future__ import annotations

from collections.abc import Callable

from scenarios.runner import ScenarioResult

Play = Callable[[str], ScenarioResult]

ASKING = """\
scenario: made for a test
given:
  scripted:
    - agent: clerk
      summary: Stamps forms.
      examples: [Stamp the form]
      behaviour: BEHAVIOUR
  people: PEOPLE
when:
  - submit: {id: a, request: Stamp the form, agent: clerk}
then:
"""
ASKS = "{asks: {question: Stamp it?, options: ['yes', 'no']}, takes_s: 1}"


def asking(people: str, *expectations: str, behaviour: str = ASKS) -> str:
    """Return a scenario with one agent that asks, these people, and these expectations."""
    lines = "".join(f"  - {{{line}}}\n" for line in expectations)
    return ASKING.replace("BEHAVIOUR", behaviour).replace("PEOPLE", people) + lines


def test_an_answer_comes_in_virtual_time_and_costs_no_attempt(play: Play) -> None:
    """The task waits for as long as the person takes; the answer is the output, on record with who gave it."""
    result = play(
        asking(
            "[{task: a, answers: 'yes', takes_s: 3600, by: Ann}]",
            "type: completed, task: a, attempts: 1",
            "type: result, task: a, equals: 'yes'",
            "type: latency, task: a, at_least_s: 3602, at_most_s: 3602",
            "type: asked, task: a, answer: 'yes'",
        )
    )
    assert [outcome.message for outcome in result.outcomes if not outcome.met] == []
    assert [row.body["by"] for row in result.rows if row.topic == "task.answered"] == ["Ann"]


def test_what_the_script_returns_comes_before_the_answer(play: Play) -> None:
    """A script that says what it returns returns that."""
    behaviour = ASKS.replace("takes_s: 1", "returns: stamped")
    result = play(asking("[{task: a, answers: 'no'}]", "type: result, task: a, equals: stamped", behaviour=behaviour))
    assert result.verdict == "passed"


def test_a_question_that_nobody_answers_is_an_error_that_says_whom_to_add(play: Play) -> None:
    """It would wait for ever; a person who is meant for another question does not count."""
    for people in ("[]", "[{task: a, answers: 'yes', key: other}]"):
        result = play(asking(people, "type: completed, task: a"))
        assert result.verdict == "error"
        assert "task 'a' asks 'Stamp it?' and nobody answers; add `people: [{task: a, answers: ...}]`" in result.error


def test_of_several_questions_that_nobody_answers_one_is_told(play: Play) -> None:
    """They are asked at the same moment; the run cannot be played, and is no crash."""
    text = asking("[]", "type: completed, task: a")
    result = play(text.replace("then:", "  - submit: {id: b, request: Stamp the form, agent: clerk}\nthen:"))
    assert (result.verdict, result.error.split(" and ")[0]) == ("error", "task 'a' asks 'Stamp it?'")


def test_an_answer_that_is_none_of_the_options_is_an_error(play: Play) -> None:
    """What `pointsman answer` would refuse is refused here."""
    result = play(asking("[{task: a, answers: perhaps}]", "type: completed, task: a"))
    assert result.verdict == "error"
    assert "'perhaps' is none of its options; known: no, yes" in result.error


def test_the_same_scenario_gives_equal_bytes_with_people_too(play: Play) -> None:
    """Answers are part of what is repeated."""
    text = asking("[{task: a, answers: 'yes', takes_s: 5}]", "type: completed, task: a")
    assert play(text).journal == play(text).journal
