import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.causes import kinds_of
from orchestrator.fault import Fault, KeptError, keep, revive
from orchestrator.foreign import describe
from orchestrator.http_errors import AddressBlockedError, HttpTimeoutError, HttpTransportError


class OddError(Exception):
    """Says something else than what it was given."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(code)

    def __str__(self) -> str:
        return f"code {self.code}"


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no"),
        TimeoutError(),
        ConnectionResetError(104, "reset"),
        HttpTransportError("GET http://a", "broke", nothing_sent=True),
        HttpTimeoutError("GET http://a", 3, "timeout_s"),
        AddressBlockedError("a", "127.0.0.1", "loopback"),
        OddError(7),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_exception_comes_back_as_it_was(error: Exception) -> None:
    """Of the same class, saying the same, carrying the same: handlers catch it and look at it."""
    back = revive(Fault.from_json(orjson.loads(orjson.dumps(keep(error).to_json()))))
    assert type(back) is type(error)
    assert (describe(back), kinds_of(back)) == (describe(error), kinds_of(error))
    assert vars(back) == vars(error)


def test_of_a_class_that_is_not_there_name_kinds_and_message_come_back() -> None:
    """So that rows, and policies that retry by class, go the same way; nothing is imported for it."""
    fault = Fault("left.pad", "Leaf.GoneError", ("GoneError", "LookupError"), "went away")
    back = revive(fault)
    assert isinstance(back, KeptError)
    assert describe(back) == "GoneError: went away"
    assert kinds_of(back)[:2] == ("GoneError", "LookupError")


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_name_in_a_file_makes_anything_but_an_exception(module: str, name: str) -> None:
    """A class that is no exception, or a function, is never called."""
    for fault in (Fault(module, name, (), "t"), Fault("os", "system", (), "true"), Fault("builtins", "object", (), "")):
        assert isinstance(revive(fault), Exception)
