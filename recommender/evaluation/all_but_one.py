"""All-but-one: show a recommender every item of a test user but one, and see how high the hidden one comes.

In: histories of test users, and a function from what is known to a ranked list. Out: averages per algorithm.
A user with one row has nothing left to show: the list is then the one for a stranger. `all` counts these users,
`with_history` leaves them out, as Breese, Heckerman & Kadie (1998) do.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from civicrec.items import Item, hash_of
from profiles.online.ports import MAX_RECENT, MAX_SEEN, ActorState, RecentItem
from recommender.artifacts import Models
from recommender.catalogue import Catalogue
from recommender.evaluation.metrics import breese_score, ndcg_at, recall_at, reciprocal_rank
from recommender.recommend import recommend
from recommender.request import Request
from recommender.scenes.files import shipped_scenes
from recommender.scoring import als_scores, item_item_scores, ridge_of
from recommender.signals import PlacedModels, Signals

#: Items without dates are the same at any time.
ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)

Withhold = Literal["last", "random"]
Recommender = Callable[[Sequence[str]], Sequence[str]]


@dataclass(frozen=True, slots=True)
class HeldOutCase:
    """What is known of a test user, and the item that was withheld."""

    known: tuple[str, ...]
    wanted: str


@dataclass(frozen=True, slots=True)
class Averages:
    """Means over users; `breese` is the rank score of the paper, 0..100."""

    users: int
    recall_at_k: float
    ndcg_at_k: float
    mrr_at_k: float
    breese: float


def withhold(histories: Iterable[Sequence[str]], which: Withhold = "last", seed: int = 0) -> list[HeldOutCase]:
    """Take one row of each history: the last, or one drawn with a seed. Empty histories ask nothing."""
    rng = random.Random(seed)
    cases: list[HeldOutCase] = []
    for history in histories:
        if not history:
            continue
        place = len(history) - 1 if which == "last" else rng.randrange(len(history))
        cases.append(HeldOutCase((*history[:place], *history[place + 1 :]), history[place]))
    return cases


def average(cases: Sequence[HeldOutCase], lists: Sequence[Sequence[str]], k: int = 10) -> Averages:
    """Average the measures of one list per case; NaN-free zeros for no cases."""
    n = max(1, len(cases))
    pairs = list(zip(lists, ({case.wanted} for case in cases), strict=True))
    return Averages(
        users=len(cases),
        recall_at_k=sum(recall_at(ranked, wanted, k) for ranked, wanted in pairs) / n,
        ndcg_at_k=sum(ndcg_at(ranked, wanted, k) for ranked, wanted in pairs) / n,
        mrr_at_k=sum(reciprocal_rank(ranked, wanted, k) for ranked, wanted in pairs) / n,
        breese=100 * sum(breese_score(ranked, wanted) for ranked, wanted in pairs) / n,
    )


def both_ways(cases: Sequence[HeldOutCase], lists: Sequence[Sequence[str]], k: int = 10) -> dict[str, Averages]:
    """Average over `all` cases and over those `with_history`."""
    known = [place for place, case in enumerate(cases) if case.known]
    return {
        "all": average(cases, lists, k),
        "with_history": average([cases[place] for place in known], [lists[place] for place in known], k),
    }


def recommenders(models: Models) -> dict[str, Recommender]:
    """Return the models' own rankings of everything not yet known: popular, item-item and als.

    Ties, and a stranger's whole list, go by popularity.
    """
    rows = {item_id: row for row, item_id in enumerate(models.item_ids)}
    ridge = ridge_of(models)
    scorers: Mapping[str, Callable[[list[int]], NDArray[np.float32]]] = {
        "popular": lambda _: models.popularity,
        "item-item": lambda seen: item_item_scores(models, seen),
        "als": lambda seen: als_scores(models, ridge, seen),
    }

    def ranking_by(score: Callable[[list[int]], NDArray[np.float32]]) -> Recommender:
        def ranked(known: Sequence[str]) -> list[str]:
            seen = [rows[item_id] for item_id in known if item_id in rows]
            order = np.lexsort((-models.popularity, -score(seen)))
            hidden = set(seen)
            return [models.item_ids[row] for row in order if row not in hidden]

        return ranked

    return {name: ranking_by(score) for name, score in scorers.items()}


def served(models: Models, now: datetime, k: int = 10) -> Recommender:
    """Return what the portal's front page would show: the served function on items that have nothing but an id.

    Without tags, dates and live behaviour only the nightly models speak; each list holds `k` items. Of who asks it is
    known what the online store would hold.
    """
    catalogue = Catalogue.of(Item(item_id=item_id, item_type="topic", title=item_id) for item_id in models.item_ids)
    signals, home = Signals(PlacedModels.of(models, catalogue)), shipped_scenes()["home"]

    def ranked(known: Sequence[str]) -> list[str]:
        newest = tuple(RecentItem(item_id, 0) for item_id in reversed(known[-MAX_RECENT:]))
        profile = ActorState(recent=newest, seen=tuple(map(hash_of, known[-MAX_SEEN:])))
        page = recommend(Request(home, k), profile, catalogue, signals, now)
        return [one.item.item_id for one in page.items]

    return ranked


def all_but_one(models: Models, histories: Iterable[Sequence[str]], which: Withhold = "last", k: int = 10,
                seed: int = 0, now: datetime = ANY_TIME) -> dict[str, dict[str, Averages]]:  # fmt: skip
    """Return algorithm → `both_ways` averages for models that never saw these histories.

    `hybrid` is the list as served (`served`), cut at `k`; the others rank everything.
    """
    cases = withhold(histories, which, seed)
    return {
        name: both_ways(cases, [ask(case.known) for case in cases], k)
        for name, ask in (recommenders(models) | {"hybrid": served(models, now, k)}).items()
    }
