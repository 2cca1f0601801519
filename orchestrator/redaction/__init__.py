"""Redaction: secrets out of whatever is written down, by a profile, and in a way that what is equal stays equal."""

from orchestrator.redaction.errors import RedactionError
from orchestrator.redaction.key import KEY_FILE, KEY_VARIABLE, RedactionKey, find_key, take_key
from orchestrator.redaction.numbered import Numbered, without_number
from orchestrator.redaction.profile import DEFAULT, NONE, Profile, read_profile
from orchestrator.redaction.redactor import Redactor, Tally
from orchestrator.redaction.routing import RedactedRouter
from orchestrator.redaction.rows import Rows, redacted_task
from orchestrator.redaction.said import saying
from orchestrator.redaction.within import Recounted, shape_of

__all__ = [
    "DEFAULT",
    "KEY_FILE",
    "KEY_VARIABLE",
    "NONE",
    "Numbered",
    "Profile",
    "Recounted",
    "RedactedRouter",
    "RedactionError",
    "RedactionKey",
    "Redactor",
    "Rows",
    "Tally",
    "find_key",
    "read_profile",
    "redacted_task",
    "saying",
    "shape_of",
    "take_key",
    "without_number",
]
