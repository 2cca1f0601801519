"""Rows: envelopes as they may be written to a journal, and the tasks in them: redacted but for ids and fingerprints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from orchestrator.decision import digest_text
from orchestrator.messages import Envelope
from orchestrator.redaction.errors import RedactionError
from orchestrator.redaction.redactor import Redactor
from orchestrator.redaction.within import Recounted
from orchestrator.topics import RUN_STARTED, TASK_SUBMITTED

#: Parts of a task that are data; the others are ids, names and numbers.
_DATA: Final = ("request", "payload")
#: Parts of a decision that are digests; a number that looks like one of a card is none there.
_DIGESTS: Final = frozenset(("fingerprint", "registry_digest", "trace_id", "span_id", "task", "seed"))


class Rows:
    """Redacts the envelopes of one run, in their order."""

    def __init__(self, redact: Redactor | Recounted) -> None:
        self._redact = redact
        self._digests: dict[str, str] = {}

    def __call__(self, envelope: Envelope) -> Envelope:
        """Return an envelope without secrets.

        Raises:
            RedactionError: if a rule fails, or the id of a task is a secret itself.
        """
        task = envelope.correlation_id
        if self._redact(task) != task:
            raise RedactionError("ids", "the id of a task looks like a secret, and ids are written: choose another one")
        if envelope.topic == TASK_SUBMITTED:
            return envelope._replace(body=self._submitted(envelope.body))
        body = self._redact({name: value for name, value in envelope.body.items() if name != "decision"})
        if envelope.topic == RUN_STARTED:
            body["redacted"] = self._redact.profile.name  # whoever resumes the run would go on with pseudonyms
        if "decision" in envelope.body:
            body["decision"] = self._decision(task, envelope.body["decision"])
        return envelope._replace(body=body)

    def _submitted(self, body: Mapping[str, Any]) -> dict[str, Any]:
        before = body["task"]
        task = redacted_task(before, self._redact)
        if task["request"] != before["request"]:
            self._digests[task["id"]] = digest_text(task["request"])
        return {**body, "task": task}

    def _decision(self, task: str, decision: Mapping[str, Any]) -> dict[str, Any]:
        """Redact a decision; what it says of the request is said of the redacted one, which the router has seen."""
        made = {name: value if name in _DIGESTS else self._redact(value) for name, value in decision.items()}
        if task in self._digests and "input_digest" in made:
            made["input_digest"] = self._digests[task]
        return made


def redacted_task(task: Mapping[str, Any], redact: Redactor | Recounted) -> dict[str, Any]:
    """Return a task, as `Task.to_json` gives it, with its request and its payload redacted."""
    return {name: redact(value) if name in _DATA else value for name, value in task.items()}
