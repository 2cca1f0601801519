import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import topics
from orchestrator.errors import TopicError
from orchestrator.topics import ENDINGS, MAX_LENGTH, check_topic, command_for, compile_pattern

tokens = st.text(string.ascii_lowercase[:3], min_size=1, max_size=2)
topic_lists = st.lists(tokens, min_size=1, max_size=4)
pattern_lists = st.tuples(st.lists(tokens | st.just("*"), max_size=3), st.sampled_from([[], [">"], ["*"]]))


def naive_match(pattern: list[str], topic: list[str]) -> bool:
    """Match token by token, as the NATS documentation describes it."""
    if not pattern or not topic:
        return not pattern and not topic
    if pattern[0] == ">":
        return True
    return pattern[0] in ("*", topic[0]) and naive_match(pattern[1:], topic[1:])


@given(pattern_lists, topic_lists)
def test_a_compiled_pattern_matches_like_the_naive_reference(
    pattern: tuple[list[str], list[str]], topic: list[str]
) -> None:
    """`*` is exactly one token, a last `>` one or more, anything else itself."""
    parts = [*pattern[0], *pattern[1]] or ["*"]
    assert compile_pattern(".".join(parts))(".".join(topic)) == naive_match(parts, topic)


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", "a b", "a.ü", "a\n", "x" * (MAX_LENGTH + 1), "a.*", ">"])
def test_a_malformed_topic_is_refused_by_name(text: str) -> None:
    """A topic is tokens and dots; the error carries the offending text and shows a right one."""
    with pytest.raises(TopicError, match=r"such as 'task\.routed'") as caught:
        check_topic(text)
    assert text.startswith(caught.value.text)


@pytest.mark.parametrize("text", ["", ">.a", "a.>.b", "a*", "a.**", "a..b", "a.>>"])
def test_a_malformed_pattern_is_refused(text: str) -> None:
    """A wildcard is a whole token, and `>` stands at the end."""
    with pytest.raises(TopicError):
        compile_pattern(text)


def test_every_topic_of_the_table_is_a_topic() -> None:
    """The table of topics holds valid topics only, each once; endings stand for five different statuses."""
    table = [value for name, value in vars(topics).items() if name.isupper() and isinstance(value, str)]
    assert [check_topic(topic) for topic in table] == list(dict.fromkeys(table))
    assert len(set(ENDINGS.values())) == len(ENDINGS) == 5
    assert check_topic(command_for("sql-checker")) == "agent.sql-checker"
