"""Mutants: faults planted into the real code, each of which its machine must find."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import pytest

from orchestrator import topics
from orchestrator.bus import Bus, Fact, Subscription
from orchestrator.errors import StaleOwnerError
from orchestrator.graph import TaskGraph, Unlocked
from orchestrator.journal import batch
from orchestrator.journal.claim import Claim
from orchestrator.journal.ownership import Hold, Owner
from orchestrator.messages import Envelope, Result, Task
from orchestrator.topics import EFFECT_DONE, EFFECT_INTENDED, EFFECT_RAISED, TASK_STARTED

Mutant = Callable[[pytest.MonkeyPatch], None]


def a_delivery_is_dropped(patch: pytest.MonkeyPatch) -> None:
    real = Subscription.offer
    patch.setattr(Subscription, "offer", lambda self, given: real(self, given) if int(given.id) % 13 else None)


def an_unlock_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    real = TaskGraph.complete

    def complete(self: TaskGraph, task_id: str, result: Result) -> Unlocked:
        unlocked = real(self, task_id, result)
        return Unlocked(unlocked.ready[:-1], unlocked.ended)

    patch.setattr(TaskGraph, "complete", complete)


def a_dependency_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    real = TaskGraph._insert

    def insert(self: TaskGraph, tasks: Sequence[Task], *, held: bool) -> None:
        real(self, [task._replace(after=task.after[:-1]) if len(task.after) > 1 else task for task in tasks], held=held)

    patch.setattr(TaskGraph, "_insert", insert)


def an_attempt_is_counted_after_it(patch: pytest.MonkeyPatch) -> None:
    """Its row stands where its outcome stands: a crash in between finds none."""
    real = Bus.publish

    async def publish(
        self: Bus,
        topic: str,
        body: Mapping[str, Any],
        correlation_id: str = "",
        causation_id: str = "",
        measured: Mapping[str, float] | None = None,
    ) -> Envelope:
        late: dict[str, tuple[Any, ...]] = self.__dict__.setdefault("late", {})
        if topic == TASK_STARTED:
            late[correlation_id] = topic, body, correlation_id, causation_id
            return Envelope("0", topic, correlation_id, causation_id, 0.0, body)
        if correlation_id in late and topic not in (EFFECT_INTENDED, EFFECT_DONE, EFFECT_RAISED):
            await real(self, *late.pop(correlation_id))
        return await real(self, topic, body, correlation_id, causation_id, measured)

    patch.setattr(Bus, "publish", publish)


def an_attempt_that_a_stop_cuts_short_counts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("orchestrator.supervisor.Supervisor.in_flight", lambda _: [])


def what_was_added_and_the_end_stand_apart(patch: pytest.MonkeyPatch) -> None:
    """As it was until this machine found it: a stop may come between them."""
    real = Bus.publish_all

    async def publish_all(self: Bus, topic: str, bodies: Any, causation_id: str, then: Fact | None = None) -> None:
        await real(self, topic, bodies, causation_id)
        if then is not None:
            await self.publish(then.topic, then.body, then.correlation_id, causation_id, then.measured)

    patch.setattr(Bus, "publish_all", publish_all)


def a_finished_task_is_run_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("orchestrator.recovery._Replay._forget", lambda _self, _task: None)


def ends_are_forgotten_on_resuming(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("orchestrator.recovery._Replay._task_ended", lambda _self, _envelope: None)


def receipts_are_forgotten_on_resuming(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("orchestrator.effects.Effects.restore", lambda _self, _receipts: None)


def a_retry_does_not_wait_after_resuming(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("orchestrator.progress.Progress.wait_s", lambda _self, _now: 0.0)


def the_fence_is_not_checked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("orchestrator.journal.ownership.Hold.check", lambda _self, _connection: None)


def rows_are_safe_before_they_are(patch: pytest.MonkeyPatch) -> None:
    async def sync(_: Any) -> None:
        return

    patch.setattr("orchestrator.journal.sqlite.SqliteJournal.sync", sync)


def a_lease_is_not_waited_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Claim, "_lives", lambda _self, _owner: False)


def a_run_is_not_let_go_of(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Hold, "release", lambda _self, _connection: None)


def an_owner_does_not_beat(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Hold, "renew", lambda _self, _connection: None)


def an_epoch_is_given_twice(patch: pytest.MonkeyPatch) -> None:
    real = Claim._take_over

    def take_over(self: Claim, seen: Owner | None, lease_s: float) -> int:
        epoch = real(self, seen, lease_s)
        self.connection.execute("UPDATE owners SET epoch = max(1, epoch - 1) WHERE run = ?", (self._run,))
        return max(1, epoch - 1)

    patch.setattr(Claim, "_take_over", take_over)


def rows_are_committed_before_the_fence(patch: pytest.MonkeyPatch) -> None:
    real = batch._insert

    def insert(connection: sqlite3.Connection, hold: Hold, items: list[batch.Item]) -> None:
        with suppress(StaleOwnerError):
            real(connection, hold, items)
            return
        connection.execute("BEGIN IMMEDIATE")
        free = Hold(hold.path, hold.run, 0, 1.0)
        real(connection, free, items)
        connection.execute("COMMIT")
        hold.check(connection)

    patch.setattr(batch, "_insert", insert)


def a_cancelled_publisher_does_not_withdraw(patch: pytest.MonkeyPatch) -> None:
    def admit(self: Subscription) -> None:
        while self._blocked and len(self._queue) < self._maxsize:
            waiter, envelope = self._blocked.popleft()
            self._accepted += 1
            self._queue.append(envelope)
            if not waiter.done():
                waiter.set_result(None)

    patch.setattr(Subscription, "withdraw", lambda _self, _waiter: None)
    patch.setattr(Subscription, "_admit_blocked", admit)


def what_a_cancelled_owner_was_given_is_lost(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Subscription, "_take_back", lambda _self, _envelope: None)


def who_waits_last_is_let_in_first(patch: pytest.MonkeyPatch) -> None:
    real = Subscription._admit_blocked

    def admit(self: Subscription) -> None:
        self._blocked.rotate(1)
        real(self)

    patch.setattr(Subscription, "_admit_blocked", admit)


def what_waits_at_a_closed_subscription_is_not_counted(patch: pytest.MonkeyPatch) -> None:
    real = Subscription.close

    def close(self: Subscription) -> None:
        for waiter, _ in self._blocked:
            waiter.set_result(None)
        real(self)

    patch.setattr(Subscription, "close", close)


def a_star_matches_several_tokens(patch: pytest.MonkeyPatch) -> None:
    real = topics.compile_pattern
    patch.setattr(
        "orchestrator.bus.memory.compile_pattern",
        lambda pattern: real(pattern.replace("*", ">", pattern.endswith("*"))),
    )


def who_subscribes_later_is_not_heard_of(patch: pytest.MonkeyPatch) -> None:
    """Which subscriptions a topic has is remembered, and not forgotten when there is another one."""
    real = Bus.subscribe

    def subscribe(self: Bus, *patterns: str, **given: Any) -> Subscription:
        known = dict(self._by_topic)
        subscription = real(self, *patterns, **given)
        self._by_topic.update(known)
        return subscription

    patch.setattr(Bus, "subscribe", subscribe)


def a_bound_is_not_kept(patch: pytest.MonkeyPatch) -> None:
    real = Bus.subscribe
    patch.setattr(
        Bus,
        "subscribe",
        lambda self, *patterns, maxsize=1, **given: real(self, *patterns, maxsize=maxsize + 1, **given),
    )


OF_BUSES: Final[tuple[Mutant, ...]] = (
    a_delivery_is_dropped,
    a_cancelled_publisher_does_not_withdraw,
    what_a_cancelled_owner_was_given_is_lost,
    who_waits_last_is_let_in_first,
    what_waits_at_a_closed_subscription_is_not_counted,
    a_star_matches_several_tokens,
    who_subscribes_later_is_not_heard_of,
    a_bound_is_not_kept,
)

OF_OWNERS: Final[tuple[Mutant, ...]] = (
    the_fence_is_not_checked,
    rows_are_safe_before_they_are,
    a_lease_is_not_waited_for,
    a_run_is_not_let_go_of,
    an_owner_does_not_beat,
    an_epoch_is_given_twice,
    rows_are_committed_before_the_fence,
)

OF_RUNS: Final[tuple[Mutant, ...]] = (
    a_delivery_is_dropped,
    an_unlock_is_forgotten,
    a_dependency_is_forgotten,
    an_attempt_is_counted_after_it,
    an_attempt_that_a_stop_cuts_short_counts,
    a_finished_task_is_run_again,
    ends_are_forgotten_on_resuming,
    receipts_are_forgotten_on_resuming,
    a_retry_does_not_wait_after_resuming,
    the_fence_is_not_checked,
    rows_are_safe_before_they_are,
    what_was_added_and_the_end_stand_apart,
)
