"""What a variant, or what ran in the shadow, would have been worth: served lists and clicks in, figures out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any, Literal, NamedTuple

import numpy as np

from civicrec.errors import InvalidInput
from civicrec.warehouse.ports import Warehouse
from civicrec.warehouse.served_clicks import read_served_clicks
from recommender.evaluation.counterfactual import Estimate, Log, worth_of

Kind = Literal["variant", "shadow"]
_POLICY_IS = "variant:NAME, variant: for the scene itself, or shadow:NAME"


class Policy(NamedTuple):
    """What is asked about: a variant that some visitors were shown, or what ran in the shadow of what was shown."""

    kind: Kind
    name: str

    @classmethod
    def of(cls, text: str) -> Policy:
        """Read ``variant:NAME`` or ``shadow:NAME``.

        Raises
        ------
        InvalidInput
            If it is neither.
        """
        kind, colon, name = text.partition(":")
        if not colon or kind not in ("variant", "shadow") or (kind == "shadow" and not name):
            raise InvalidInput(f"got --policy {text[:40]!r}; expected {_POLICY_IS}")
        return cls(kind, name)  # type: ignore[arg-type]  # one of both


def evaluate_counterfactual(
    warehouse: Warehouse, scene: str, first: date, last: date, policy: Policy
) -> dict[str, Any]:  # fmt: skip
    """Return what a policy would have been worth on the lists served on the days first..last.

    Returns
    -------
    dict
        ``lists``, ``visitors``, ``effective``, ``covered``, ``doubt``; of ``logged``, ``ips``, ``snips`` and
        ``doubly_robust`` clicks a list and ``95``, its interval over visitors.

    Raises
    ------
    InvalidInput
        If no list that was seen says anything of it.
    """
    lists = read_served_clicks(warehouse, scene, first, last).to_pylist()
    log = log_of(lists, policy)
    if log is None:
        why = (
            "no experiment divided those who saw them"
            if policy.kind == "variant"
            else "it did not run in their shadow, or propensities were not kept yet"
        )
        raise InvalidInput(
            f"{len(lists)} lists of scene {scene!r} were served and seen from {first} until {last}, none of which says "
            f"anything of {policy.kind} {policy.name!r}: {why}"
        )
    worth = asdict(worth_of(log))
    return {name: _rounded(value) for name, value in worth.items()}


def log_of(lists: Sequence[Mapping[str, Any]], policy: Policy) -> Log | None:
    """Return the lists that say something of a policy, as the estimators take them; ``None`` if none does."""
    if policy.kind == "variant":
        used = [one for one in lists if one["variant_share"] > 0 and one["item_ids"] and not any(one["teams"])]
        wanted = [one["item_ids"] if one["variant"] == policy.name else [] for one in used]
        weights = [[float(one["variant"] == policy.name) / one["variant_share"]] * len(one["item_ids"]) for one in used]
    else:
        used = [one for one in lists if one["shadow"] == policy.name and one["item_ids"] and any(one["propensities"])]
        wanted = [_padded(one["shadow_ids"], len(one["item_ids"])) for one in used]
        weights = [_weights(one, ids) for one, ids in zip(used, wanted, strict=True)]
    if not used:
        return None
    width = max(len(one["item_ids"]) for one in used)
    number: dict[str, int] = {}

    def numbers(ids: Sequence[str]) -> list[int]:
        return [number.setdefault(item_id, len(number)) if item_id else -1 for item_id in _padded(ids, width)]

    readers: dict[str, int] = {}
    return Log(
        visitors=np.array([readers.setdefault(one["reader"], len(readers)) for one in used]),
        shown=np.array([numbers(one["item_ids"]) for one in used]),
        wanted=np.array([numbers(ids) for ids in wanted]),
        clicked=np.array([_clicked(one, width) for one in used]),
        weights=np.array([[*of_list, *[0.0] * (width - len(of_list))] for of_list in weights]),
    )  # fmt: skip


def _weights(one: Mapping[str, Any], wanted: Sequence[str]) -> list[float]:
    """Return how much likelier each place is under what ran in the shadow, which draws nothing, than under the log."""
    places = zip(one["item_ids"], wanted, one["propensities"], strict=True)
    return [float(shown == other) / propensity if propensity else 0.0 for shown, other, propensity in places]


def _clicked(one: Mapping[str, Any], width: int) -> list[bool]:
    clicked = set(one["clicked"])
    return [item_id in clicked for item_id in _padded(one["item_ids"], width)]


def _padded(ids: Sequence[str], width: int) -> list[str]:
    """Return so many ids, empty ones after those there are."""
    return [*ids[:width], *[""] * (width - len(ids))]


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):  # an estimate
        estimate = Estimate(**value)
        return {"clicks": round(estimate.value, 4), "95": [round(estimate.low, 4), round(estimate.high, 4)]}
    return round(value, 4) if isinstance(value, float) else value
