"""What an HTTP client may do: how patient it is, how large an answer may be, how much it may use in all."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from orchestrator.policy import Retry

_FROZEN = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class HttpPolicy(BaseModel):
    """How one client makes its calls. Seconds are the event loop's."""

    model_config = _FROZEN

    timeout_s: float = Field(default=60.0, gt=0, le=86_400, description="one call: attempts, waits, redirects and all")
    attempt_timeout_s: float = Field(default=30.0, gt=0, le=86_400, description="one attempt, to the body's end")
    connect_timeout_s: float = Field(
        default=5.0, gt=0, le=3600, description="look-up, connection and TLS of an attempt"
    )
    retry: Retry = Retry()
    retry_after_max_s: float = Field(default=30.0, ge=0, le=3600, description="longest wait a service may ask for")
    redirects: int = Field(default=5, ge=0, le=50, description="followed in one call")
    max_answer_bytes: int = Field(default=10_000_000, ge=1, description="a body's size, packed and unpacked")
    connections: int = Field(default=10, ge=1, le=10_000, description="at the same time, those put by included")
    idle_s: float = Field(default=15.0, ge=0, le=3600, description="an unused connection is kept for so long")

    @model_validator(mode="after")
    def _answers_tried_again_are_fixed(self) -> Self:
        stated = [name for name in ("only", "never", "total_s") if getattr(self.retry, name)]
        if stated:
            raise ValueError(
                f"retry.{stated[0]} is for tasks; which answers are tried again is fixed, timeout_s bounds all"
            )
        return self


class HttpBudget(BaseModel):
    """What one client may use in all; None is no limit. Attempts and redirects are requests too."""

    model_config = _FROZEN

    requests: int | None = Field(default=None, ge=0)
    body_bytes: int | None = Field(default=None, ge=0, description="sent and received, without headers")
    seconds: float | None = Field(default=None, ge=0, description="from the client's first call on")
