"""Questions: what tasks ask people, and what these answered; a task that waits for an answer holds nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from orchestrator.context import Parked
from orchestrator.errors import AgentError
from orchestrator.messages import Envelope

MAX_QUESTION: Final = 10_000
_MAX_KEY: Final = 200
_MAX_OPTIONS: Final = 20
_MAX_SHOWN: Final = 500
#: The answer that takes no agent.
NOBODY: Final = "nobody"
#: The key of the question who is to do a task.
WHO: Final = "agent"


class Question(NamedTuple):
    """What is asked.

    Attributes:
        key: tells the questions of a task apart.
        text: the question.
        options: the only answers that are taken; none takes any text.
        effect: name of the effect that it is about, which is in doubt; else empty.
    """

    key: str
    text: str
    options: tuple[str, ...]
    effect: str = ""


class Asked(NamedTuple):
    """A question on record.

    Attributes:
        id: of the envelope, which an answer names as its cause.
        at: seconds since the epoch.
        agent: whose handler asks; empty for the question who is to do the task.
        attempt: in which attempt; 0 where nobody began one.
        question: what is asked.
        decision: the record of a decision for nobody that is asked about.
    """

    id: str
    at: float
    agent: str
    attempt: int
    question: Question
    decision: Mapping[str, Any] | None = None


class Answer(NamedTuple):
    """An answer on record.

    Attributes:
        id: of its envelope.
        cause: id of the envelope with the question.
        at: seconds since the epoch.
        text: the answer.
        by: who gave it; may be empty.
        output: what came of an effect, where it is known.
    """

    id: str
    cause: str
    at: float
    text: str
    by: str = ""
    output: Any = None


Answers = dict[str, tuple[Question, Answer]]
Wake = Callable[[Answer], Awaitable[None]]


class Questions:
    """The open questions of a run, and the answers that its unfinished tasks got.

    Attributes:
        on_open: is called when a first task waits for an answer.
        left: what tasks that an earlier process left waiting ask, by task, until one of them is taken up.
    """

    def __init__(self) -> None:
        self.on_open: Callable[[], None] = lambda: None
        self._answers: dict[str, Answers] = {}
        self._open: dict[str, tuple[Asked, Wake]] = {}
        self.left: dict[str, Asked] = {}
        self._early: dict[str, Answer] = {}

    @property
    def open(self) -> int:
        """How many tasks wait for an answer."""
        return len(self._open)

    def restore(self, answers: Mapping[str, Answers], asked: Mapping[str, Asked]) -> None:
        """Know what an earlier process of this run left on record, by task: answers, and questions without one."""
        self._answers.update(answers)
        self.left.update(asked)

    def left_open(self, task_id: str) -> Asked | None:
        """Return, once, what a task that an earlier process left waiting asks."""
        return self.left.pop(task_id, None)

    def of(self, task_id: str) -> QuestionsOfAttempt:
        """Return what asks on behalf of an attempt."""
        return QuestionsOfAttempt(self, task_id)

    def answer_to(self, task_id: str, question: Question) -> Answer | None:
        """Return the answer to this very question, None while there is none."""
        known = self._answers.get(task_id, {}).get(question.key)
        return known[1] if known is not None and known[0] == question else None

    async def park(self, task_id: str, asked: Asked, wake: Wake) -> None:
        """Let a task wait until its question is answered, and wake it then."""
        self._open[task_id] = asked, wake
        early = self._early.pop(task_id, None)
        if early is not None and early.cause == asked.id:
            await self._settle(task_id, early)
        elif len(self._open) == 1:
            self.on_open()

    async def hear(self, envelope: Envelope) -> None:
        """Take in an answer. The first to a question counts; one to a question that is answered is as nothing."""
        task_id, answer = envelope.correlation_id, answer_of(envelope)
        waiting = self._open.get(task_id)
        if waiting is not None and waiting[0].id == answer.cause:
            await self._settle(task_id, answer)
        else:  # perhaps to a question that is on record and whose task is about to be parked
            early = self._early.get(task_id)
            if early is None or early.cause != answer.cause:
                self._early[task_id] = answer

    def forget(self, task_id: str) -> None:
        """Drop what is known of a task that has ended."""
        for known in (self._answers, self._open, self.left, self._early):
            if known:  # none of them is but in runs that ask people
                known.pop(task_id, None)

    async def _settle(self, task_id: str, answer: Answer) -> None:
        asked, wake = self._open.pop(task_id)
        self._answers.setdefault(task_id, {})[asked.question.key] = asked.question, answer
        await wake(answer)


class QuestionsOfAttempt:
    """Asks on behalf of one attempt, or answers from the record.

    Attributes:
        pending: the question that this attempt has to wait for, if any.
    """

    __slots__ = ("_all", "_count", "_task_id", "pending")

    def __init__(self, questions: Questions, task_id: str) -> None:
        self._all, self._task_id, self._count = questions, task_id, 0
        self.pending: Question | None = None

    async def ask(self, question: str, options: Sequence[str], key: str) -> str:
        """Return the answer on record, or end the attempt; see `TaskContext.ask`."""
        self._count += 1
        return self.put(_checked(question, options, key or str(self._count))).text

    def put(self, question: Question) -> Answer:
        """Return the answer on record, or end the attempt.

        Raises:
            Parked: if there is none.
        """
        answer = self._all.answer_to(self._task_id, question)
        if answer is None:
            self.pending = self.pending or question
            raise Parked(question)
        return answer


def who_is_to_do(request: str, agents: Sequence[str]) -> Question:
    """Return the question who is to do what was requested: the first agents, the best of which comes first, or nobody.

    Any other registered agent may be named as well.
    """
    shown = request if len(request) <= _MAX_SHOWN else f"{request[:_MAX_SHOWN]}..."
    return Question(WHO, f"who is to do this: {shown}", (*agents[:_MAX_OPTIONS], NOBODY))


def asked_of(envelope: Envelope) -> Asked:
    """Return the question that an envelope on `task.asked` holds."""
    body = envelope.body
    question = Question(body["key"], body["question"], tuple(body["options"]), body.get("effect", ""))
    return Asked(envelope.id, envelope.at, body["agent"], body.get("attempt", 0), question, body.get("decision"))


def asked_body(question: Question, agent: str) -> dict[str, Any]:
    """Return the body of an envelope on `task.asked`."""
    body = {"agent": agent, "key": question.key, "question": question.text, "options": list(question.options)}
    return body | ({"effect": question.effect} if question.effect else {})


def answer_of(envelope: Envelope) -> Answer:
    """Return the answer that an envelope on `task.answered` holds."""
    body = envelope.body
    about = (envelope.id, envelope.causation_id, envelope.at)
    return Answer(*about, body["answer"], body.get("by", ""), body.get("output"))


def _checked(text: Any, options: Any, key: Any) -> Question:
    """Return a question of a handler, with its options as a tuple.

    Raises:
        AgentError: if it is none.
    """
    if isinstance(options, str) or not all(isinstance(option, str) and option.strip() for option in options):
        raise AgentError(f"question {text!r}: its options are {options!r}; give texts, for example ('yes', 'no')")
    if len(set(options)) != len(options):
        raise AgentError(f"question {text!r}: its options {options!r} are not all different")
    if not isinstance(text, str) or not text.strip() or len(text) > MAX_QUESTION:
        raise AgentError(f"a question is a text of 1 to {MAX_QUESTION} characters, not {str(text)[:40]!r}")
    if not isinstance(key, str) or len(key) > _MAX_KEY:
        raise AgentError(
            f"question {text!r}: its key is {str(key)[:40]!r}; give a text of {_MAX_KEY} characters at most"
        )
    return Question(key, text, tuple(options))
