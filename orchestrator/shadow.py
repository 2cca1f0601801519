"""The shadow: what another model would have done with a request; on record beside the decision, without a say in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from router import Router


def decide_in_shadow(router: Router, request: str, vetoes: Mapping[str, str]) -> dict[str, Any]:
    """Return whom a model would have chosen, null for nobody, how sure it was, and which model it is."""
    prediction = router.predict(request, vetoes)
    choice = prediction.choice
    return {
        "chosen": choice if isinstance(choice, str) else None,
        "confidence": round(prediction.confidence, 6),
        "fingerprint": prediction.fingerprint,
    }


def disagrees(decision: Mapping[str, Any]) -> bool:
    """Return whether the shadow of a decision on record, if it has one, would have chosen otherwise than the router."""
    shadow = decision.get("shadow")
    return shadow is not None and shadow["chosen"] != decision.get("choice")
