"""Budget: what a run, an agent, or a task with all below it may use; and what was found to be used up."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_UP, Decimal, InvalidOperation
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from orchestrator.errors import AgentError, PointsmanError

Scope = Literal["run", "agent", "task"]
Resource = Literal["tasks", "attempts", "wall_s", "tokens", "cost"]
Cost: TypeAlias = Decimal | int | float | str

RESOURCES: Final[tuple[Resource, ...]] = ("tasks", "attempts", "wall_s", "tokens", "cost")
#: Costs are counted in billionths, so that sums are exact: a token may cost less than a millionth.
_NANO: Final = 1_000_000_000
_PLACES: Final = Decimal(1).scaleb(-9)
#: More than this at once is a mistake, and would have sums grow without bound.
_MOST: Final = 10**15
_LIFTED: Final = "none"
_LONGEST: Final = 60


class Budget(BaseModel):
    """What may be used at most; what is not given is not limited. Costs bear no currency: all of a run's are alike."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    tasks: int | None = Field(default=None, ge=0, le=_MOST, description="tasks that may be begun")
    attempts: int | None = Field(default=None, ge=0, le=_MOST, description="attempts that may be begun")
    wall_s: float | None = Field(
        default=None, ge=0, le=31_536_000, description="seconds in which at least one handler runs"
    )
    tokens: int | None = Field(default=None, ge=0, le=_MOST, description="tokens that handlers may say they spent")
    cost: Cost | None = Field(default=None, description="cost that handlers may say they caused")

    @field_validator("cost", mode="plain", json_schema_input_type=float | str | None)
    @classmethod
    def _cost_is_exact(cls, cost: object) -> Decimal | None:
        exact = None if cost is None else exact_cost(cost)
        if cost is not None and (exact is None or exact != exact.quantize(_PLACES)):
            raise ValueError(f"{cost!r} is no cost; write a number from 0 to {_MOST:,}, with 9 decimals at most")
        return exact

    @property
    def limits(self) -> dict[Resource, int | float]:
        """What is limited, costs in billionths."""
        found: dict[Resource, int | float] = {}
        for name in RESOURCES:
            limit = getattr(self, name)
            if limit is not None:
                found[name] = nanos_of(limit) if name == "cost" else limit
        return found

    def to_json(self) -> dict[str, Any]:
        """Return what is limited as a JSON object."""
        return {name: shown(name, limit) for name, limit in self.limits.items()}

    def over(self, other: Budget) -> Budget:
        """Return the other budget with what this one says in its place; saying None lifts a limit."""
        stated = self.model_fields_set
        return Budget(**{name: getattr(self if name in stated else other, name) for name in RESOURCES})

    def within(self, other: Budget) -> Budget:
        """Return the narrower of both, resource by resource."""
        pairs = ((name, getattr(self, name), getattr(other, name)) for name in RESOURCES)
        return Budget(**{name: min((x for x in (one, two) if x is not None), default=None) for name, one, two in pairs})


UNLIMITED: Final = Budget()


class Amount(NamedTuple):
    """What a handler says it spent: tokens, and cost in billionths."""

    tokens: int = 0
    nanos: int = 0

    def plus(self, other: Amount) -> Amount:
        """Return the sum."""
        return Amount(self.tokens + other.tokens, self.nanos + other.nanos)

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object, without what is nothing."""
        tokens = {"tokens": self.tokens} if self.tokens else {}
        return {**tokens, "cost": shown("cost", self.nanos)} if self.nanos else tokens

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Amount:
        """Return the amount that `to_json` described."""
        return cls(int(body.get("tokens", 0)), nanos_of(Decimal(body.get("cost", 0))))


class Shortage(NamedTuple):
    """A budget that is used up: the reason why something ended, or does not begin.

    Attributes:
        scope: whose budget it is.
        name: of the agent or the task; empty for the run.
        resource: what there is no more of.
        limit: of it; costs in billionths.
        spent: of it; more than the limit where it was noticed only when it was spent.
    """

    scope: Scope
    name: str
    resource: Resource
    limit: int | float
    spent: int | float

    @property
    def owner(self) -> str:
        """Whose budget it is, in words."""
        return f"{self.scope} {self.name!r}" if self.name else "the run"

    @property
    def figures(self) -> str:
        """What was used of what, in words: `10,250 tokens spent of 10,000`."""
        spent, limit = worded(self.resource, self.spent), worded(self.resource, self.limit)
        if self.resource == "cost":
            return f"cost {spent} of {limit}"
        if self.resource == "wall_s":
            return f"{spent} s of {limit} s"
        return f"{spent} {self.resource} {'spent' if self.resource == 'tokens' else 'begun'} of {limit}"

    def tell(self) -> str:
        """Say in one line what is used up."""
        return f"the budget of {self.owner} is used up: {self.figures}"

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        resource = self.resource
        figures = {"limit": shown(resource, self.limit), "spent": shown(resource, self.spent)}
        return {"scope": self.scope, "name": self.name, "resource": resource, **figures}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Shortage:
        """Return the shortage that `to_json` described."""
        resource = body["resource"]
        limit, spent = (
            nanos_of(Decimal(body[name])) if resource == "cost" else body[name] for name in ("limit", "spent")
        )
        return cls(body["scope"], body["name"], resource, limit, spent)


def amount_of(tokens: int, cost: Cost) -> Amount:
    """Return what was spent; a cost is rounded up to a billionth.

    Raises:
        AgentError: if it is no amount: negative, no number, or beyond all reason.
    """
    whole: object = tokens
    if not isinstance(whole, int) or isinstance(whole, bool) or not 0 <= whole <= _MOST:
        raise AgentError(f"spend: tokens is {tokens!r}; give a whole number of tokens, 0 or more")
    if not cost:
        return Amount(whole)
    exact = exact_cost(cost)
    if exact is None:
        raise AgentError(f"spend: cost is {cost!r}; give a number, 0 or more")
    return Amount(whole, nanos_of(exact))


def exact_cost(cost: object) -> Decimal | None:
    """Return what was given as a cost, a float as it is written; None where it is none, or beyond all reason."""
    if isinstance(cost, bool) or not isinstance(cost, Decimal | int | float | str) or len(str(cost)) > _LONGEST:
        return None
    try:
        exact = Decimal(str(cost))
        usable = 0 <= exact <= _MOST
    except InvalidOperation:  # no number, or none that can be compared
        return None
    return exact if usable else None


def nanos_of(cost: Decimal) -> int:
    """Return a cost in billionths, rounded up."""
    return int((cost if cost.is_zero() else cost.quantize(_PLACES, ROUND_UP)).scaleb(9))


def shown(resource: Resource, number: int | float) -> int | float | str:
    """Return a number of ours as JSON: costs as text, exact to a billionth, the rest as it is."""
    if resource != "cost":
        return round(number, 6)
    whole, rest = divmod(int(number), _NANO)
    return f"{whole}.{rest:09d}".rstrip("0").rstrip(".")


def worded(resource: Resource, number: int | float) -> str:
    """Return a number of ours for people."""
    if resource == "cost":
        return str(shown(resource, number))
    return f"{number:.6g}" if resource == "wall_s" else f"{number:,}"


def parse_budget(text: str) -> Budget:
    """Return the budget that a text such as `tokens=100000,cost=2.50` gives; `tokens=none` lifts a limit.

    Raises:
        PointsmanError: if it is none; says what and which.
    """
    from orchestrator.documents import describe, suggest

    given: dict[str, str | None] = {}
    for part in text.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if name not in RESOURCES:
            raise PointsmanError(f"budget {text!r}: {name!r} is no resource; {suggest(name, RESOURCES)}")
        if not equals or not value or name in given:
            raise PointsmanError(f"budget {text!r}: give each resource once, as {name}=NUMBER, or {name}={_LIFTED}")
        given[name] = None if value == _LIFTED else value
    try:
        return Budget.model_validate(given)
    except ValidationError as error:
        fault = error.errors()[0]
        problem, hint = describe(fault)
        raise PointsmanError(f"budget {text!r}: {fault['loc'][0]}: {problem}; {hint}") from None
