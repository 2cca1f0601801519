"""Policy: how an agent is run. One frozen value per agent; the supervisor applies it."""

from __future__ import annotations

import random
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from orchestrator.budget import UNLIMITED, Budget

Isolation = Literal["none", "process"]
_FROZEN = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Retry(BaseModel):
    """How often and how patiently a failing attempt is repeated."""

    model_config = _FROZEN

    max_attempts: int = Field(default=3, ge=1, le=100, description="attempts in all, the first included")
    backoff_s: float = Field(default=0.5, ge=0, le=3600, description="seconds before the second attempt")
    factor: float = Field(default=2.0, ge=1, le=10, description="each wait is this many times the one before")
    max_backoff_s: float = Field(default=60.0, ge=0, le=86_400, description="no wait is longer than this")
    jitter: float = Field(default=0.1, ge=0, le=1, description="share of the wait that is drawn at random")

    def delay(self, attempt: int, rng: random.Random) -> float:
        """Return the seconds to wait after failed attempt number `attempt` (1-based)."""
        wait = min(self.backoff_s * self.factor ** (attempt - 1), self.max_backoff_s)
        return wait * (1 - self.jitter + self.jitter * rng.random())


class Breaker(BaseModel):
    """When an agent that keeps failing is left alone, and for how long."""

    model_config = _FROZEN

    failures: int = Field(default=5, ge=1, le=10_000, description="failed attempts in a row that open the breaker")
    cooldown_s: float = Field(default=30.0, gt=0, le=86_400, description="seconds until one attempt may probe again")


class Policy(BaseModel):
    """How one agent is run.

    `memory_mb`, `cpu_s` and `grace_s` hold for `isolation="process"`: nothing but a process can be bounded so.
    """

    model_config = _FROZEN

    concurrency: int = Field(default=4, ge=1, le=10_000, description="attempts of this agent at the same time")
    timeout_s: float = Field(default=60.0, gt=0, le=86_400, description="seconds that one attempt may take")
    retry: Retry = Retry()
    breaker: Breaker = Breaker()
    budget: Budget = Field(default=UNLIMITED, description="what each agent may use in a run")
    isolation: Isolation = Field(default="none", description="process: the handler runs in a process of its own")
    memory_mb: int | None = Field(
        default=None, ge=1, le=1_048_576, description="MB that a process may take beyond what it had when it was ready"
    )
    cpu_s: float | None = Field(default=None, gt=0, le=86_400, description="seconds of CPU that one attempt may use")
    grace_s: float = Field(default=1.0, ge=0, le=3600, description="seconds to clean up in before a late one is killed")
    max_output_mb: float = Field(default=16.0, gt=0, le=1024, description="MB of JSON that an answer may have")

    @model_validator(mode="after")
    def _limits_need_a_process(self) -> Self:
        if self.isolation == "none" and (self.memory_mb is not None or self.cpu_s is not None):
            raise ValueError('memory_mb and cpu_s bound a process; set isolation to "process" as well')
        return self
