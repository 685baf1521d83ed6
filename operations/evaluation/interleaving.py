"""Which of two interleaved orders readers prefer: served lists and clicks in, a preference with its interval out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from civicrec.errors import InvalidInput
from civicrec.warehouse.ports import Warehouse
from civicrec.warehouse.served_clicks import read_served_clicks
from recommender.interleaving import TEAMS
from recommender.training.bootstrap import interval_95

#: With fewer lists that either order won an interval says little.
MIN_WON = 50


def evaluate_interleaving(
    warehouse: Warehouse, scene: str, first: date, last: date, variant: str
) -> dict[str, Any]:  # fmt: skip
    """Return which order readers clicked in, of the lists served on the days first..last.

    Raises
    ------
    InvalidInput
        If no list that was seen held both orders.
    """
    lists = read_served_clicks(warehouse, scene, first, last).to_pylist()
    mixed = [one for one in lists if one["variant"] == variant and any(one["teams"])]
    if not mixed:
        raise InvalidInput(
            f"{len(lists)} lists of scene {scene!r} were served and seen from {first} until {last}, none of which held "
            f"the orders of the scene and of variant {variant!r}; expected `interleaved = true` in its experiment"
        )
    return preference(mixed)


def preference(lists: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return who won more lists: a list is won by the team whose items have more of its clicks (Chapelle et al. 2012).

    Returns
    -------
    dict
        ``lists``, ``visitors``; ``clicks`` and ``won`` of ``scene`` and ``variant``, lists ``tied``; ``preference``,
        -1 to 1, the variant's share of the lists that were won less the scene's, its ``95`` by bootstrap over
        visitors, and ``says``, the same in a sentence.
    """
    clicks = np.array([_credited(one) for one in lists], np.int64).reshape(-1, 2)
    sign = np.sign(clicks[:, 1] - clicks[:, 0])
    won = sign != 0
    figures: dict[str, Any] = {
        "lists": len(lists),
        "visitors": len({one["reader"] for one in lists}),
        "clicks": {"scene": int(clicks[:, 0].sum()), "variant": int(clicks[:, 1].sum())},
        "won": {"scene": int(np.sum(sign < 0)), "variant": int(np.sum(sign > 0))},
        "tied": int(np.sum(~won)),
    }
    if not won.any():
        return figures | {
            "preference": 0.0,
            "95": [-1.0, 1.0],
            "says": "Neither order won a list: nothing can be said.",
        }
    readers = np.array([one["reader"] for one in lists])
    low, high = interval_95(sign[won], readers[won])
    return figures | {
        "preference": round(float(sign[won].mean()), 4),
        "95": [round(low, 4), round(high, 4)],
        "says": _says(int(won.sum()), low, high),
    }


def _credited(one: Mapping[str, Any]) -> list[int]:
    clicked = set(one["clicked"])
    teams = [team for item_id, team in zip(one["item_ids"], one["teams"], strict=True) if item_id in clicked]
    return [teams.count(team) for team in TEAMS]


def _says(n_won: int, low: float, high: float) -> str:
    if n_won < MIN_WON:
        return f"Only {n_won} lists were won by either order; expected {MIN_WON} before anything is said."
    if low > 0:
        return "Readers prefer the variant's order."
    if high < 0:
        return "Readers prefer the scene's order."
    return "The lists do not tell which order readers prefer."
