"""Then: what a scenario may expect. Each type has a `not-` form, which holds exactly when the plain one does not."""

from scenarios.then.amounts import Cost, Latency
from scenarios.then.ending import Asked, Completed, Ended
from scenarios.then.golden import MatchesGolden
from scenarios.then.order import Order
from scenarios.then.routing import Abstained, AbstentionReason, Routed
from scenarios.then.rows import Count, Never, Published, RowFilter
from scenarios.then.secrecy import NoSecrets
from scenarios.then.value import ResultIs, StateIs

__all__ = [
    "Abstained",
    "AbstentionReason",
    "Asked",
    "Completed",
    "Cost",
    "Count",
    "Ended",
    "Latency",
    "MatchesGolden",
    "Never",
    "NoSecrets",
    "Order",
    "Published",
    "ResultIs",
    "Routed",
    "RowFilter",
    "StateIs",
]
