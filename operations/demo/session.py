"""One visit to the portal: a page, lists seen, items clicked and read, perhaps a service begun.

In: who visits and when, and what is on the portal. Out: events in the diary.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from civicrec.clock import to_ms
from civicrec.items import Item
from operations.demo.diary import Diary
from operations.demo.needs import NEEDS
from operations.demo.shelf import Shelf, Weights

_FOLLOWS_LINK = 0.45  # an errand goes on from policy to interpretation to service, where there is one
_SEARCHES = 0.25  # part of errands that begin in the search box
_TWO_CLICKS = 0.2  # part of lists from which a second item is opened
_SHOWN = {"home": 4, "news": 4, "search": 3}  # list entries that come into view; other lists are short
_SHOWN_ELSEWHERE = 3
_LOOKS_DOWN = 0.45  # chance to stop at each entry going down a list: position bias
_READS = 0.8  # part of opened pages that stay open long enough for a ping
_READ_MEDIAN_S = {"news": 22.0, "policy": 48.0, "interpretation": 40.0, "guide": 45.0}
_READ_MEDIAN_ELSE_S = 30.0
_STARTS_SERVICE, _SUBMITS, _COMPLETES = 0.25, 0.7, 0.8
_AFTERWARDS = (("favourite", 0.02), ("share", 0.015), ("dislike", 0.008))


@dataclass(slots=True)
class VisitPlan:
    """Who comes, when, for how many clicks, and what they opened before (extended by the visit)."""

    need: int
    start: datetime
    clicks: int
    seen: set[int]


def visit(plan: VisitPlan, shelf: Shelf, diary: Diary, rng: np.random.Generator) -> None:
    """Write one visit into the diary."""
    at = plan.start
    diary.add("page_view", at, url_path="/portal/", title="云澜市人民政府")
    if not plan.clicks:
        _show([], "home", at, shelf, diary, rng)
        return
    left, last = plan.clicks, None
    while left:
        scene, weights = _looks_for(plan, last, at, shelf, rng)
        wanted = _pick(weights, plan.seen, min(left, 1 + int(rng.random() < _TWO_CLICKS)), rng)
        if not wanted:
            return  # everything they would open is read
        if scene == "search":
            queries = NEEDS[plan.need].queries
            diary.add("search", at, query=queries[int(rng.integers(len(queries)))], props={"result_count": 10})
        places = _show(wanted, scene, at + timedelta(seconds=1.2), shelf, diary, rng)
        at += timedelta(seconds=2.5 + float(rng.exponential(4)))
        for position, facts in places:
            at = _open(shelf.items[position], at, facts, diary, rng)
            plan.seen.add(position)
            last = position
        left -= len(wanted)


def _looks_for(
    plan: VisitPlan, last: int | None, at: datetime, shelf: Shelf, rng: np.random.Generator
) -> tuple[str, Weights]:
    """Return the scene the next list stands in and what the visitor would click there."""
    at_ms = to_ms(at)
    if last is not None and rng.random() < _FOLLOWS_LINK:
        linked = shelf.linked(last, at_ms)
        if linked.any():
            return "item", linked
    if rng.random() < NEEDS[plan.need].errand_share:
        weights = shelf.errand(at_ms, plan.need)
        scenes = ("search", "policies", "services", "home")
        chances = (_SEARCHES, 0.25, 0.25, 1 - _SEARCHES - 0.5)
        return str(rng.choice(scenes, p=chances)), weights
    return ("home" if rng.random() < 0.7 else "news"), shelf.news(at_ms, plan.need)


def _pick(weights: Weights, seen: set[int], n: int, rng: np.random.Generator) -> list[int]:
    """Return up to n distinct positions, by weight, none of them seen."""
    weights = weights.copy()
    weights[list(seen)] = 0
    picked: list[int] = []
    while len(picked) < n and weights.any():
        total = np.cumsum(weights)
        position = int(np.searchsorted(total, rng.random() * total[-1], side="right"))
        picked.append(position)
        weights[position] = 0
    return picked


def _show(
    wanted: list[int], scene: str, at: datetime, shelf: Shelf, diary: Diary, rng: np.random.Generator
) -> list[tuple[int, dict[str, object]]]:
    """Write the impressions of one list that holds the wanted items; return where each of those stood."""
    length = _SHOWN.get(scene, _SHOWN_ELSEWHERE)
    shown = _pick(shelf.shown(to_ms(at)), set(wanted), length - len(wanted), rng)
    for position in wanted:
        place = min(int(rng.geometric(_LOOKS_DOWN)) - 1, len(shown))
        shown = [*shown[:place], position, *shown[place:]]
    facts = {"request_id": diary.hex(8), "scene": scene, "slot": "list"}
    for place, position in enumerate(shown):
        diary.add("impression", at + timedelta(milliseconds=40 * place), shelf.items[position], position=place, **facts)
    return [(position, {**facts, "position": place}) for place, position in enumerate(shown) if position in wanted]


def _open(item: Item, at: datetime, facts: dict[str, object], diary: Diary, rng: np.random.Generator) -> datetime:
    """Write a click and what follows it on the item's page; return when the visitor is done there."""
    diary.add("click", at, item, **facts)
    diary.page_of(item, at)
    read_s = float(rng.lognormal(np.log(_READ_MEDIAN_S.get(item.item_type, _READ_MEDIAN_ELSE_S)), 0.8))
    read_s = min(max(read_s, 1.0), 1_200.0)  # a page left open is no reading: 20 min at most
    at += timedelta(seconds=read_s)
    if rng.random() < _READS:
        scroll = int(min(100, 20 + read_s * 1.5))
        diary.add("read", at, item, active_ms=int(read_s * 1_000), scroll_pct=scroll, **facts)
    for kind, chance in _AFTERWARDS:
        if rng.random() < chance:
            diary.add(kind, at, item, **facts)
    if item.item_type == "policy" and rng.random() < 0.05:
        diary.add("download", at, item, props={"format": "pdf"}, **facts)
    if item.item_type == "service":
        at = _use(item, at, diary, rng)
    return at + timedelta(seconds=1.5)


def _use(item: Item, at: datetime, diary: Diary, rng: np.random.Generator) -> datetime:
    """Write an application through the service, as far as the visitor gets."""
    is_open = (item.apply_from is None or item.apply_from <= at) and (item.apply_until is None or at < item.apply_until)
    for kind, chance, minutes in (
        ("service_start", _STARTS_SERVICE if is_open else 0.0, 0.1),
        ("service_submit", _SUBMITS, 6.0),
        ("service_complete", _COMPLETES, 1.0),
    ):
        if rng.random() >= chance:
            return at
        at += timedelta(minutes=minutes * float(rng.uniform(0.5, 1.5)))
        diary.add(kind, at, item)
    diary.add("rate", at, item, value=float(rng.choice([3, 4, 5], p=[0.1, 0.3, 0.6])))
    return at
