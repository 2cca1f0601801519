"""Agents that read past their context, one source each, and one that does not: what `doctor --determinism` has to name.

A line that has to be named ends in the comment `planted`.
"""

from __future__ import annotations

import os
import random
import time
import uuid
from typing import Any

from orchestrator.agent import agent
from orchestrator.context import TaskContext


@agent("stamper", summary="Stamps letters.", examples=["stamp the letter"])
async def stamper(request: str) -> Any:
    """Return the time."""
    return {"at": time.time(), "request": request}  # planted


@agent("namer", summary="Gives names.", examples=["give it a name"])
async def namer(request: str) -> Any:
    """Return an id."""
    return [str(uuid.uuid4()), request]  # planted


@agent("dicer", summary="Throws dice.", examples=["throw the dice"])
def dicer(request: str) -> Any:
    """Return a number; a plain function, which runs in a thread."""
    return [random.randint(1, 1_000_000), request]  # planted


@agent("sealer", summary="Seals letters.", examples=["seal the letter"])
async def sealer(request: str) -> Any:
    """Return random bytes."""
    return [os.urandom(4).hex(), request]  # planted


@agent("lister", summary="Lists words.", examples=["list the words"])
async def lister(request: str) -> Any:
    """Return words in the order of a set."""
    words = {"the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", *request.split()}
    return list(words)  # planted


@agent("clean", summary="Does well.", examples=["do well"])
async def clean(request: str, context: TaskContext) -> Any:
    """Return the time, an id, a number and words, each from where they should come."""
    return [context.clock.now(), context.new_id(), context.random.random(), sorted({"b", "a", *request.split()})]


PLANTED = (stamper, namer, dicer, sealer, lister, clean)
