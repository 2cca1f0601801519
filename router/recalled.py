"""Owns the recalled prediction: what a record of a decision holds of the router's answer, read back."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from router.prediction import Abstained, Prediction, Scoreboard


def recall(record: Mapping[str, Any]) -> Prediction:
    """Return the prediction that a record holds, its numbers rounded as they are there.

    Args:
        record: As ``Prediction.to_json`` gives it; candidates one by one, as old records hold them, do as well.
    """
    choice: str | Abstained = record["choice"] if record["choice"] is not None else Abstained(record["abstained"])
    return Prediction(
        choice,
        record["leader"],
        record["runner_up"],
        record["margin"],
        record["confidence"],
        record["threshold"],
        record["fingerprint"],
        _scoreboard(record["candidates"]),
        record.get("budget"),
        record.get("runner_up_confidence", 0.0),
    )


def _scoreboard(candidates: Any) -> Scoreboard:
    if isinstance(candidates, Mapping):
        names, versions = tuple(candidates["names"]), tuple(candidates["versions"])
        scores, why_not = candidates["scores"], dict(candidates["why_not"])
    else:
        every = sorted(candidates, key=lambda one: str(one["name"]))
        names, versions = tuple(one["name"] for one in every), tuple(one["version"] for one in every)
        scores = [one["score"] for one in every]
        why_not = {one["name"]: one["why_not"] for one in every if not one["eligible"]}
    return Scoreboard(names, versions, np.array(scores, dtype=np.float64), why_not)
