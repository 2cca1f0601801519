"""json-medic: makes broken JSON readable again, never invents a leaf, and says what was lost.

Three ways, in this order: read it strictly; if the text merely ends too early, read what is complete (jiter); if it is
broken, repair it (json-repair). The order is a trap: jiter's partial mode also swallows plain syntax errors, so that
the error must be known to be at the end first. json-repair accepts nearly anything, so every leaf that it returns must
be found in the source. The schema has the last word.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, Literal, NoReturn

from agents import _json_leaves as leaf
from agents._support import Value, Verdict, count_of, excerpt, libraries, read_text, text_or_file
from orchestrator import AgentError, TaskContext, agent

MAX_JSON: Final = 1_000_000
MAX_REPAIR: Final = 32_000  # json-repair takes quadratic time on hostile text: seconds at this size
MAX_DEPTH: Final = 64
SHOWN: Final = 20

Method = Literal["strict", "truncated", "repaired", "none"]


class MedicInput(Value):
    """What to heal.

    Attributes:
        text: the JSON as text; or
        path: a file in the workspace.
        json_schema: JSON Schema that the result must satisfy; or
        schema_path: a file in the workspace that holds it.
    """

    text: str = ""
    path: str = ""
    json_schema: dict[str, Any] | bool | None = None
    schema_path: str = ""


class SchemaFault(Value):
    """One place where the value does not satisfy the schema.

    Attributes:
        at: JSON pointer into the value; empty for the whole.
        problem: what is wrong there.
    """

    at: str
    problem: str


class MedicReport(Value):
    """What came of it.

    Attributes:
        verdict: pass if nothing had to be done or lost, warn if something was, fail if nothing could be recovered or
            the schema is not satisfied.
        summary: one sentence.
        method: how it was read; none if it could not be.
        value: the recovered value; null if there is none.
        kept: keys and scalars in the value.
        lost: pieces of the source that are not in the value.
        lost_text: the first of them.
        schema_errors: where the value does not satisfy the schema.
        problem: what is wrong with the source; empty if nothing is.
    """

    verdict: Verdict
    summary: str
    method: Method
    value: Any
    kept: int
    lost: int
    lost_text: tuple[str, ...]
    schema_errors: tuple[SchemaFault, ...]
    problem: str


@agent(
    "json-medic",
    summary="Repairs JSON that was cut off or is malformed, without inventing data, and validates it against a schema.",
    examples=(
        "Repair this truncated JSON payload",
        "The response of the card service was cut off mid-object, recover what is there",
        "unexpected end of JSON input, can you save the rest",
        "fix malformed json",
        "Close the missing brackets and quotes in this API answer",
        "My parser says 'Expecting property name enclosed in double quotes', what now?",
        "Validate the payment message against its JSON schema",
        "does payload.json conform to the schema of the instant transfer API",
        "Heal the half-written Kafka message body",
        "The chatbot returned an object with trailing commas and single quotes, turn it into valid data",
        "What fields did we lose when the upload of the customer record broke off?",
        "salvage the incomplete REST response",
        "Please make this document parseable without making up any values",
        "Strip the Markdown fence around the model's output and give me the object",
        "is this string well-formed json, and if not, where does it break",
        "Check that every required property of the onboarding request body is present",
        "jsn is broken, pls repair it",
        "An array of account balances stops in the middle of an element; keep the complete ones",
        "Repair the broken JSON object and keep every complete field",
        "the JSON document was truncated in the middle of an array",
        "validate this JSON object against the schema",
        "Recover the fields of a malformed payload",
        "parse the cut-off response body, the closing bracket is missing",
        "Is the request body valid JSON?",
    ),
)
def json_medic(request: MedicInput, context: TaskContext) -> MedicReport:
    """Read, recover or repair a JSON text and hold it against a schema.

    Raises:
        AgentError: if the text or schema cannot be had, is too large or too deep, or the schema is none.
    """
    with libraries("json-medic"):
        import jiter  # noqa: F401 - asked for here, so that a missing library is said before any work
        import json_repair  # noqa: F401
        import jsonschema  # noqa: F401
    text = text_or_file(context, request.text, request.path, "the JSON").removeprefix("\ufeff")
    schema = _schema(request, context)
    _within_bounds(text)
    return _judge(_Reading(text), schema)


def _within_bounds(text: str) -> None:
    if len(text) > MAX_JSON:
        raise AgentError(f"the JSON is longer than {MAX_JSON} characters; give a part of it")
    if leaf.depth(text) > MAX_DEPTH:
        raise AgentError(f"the JSON is nested deeper than {MAX_DEPTH}; give a part of it")


class _Reading:
    """A text read in the first way that works."""

    method: Method = "none"
    value: Any = None
    problem: str = ""

    def __init__(self, text: str) -> None:
        self.lost: list[str] = []
        found = self._strict(text) or self._truncated(text) or self._repaired(text)
        if found and (fault := leaf.unfit(self.value)):
            found, self.problem = False, fault
        if not found:
            self.method, self.value, self.lost = "none", None, []

    def _strict(self, text: str) -> bool:
        try:
            self.value = json.loads(text, parse_constant=_refuse_constant)
        except ValueError as error:
            self.problem = excerpt(str(error))
            return False
        self.method = "strict"
        self.lost, _ = leaf.differences(text, self.value)
        self.problem = "a key stands twice in one object; the last one counts" if self.lost else ""
        return True

    def _truncated(self, text: str) -> bool:
        import jiter

        if not _ends_too_early(text):
            return False
        self.problem = "the text ends too early"
        try:
            self.value = jiter.from_json(_without_cut_number(text).encode(), partial_mode=True, allow_inf_nan=False)
        except ValueError:
            return False
        self.method = "truncated"
        self.lost, invented = leaf.differences(text, self.value)
        return not invented

    def _repaired(self, text: str) -> bool:
        import json_repair

        if len(text) > MAX_REPAIR:
            self.problem += f"; longer than {MAX_REPAIR} characters, not repaired"
            return False
        try:
            self.value = json_repair.loads(text, skip_json_loads=True)
            self.lost, invented = leaf.trace(text, self.value)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            # broken text reaches corners of json-repair that fail in its own code; nothing is recovered then
            self.problem += f"; the repair gave up ({type(error).__name__})"
            return False
        self.method = "repaired"
        if not isinstance(self.value, dict | list):
            self.problem += "; no object or array in it"
            return False
        if invented := invented or leaf.invented_containers(text, self.value):
            self.problem += f"; a repair would invent {excerpt(invented[0], 40)!r}"
        return not invented


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _ends_too_early(text: str) -> bool:
    """Whether the text is the beginning of some JSON document: the parser's only complaint is that it ends."""
    import jiter

    try:
        jiter.from_json(text.encode(), allow_inf_nan=False)
    except ValueError as error:
        return str(error).startswith("EOF while parsing") and bool(text.strip())
    return False


def _without_cut_number(text: str) -> str:
    """Drop a number that the text ends with: of 1250.00, the cut may have left 12."""
    return re.sub(r"(?<=[\s:,\[])-?\d[\d.eE+-]*\Z", "", text)


# --- the schema -------------------------------------------------------------------------------------------------------


def _schema(request: MedicInput, context: TaskContext) -> Any:
    if not request.schema_path:
        return request.json_schema
    if request.json_schema is not None:
        raise AgentError("give the schema either as json_schema or as schema_path, one of the two")
    try:
        return json.loads(read_text(context, request.schema_path))
    except (ValueError, RecursionError) as error:
        raise AgentError(f"the schema {request.schema_path!r} is not JSON: {excerpt(str(error))}") from error


def _schema_faults(value: Any, schema: Any) -> tuple[SchemaFault, ...]:
    import jsonschema
    from jsonschema.validators import validator_for
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    try:
        kind = validator_for(schema, default=jsonschema.Draft202012Validator)
        kind.check_schema(schema)
        judge = kind(schema, registry=Registry(), format_checker=kind.FORMAT_CHECKER)  # no remote schemas
        faults = [
            SchemaFault(at=_pointer(each.absolute_path), problem=excerpt(each.message, 200))
            for each in judge.iter_errors(value)
        ]
    except jsonschema.SchemaError as error:
        raise AgentError(f"the schema is not a JSON Schema: {excerpt(error.message)}") from error
    except Unresolvable as error:
        raise AgentError(f"the schema refers to something that it does not hold: {excerpt(str(error))}") from error
    except (RecursionError, re.error, TypeError, ValueError, AttributeError) as error:
        raise AgentError(f"the schema cannot be applied: {excerpt(str(error))}") from error
    return tuple(sorted(faults, key=lambda fault: (fault.at, fault.problem)))


def _pointer(path: Any) -> str:
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


# --- the report -------------------------------------------------------------------------------------------------------


def _judge(reading: _Reading, schema: Any) -> MedicReport:
    recovered = reading.method != "none"
    faults = _schema_faults(reading.value, schema) if recovered and schema is not None else ()
    kept = sum(1 for _ in leaf.leaves(reading.value)) if recovered else 0
    clean = reading.method == "strict" and not reading.lost
    return MedicReport(
        verdict="fail" if faults or not recovered else "pass" if clean else "warn",
        summary=_summary(reading, kept, len(faults)),
        method=reading.method,
        value=reading.value,
        kept=kept,
        lost=len(reading.lost),
        lost_text=tuple(excerpt(each, 80) for each in reading.lost[:SHOWN]),
        schema_errors=faults[:SHOWN],
        problem=reading.problem,
    )


def _summary(reading: _Reading, kept: int, faults: int) -> str:
    if reading.method == "none":
        return f"nothing could be recovered: {reading.problem}"
    how = {"strict": "valid JSON", "truncated": "cut off, the complete part was kept", "repaired": "repaired"}
    return f"{how[reading.method]}: kept {kept}, lost {len(reading.lost)}, {count_of(faults, 'schema error')}"
