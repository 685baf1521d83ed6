"""Next click, prequential: each click of a period is asked for before it is told.

In: clicks in time order, a period. Out: how often, and how high, the list that would have been served held the click.
A pair that comes again is not asked for; a click that introduces its item is a miss; nights train on what was told.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

import numpy as np

from civicrec.clock import PORTAL_TZ, from_ms, monotonic_s
from civicrec.errors import InvalidInput
from civicrec.items import Item
from civicrec.process.progress import ShowProgress
from civicrec.settings import Settings
from operations.evaluation.baselines import WINDOWS, PopularWithin
from operations.replay import Click, ReplayedPortal, items_of
from recommender.manifest import Manifest
from recommender.scenes.scene import Scene
from recommender.training.bootstrap import interval_95
from recommender.training.ranker import LEARNED_DAYS, MAX_CLICKS

K = 10
_DAY_MS = 86_400_000
#: Nights before the period that train: what a ranker learns of the models' scores it learns from lists made with them.
_TRAINED_DAYS = 3
#: Upper ends of the ages of items, hours.
_AGES_H = (1, 6, 24, 72, 168)
_REPORTED_EVERY = 500


@dataclass(slots=True)
class _Outcomes:
    """What came of each click that was asked for: one entry a click, in order."""

    users: list[str] = field(default_factory=list)
    is_warm: list[bool] = field(default_factory=list)
    ranks: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    ages_ms: list[int] = field(default_factory=list)
    impressions: Counter[str] = field(default_factory=Counter)
    young_impressions: int = 0
    novelty_bits: float = 0.0


def evaluate_prequential(
    clicks: Sequence[Click], begin_ms: int, end_ms: int, scene: Scene, settings: Settings,
    known: Mapping[str, Item] | None = None, zone: tzinfo = PORTAL_TZ, report: ShowProgress = lambda *_: None,
) -> dict[str, Any]:  # fmt: skip
    """Play a log and ask for the clicks of ``begin_ms <= time < end_ms``; what is earlier only teaches.

    Parameters
    ----------
    clicks
        In order of time.
    known
        Items by id; those without a date, and all others, count as published at their first click.
    zone
        Whose midnights the nights begin at.

    Returns
    -------
    dict
        ``warm`` (visitors with history) and ``first`` (the first click of a visitor): algorithm → ``n``, ``hr@10``,
        ``mrr@10`` and ``hr@10_95``, an interval by bootstrap over users. Of what was served: ``coverage`` (share of
        the items known at the end that stood in a list), ``gini`` of their impressions, ``novelty``, the mean
        `surprise` of an impression in bits, ``share_under_a_day`` of clicks and of impressions, ``by_age``: hit rate by
        the age of the item in hours. ``seconds``.

    Raises
    ------
    InvalidInput
        If no click of the period can be asked for.
    """
    began_s = monotonic_s()
    week_ms = LEARNED_DAYS * _DAY_MS
    n_week = sum(begin_ms - week_ms <= click.at_ms < begin_ms for click in clicks)
    portal = ReplayedPortal(items_of(clicks, known or {}), [scene], settings, min(1.0, MAX_CLICKS / max(1, n_week)))
    published_ms = portal.catalogue.published_ms
    windows = {name: PopularWithin(minutes) for name, minutes in WINDOWS.items()}
    seen: dict[str, set[str]] = defaultdict(set)
    readers: Counter[str] = Counter()
    outcomes, day = _Outcomes(), None
    for place, click in enumerate(clicks):
        if click.at_ms >= end_ms:
            break
        today = from_ms(click.at_ms).astimezone(zone).date()
        if day is not None and today != day and click.at_ms >= begin_ms - _TRAINED_DAYS * _DAY_MS:
            portal.train(day.isoformat(), Manifest(rankers=portal.learned()))
        day = today
        if click.at_ms >= begin_ms and click.item_id not in seen[click.user_id]:
            history = seen[click.user_id]
            lists = {"served": portal.list_for(click.user_id, click.at_ms, K)}
            lists |= {name: window.list_for(history, click.at_ms, K) for name, window in windows.items()}
            for name, ids in lists.items():
                outcomes.ranks[name].append(ids.index(click.item_id) + 1 if click.item_id in ids else 0)
            outcomes.users.append(click.user_id)
            outcomes.is_warm.append(bool(history))
            outcomes.ages_ms.append(click.at_ms - int(published_ms[portal.catalogue.rows[click.item_id]]))
            outcomes.impressions.update(lists["served"])
            outcomes.novelty_bits += sum(surprise(readers[item_id], len(seen)) for item_id in lists["served"])
            rows = portal.catalogue.rows_of(lists["served"])
            outcomes.young_impressions += int(np.count_nonzero(click.at_ms - published_ms[rows] < _DAY_MS))
        readers[click.item_id] += click.item_id not in seen[click.user_id]
        seen[click.user_id].add(click.item_id)
        portal.add(click)
        for window in windows.values():
            window.add(click)
        if place % _REPORTED_EVERY == 0:
            report("clicks", place, len(clicks))
    report("clicks", len(clicks), len(clicks))
    if not outcomes.users:
        raise InvalidInput("no click of the period can be asked for; choose --from and --until within the file's times")
    n_known = int(np.count_nonzero(published_ms < end_ms))
    return _figures(outcomes, n_known) | {"seconds": round(monotonic_s() - began_s, 1)}


def _figures(outcomes: _Outcomes, n_known: int) -> dict[str, Any]:
    is_warm, ages_ms = np.array(outcomes.is_warm), np.array(outcomes.ages_ms)
    users = np.unique(outcomes.users, return_inverse=True)[1]
    ranks_of = {name: np.array(ranks) for name, ranks in outcomes.ranks.items()}
    hits = ranks_of["served"] > 0
    impressions = np.array(sorted(outcomes.impressions.values()), np.float64)
    edges_ms = np.array([0, *(hours * 3_600_000 for hours in _AGES_H), np.inf])
    bins = [f"under {hours} h" for hours in _AGES_H] + [f"{_AGES_H[-1]} h and older"]
    age_of = np.digitize(ages_ms, edges_ms[1:-1])
    return {
        "warm": {name: _measured(ranks[is_warm], users[is_warm]) for name, ranks in ranks_of.items()},
        "first": {name: _measured(ranks[~is_warm], users[~is_warm]) for name, ranks in ranks_of.items()},
        "coverage": round(len(impressions) / max(1, n_known), 4),
        "gini": round(gini(np.pad(impressions, (max(0, n_known - len(impressions)), 0))), 4),
        "novelty": round(outcomes.novelty_bits / max(1.0, float(impressions.sum())), 3),
        "share_under_a_day": {
            "clicks": round(float(np.mean(ages_ms < _DAY_MS)), 4),
            "impressions": round(outcomes.young_impressions / max(1.0, float(impressions.sum())), 4),
        },
        "by_age": {
            name: {"n": int(np.sum(age_of == place)), "hr@10": round(float(hits[age_of == place].mean()), 4)}
            for place, name in enumerate(bins) if np.any(age_of == place)
        },
    }  # fmt: skip


def _measured(ranks: np.ndarray[Any, Any], users: np.ndarray[Any, Any]) -> dict[str, Any]:
    if not len(ranks):
        return {"n": 0}
    hits = ranks > 0
    gains = np.divide(1.0, ranks, out=np.zeros(len(ranks)), where=hits)
    return {
        "n": len(ranks),
        "hr@10": round(float(hits.mean()), 4),
        "mrr@10": round(float(gains.mean()), 4),
        "hr@10_95": [round(bound, 4) for bound in interval_95(hits, users)],
    }


def surprise(readers: int, visitors: int) -> float:
    """Return how little expected an item is, in bits: -log2 of the share of the visitors who read it so far.

    Mean self-information is the novelty of Zhou et al. 2010 and of Vargas & Castells 2011; of an item that nobody read
    it is that of one more reader.

    Examples
    --------
    >>> surprise(4, 16), surprise(0, 7)
    (2.0, 3.0)
    """
    return math.log2((visitors + (not readers)) / max(1, readers)) if visitors else 0.0


def gini(ascending: np.ndarray[Any, Any]) -> float:
    """Return how unequally impressions are spread over items: 0 for all alike, near 1 for one that has them all."""
    n, total = len(ascending), float(ascending.sum())
    if not n or not total:
        return 0.0
    return float((2 * np.arange(1, n + 1) - n - 1) @ ascending / (n * total))


def at_ms(text: str, zone: tzinfo) -> int:
    """Return a time of the command line, a date or date and time in the zone or epoch seconds, in milliseconds.

    Raises
    ------
    InvalidInput
        If it is none of them.
    """
    try:
        return int(float(text) * 1000)
    except (ValueError, OverflowError):
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"got time {text[:40]!r}; expected epoch seconds or a date such as 2026-11-28") from None
    return int((at if at.tzinfo else at.replace(tzinfo=zone)).timestamp() * 1000)
