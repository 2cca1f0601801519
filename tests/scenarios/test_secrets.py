"""Secrets: found by form and check digits; what only looks like one is none."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.agent import agent
from orchestrator.messages import Task
from router import KeywordRouter
from scenarios.logbook import Logbook
from scenarios.runner import ScenarioResult, run_scenario
from scenarios.scenario import Scenario
from scenarios.secrets import find_in_value, find_secrets, luhn_holds, mod_97_holds
from tests.scenarios.texts import CLERK

SECRETS = {
    "card-number": ["4111 1111 1111 1111", "5500-0000-0000-0004", "378282246310005", "6011000990139424"],
    "iban": ["DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819", "NO9386011117947"],
    "token": ["Bearer abcDEF123456", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "ghp_0123456789abcdefABCD"],
    "private-key": ["-----BEGIN PRIVATE KEY-----", "-----BEGIN EC PRIVATE KEY-----"],
    "email": ["ann.o'neil+x@mail.example.org", "a@b.co"],
}
HARMLESS = [
    "4111 1111 1111 1112",  # Luhn does not hold
    "1767603600.123456789",  # seconds since the epoch
    "0.4111111111111111",  # a score
    "a4111111111111111",  # part of an id
    "0000000000000000",
    "DE88 3704 0044 0532 0130 00",  # mod 97 does not hold
    "the bearer of this letter",
    "an agent named eyJhb",
    "-----BEGIN CERTIFICATE-----",
    "someone@localhost",
]


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in SECRETS.items() for text in texts])
def test_a_secret_is_found_wherever_it_stands(kind: str, text: str) -> None:
    """Alone, in a sentence, in a URL, in JSON within JSON, as a key."""
    for around in ("{}", "Refused: {}, he said.", "https://example.org/pay?to={}&x=1", '{{"to": "{}"}}', "\n{}\n"):
        assert kind in [secret.kind for secret in find_secrets(around.format(text))], around
    value = {"a": [1, {"b/c": f"to {text}"}], text: None}
    assert ("/a/1/b~1c", kind) in [(way, secret.kind) for way, secret in find_in_value(value)]
    assert ("", kind) in [(way, secret.kind) for way, secret in find_in_value(value)]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_a_secret_is_none(text: str) -> None:
    """Check digits, and what stands around, tell them apart."""
    assert list(find_secrets(f"x {text} y")) == []


def test_a_number_may_be_a_card_number() -> None:
    """JSON numbers are looked at like texts; true is no number."""
    found = list(find_in_value({"card": 4111111111111111, "paid": True, "at": 1767603600.5}))
    assert [(way, secret.kind) for way, secret in found] == [("/card", "card-number")]


@settings(max_examples=30)
@given(st.integers(10**12, 10**18))
def test_luhn_holds_for_one_last_digit_of_ten(number: int) -> None:
    """As the standard has it: exactly one check digit fits what stands before it."""
    assert sum(luhn_holds(f"{number}{digit}") for digit in range(10)) == (len(set(str(number))) > 1 or number % 10 != 0)


@settings(max_examples=30)
@given(st.from_regex(r"[A-Z0-9]{11,30}", fullmatch=True))
def test_mod_97_holds_for_the_check_digits_that_are_computed(account: str) -> None:
    """98 less the rest of the number with 00 in their place fits, the next number does not."""
    rest = int("".join(str(int(one, 36)) for one in f"{account}DE00")) % 97
    assert mod_97_holds(f"DE{98 - rest:02d}{account}")
    assert not mod_97_holds(f"DE{(98 - rest) % 97 + 1:02d}{account}")


@pytest.mark.parametrize(
    ("leak", "where"),
    [
        ("output", "there is email in row 7 of the journal (task.completed of a) at /output"),
        ("log", "there is email in line 2 of the log"),
        ("traceback", "there is email in line 6 of the log"),
        ("nowhere", "there is none"),
    ],
)
def test_no_secret_in_anything_that_a_run_leaves(leak: str, where: str, load: Callable[[str], list[Scenario]]) -> None:
    """What an agent returns, logs, and what is in the traceback of an error that it logs."""

    @agent("clerk", summary="Stamps forms.", examples=["Stamp the form"])
    async def careless(task: Task) -> str:
        logger, address = logging.getLogger("clerk"), "@".join(("ann", "example.org"))
        if leak == "log":
            logger.warning("refused for %s", address)
        if leak == "traceback":
            try:
                int(address)
            except ValueError:
                logger.exception("refused")
        return address if leak == "output" else "done"

    given = CLERK[: CLERK.index("  scripted")] + "  agents: clerk\n"
    text = given + CLERK[CLERK.index("when:") : CLERK.index("  - {type: c")]
    (scenario,) = load(text + "  - {type: no-secrets}\n")
    result: ScenarioResult = run_scenario(scenario, agents=[careless], router=KeywordRouter)
    assert result.outcomes[0].happened == where
    assert result.verdict == ("passed" if leak == "nowhere" else "failed")
    assert not [one for one in logging.getLogger().handlers if isinstance(one, Logbook)]
