import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from router.tokenizer import MAX_TOKENS, pieces, tokenize, tokens_of

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()))


def test_words_numbers_and_marks_are_tokens() -> None:
    """Words are lower-cased, numbers and marks stand alone, underscores separate."""
    assert tokenize("Don't drop TABLE accounts_2024;") == ["don't", "drop", "table", "accounts", "2024", ";"]


def test_a_typographic_apostrophe_is_an_apostrophe() -> None:
    """Text from a word processor gives the same tokens as text from a terminal."""
    assert tokenize("don\u2019t") == tokenize("don't")


def test_scripts_without_spaces_give_pairs_of_characters() -> None:
    """Chinese, Japanese and Thai between other words: each two neighbours are a token, one alone is its own."""
    assert tokenize("检查SQL迁移脚本") == ["检查", "sql", "迁移", "移脚", "脚本"]
    assert tokenize("表 ログを見る") == ["表", "ログ", "グを", "を見", "見る"]
    assert tokenize("ใคร") == ["ใค", "คร"]


def test_a_word_keeps_its_vowel_signs_and_accents() -> None:
    """Hindi words stay whole; an accent that is a character of its own is the same as one that is not."""
    assert tokenize("यह माइग्रेशन सुरक्षित है।") == ["यह", "माइग्रेशन", "सुरक्षित", "है", "।"]
    assert tokenize("fu\u0308r") == tokenize("f\u00fcr") == ["f\u00fcr"]


@given(ANY_TEXT)
def test_any_string_gives_bounded_tokens(text: str) -> None:
    """No string, lone surrogates included, raises or gives too many or too long tokens."""
    tokens = tokenize(text)
    assert len(tokens) <= MAX_TOKENS
    assert all(0 < len(token) <= 41 for token in tokens)


@given(ANY_TEXT)
def test_tokenizing_the_tokens_changes_nothing(text: str) -> None:
    """Tokenizing is idempotent, lower-casing included."""
    tokens = tokenize(text)
    assert tokenize(" ".join(tokens)) == tokens


def test_plain_text_is_split_like_any_other() -> None:
    """The shorter way for ASCII gives the same tokens, for every single character and every pair of them."""
    plain = [chr(code) for code in range(128)]
    for text in (*plain, *(f"{one}{other}" for one in plain for other in plain)):
        assert tokenize(text) == tokenize(f"{text} \u00e9")[:-1]


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_plain_words_are_split_like_any_others(text: str) -> None:
    """That holds for whole texts, too."""
    assert tokenize(text) == tokenize(f"{text} \u00e9")[:-1]


@given(ANY_TEXT)
def test_no_token_crosses_white_space(text: str) -> None:
    """The tokens of the pieces are those of the text, and a token is a piece of its own."""
    assert [token for piece in pieces(text) for token in tokens_of(piece)][:MAX_TOKENS] == tokenize(text)
    assert all(tokens_of(token) == [token] for token in tokenize(text))


def test_a_long_text_is_cut() -> None:
    """A text of a million words costs no more than its first ones."""
    assert tokenize("word " * 1_000_000) == ["word"] * MAX_TOKENS


def test_hashes_do_not_depend_on_the_hash_seed() -> None:
    """Two processes with different hash seeds put a text into the same buckets."""
    program = "from router.features import word_buckets; print(word_buckets('migration', 20).tolist())"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True, text=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
