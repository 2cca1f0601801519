"""Effects: side effects with a receipt in the journal, so that an outcome on record is never caused again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from orchestrator.bus import Bus
from orchestrator.clock import Clock
from orchestrator.context import InDoubt
from orchestrator.errors import EffectInDoubtError, EffectNotDoneError, NotJsonError
from orchestrator.foreign import as_json, one_line
from orchestrator.journal import Journal
from orchestrator.messages import Envelope
from orchestrator.outside import WORLD, Outside, OutsideOf, with_key
from orchestrator.questions import Answer, Question, QuestionsOfAttempt
from orchestrator.topics import EFFECT_DONE, EFFECT_INTENDED, EFFECT_RAISED


class Receipt(NamedTuple):
    """What is on record of one effect.

    Attributes:
        state: `intended` and `raised` leave in doubt whether it took place; `undone` and `done` do not.
        output: what came of it, where it is done.
        refused: why what came of it is not here, where it could not be recorded.
        since: id of the envelope that left it in doubt.
    """

    state: Literal["intended", "raised", "undone", "done"]
    output: Any = None
    refused: str = ""
    since: str = ""


Receipts = dict[tuple[str, str], Receipt]


class Effects:
    """The receipts of the unfinished tasks of a run."""

    def __init__(
        self, *, run: str, bus: Bus, journal: Journal, clock: Clock, outside_of: OutsideOf | None = None
    ) -> None:
        self.run, self.bus, self.journal, self.clock, self._outside_of = run, bus, journal, clock, outside_of
        self._receipts: dict[str, Receipts] = {}

    def restore(self, receipts: Mapping[str, Receipts]) -> None:
        """Know what an earlier process of this run left on record, by task."""
        self._receipts.update(receipts)

    def of(self, started: Envelope, questions: QuestionsOfAttempt) -> EffectsOfAttempt:
        """Return what performs the effects of an attempt, given the envelope that began it, and who asks for it."""
        return EffectsOfAttempt(self, started, questions)

    def outside(self, task_id: str) -> Outside:
        """Return who answers what a task reads from outside; the doing of an effect is such a read."""
        return WORLD if self._outside_of is None else self._outside_of(task_id)

    def forget(self, task_id: str) -> None:
        """Drop the receipts of a task that has ended."""
        self._receipts.pop(task_id, None)

    def receipts(self, task_id: str) -> Receipts:
        """Return the receipts of a task, to be added to."""
        return self._receipts.setdefault(task_id, {})


class EffectsOfAttempt:
    """Performs the effects of one attempt, or answers from what an earlier one left on record."""

    __slots__ = ("_all", "_counts", "_questions", "_started")

    def __init__(self, effects: Effects, started: Envelope, questions: QuestionsOfAttempt) -> None:
        self._all, self._started, self._questions = effects, started, questions
        self._counts: dict[str, int] = {}  # made for every attempt: a Counter costs ten times as much

    async def perform(self, name: str, function: Callable[[str], Any], key: str, in_doubt: InDoubt) -> Any:
        """Perform an effect, or return its receipt; see `TaskContext.effect`."""
        effects, task_id = self._all, self._started.correlation_id
        count = self._counts[name] = self._counts.get(name, 0) + 1
        key = key or f"{effects.run}/{task_id}/{name}/{count}"
        receipts = effects.receipts(task_id)
        receipt = receipts.get((name, key))
        if receipt is not None and receipt.state == "done":
            return _honour(receipt)
        about = {"effect": name, "key": key}
        if receipt is not None and receipt.state in ("intended", "raised") and in_doubt != "again":
            if in_doubt == "fail":
                raise EffectInDoubtError(name, key)
            answer = self._questions.put(_in_doubt(name, key, receipt.since))
            if answer.text == "yes":
                receipts[name, key] = await self._believe(about, answer)
                return answer.output
        intended = await effects.bus.publish(EFFECT_INTENDED, about, task_id, self._started.id)
        receipts[name, key] = Receipt("intended", since=intended.id)
        await effects.journal.sync()  # on record before it happens: whoever resumes knows that it may have
        try:
            output = await effects.outside(task_id).read(f"effect:{name}", key, with_key(function, key), effects.clock)
        except Exception as error:  # right: recorded, and raised again
            undone = isinstance(error, EffectNotDoneError)
            body = {**about, "error": one_line(error), "undone": undone}
            raised = await effects.bus.publish(EFFECT_RAISED, body, task_id, intended.id)
            receipts[name, key] = Receipt("undone" if undone else "raised", since=raised.id)
            raise
        receipt = receipts[name, key] = _receipt_for(output)
        body = {**about, "output": receipt.output} | ({"refused": receipt.refused} if receipt.refused else {})
        await effects.bus.publish(EFFECT_DONE, body, task_id, intended.id)
        await effects.journal.sync()  # before the handler builds on it
        return _honour(receipt)

    async def _believe(self, about: Mapping[str, str], answer: Answer) -> Receipt:
        """Put on record that an effect took place, because a person says so."""
        effects, body = self._all, {**about, "output": answer.output, "by": answer.by}
        await effects.bus.publish(EFFECT_DONE, body, self._started.correlation_id, answer.id)
        await effects.journal.sync()
        return Receipt("done", answer.output)


def receipt_of(envelope: Envelope) -> tuple[tuple[str, str], Receipt]:
    """Return the name and key of an effect, and its receipt as of an envelope on one of the topics of effects."""
    body = envelope.body
    if envelope.topic == EFFECT_DONE:
        receipt = Receipt("done", body["output"], body.get("refused", ""))
    elif envelope.topic == EFFECT_RAISED:
        receipt = Receipt("undone" if body["undone"] else "raised", since=envelope.id)
    else:
        receipt = Receipt("intended", since=envelope.id)
    return (body["effect"], body["key"]), receipt


def _in_doubt(name: str, key: str, since: str) -> Question:
    """Return what is asked about an effect in doubt: of each time anew, for an answer is about that time alone."""
    text = f"did {name} (key {key}) take place?"
    return Question(f"effect/{since}", text, ("yes", "no", "again"), name)


def _receipt_for(output: Any) -> Receipt:
    try:
        return Receipt("done", as_json(output))
    except NotJsonError as error:
        return Receipt("done", None, f"what the effect returned was refused: {one_line(error)}")


def _honour(receipt: Receipt) -> Any:
    if receipt.refused:
        raise NotJsonError(receipt.refused)
    return receipt.output
