"""The code digest: what a handler's own code is, so that a resumed run knows whether it has changed."""

from __future__ import annotations

import functools
import hashlib
import inspect
from types import CodeType

from orchestrator.agent import Agent, FunctionAgent


def digest_code(agent: Agent) -> str:
    """Return 16 hex digits over the compiled code of an agent's handler; empty where it has none in Python.

    Functions that the handler calls are not in it, and another version of Python compiles to other code: `version` on
    the card is for what this cannot see.
    """
    code = code_of(agent)
    return "" if code is None else hashlib.sha256(_canonical(code)).hexdigest()[:16]


def code_of(agent: Agent) -> CodeType | None:
    """Return the compiled code of what an agent's author wrote; None where it has none in Python."""
    handler: object = agent.origin if isinstance(agent, FunctionAgent) else agent.handle
    while isinstance(handler, functools.partial):
        handler = handler.func
    handler = inspect.unwrap(handler) if callable(handler) else handler
    code = getattr(handler, "__code__", None)
    return code if isinstance(code, CodeType) else None


def _canonical(code: CodeType) -> bytes:
    """Return bytes that are equal for equal code, wherever it stands and whatever seed strings are hashed with."""
    constants = [
        _canonical(constant) if isinstance(constant, CodeType) else _plain(constant) for constant in code.co_consts
    ]
    names = repr((code.co_names, code.co_varnames, code.co_freevars)).encode()
    return b"\0".join([code.co_code, names, *constants])


def _plain(constant: object) -> bytes:
    if isinstance(constant, frozenset):  # `x in {"a", "b"}`: its order depends on the seed
        return repr(sorted(map(repr, constant))).encode()
    return repr(constant).encode()
