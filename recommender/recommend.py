"""The served list is this one function; serving, evaluation and notebooks call the same.

In: a request for a scene or a variant of it, the actor's state, the catalogue, everybody's behaviour, the time.
Out: a `RankedList`. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from civicrec.clock import to_ms
from profiles.online.ports import ActorState
from recommender.candidates.co_click import MAX_CO_CLICK_SEEDS
from recommender.candidates.generator import Query, Scored
from recommender.candidates.related import MAX_FOLLOWED
from recommender.catalogue import Catalogue
from recommender.cursor import MAX_SHOWN, Cursor
from recommender.editorial import EDITORIAL, NO_RULES, Acting
from recommender.eligibility import eligible, in_force, of_origin
from recommender.exploration import EXPLORATION, explored
from recommender.fallback import fallback_rows
from recommender.generators import GENERATORS
from recommender.interleaving import interleaved
from recommender.ranking.adjusted import adjusted
from recommender.ranking.fatigue import often_shown, tired
from recommender.ranking.rankers import RANKERS, Ordered
from recommender.ranking.refused import like_refused
from recommender.reasons import reasons_for
from recommender.request import FALLBACK, RankedItem, RankedList, Reason, Request, Source
from recommender.reranking.rerankers import rerank
from recommender.scenes.scene import Scene
from recommender.signals import Signals

#: Candidates of one generator; all together a few hundred.
MAX_CANDIDATES = 100
_ITEM_ID = attrgetter("item_id")


def recommend(
    request: Request,
    profile: ActorState,
    catalogue: Catalogue,
    signals: Signals,
    now: datetime,
) -> RankedList:
    """Return the list for a request.

    Holds no excluded, disliked, already shown, blocked or ineligible item; has `n` items, or the scene's most, whenever
    so many may be shown; repeats what the actor has seen only when editors pinned it or nothing else is left. A general
    list is the same whoever asks. What is not in force is no seed item and is named by no reason, whoever names it.

    Parameters
    ----------
    profile
        Not looked at unless the request is personal.

    Raises
    ------
    InvalidInput
        If the scene has no such variant.
    """
    return recommend_page([request], profile, catalogue, signals, now)[0]


def recommend_page(
    requests: Iterable[Request], profile: ActorState, catalogue: Catalogue, signals: Signals, now: datetime
) -> list[RankedList]:
    """Return the lists of one page, as `recommend` makes each; no item stands in two of them.

    What is known of a reader is worked out once for all of them, and what is true of an item asked for all at once.
    """
    chosen: list[_Chosen] = []
    shown: frozenset[str] = frozenset()
    queries: dict[_Reader, Query] = {}
    for request in requests:
        narrowed = replace(request, exclude=request.exclude | shown) if shown else request
        chosen.append(_chosen(narrowed, profile, catalogue, signals, now, queries))
        shown |= {catalogue.item_ids[row] for row in chosen[-1].page}
    parts_of = [one.ranked.parts_of(one.query, one.page) for one in chosen]
    reasons_of: dict[int, tuple[Reason, ...]] = {}
    for reader, query in queries.items():
        of_reader = [parts for one, parts in zip(chosen, parts_of, strict=True) if reader_of(one.request) == reader]
        for of_list in reasons_for(query, of_reader):
            reasons_of |= of_list
    return [_explained(one, parts, reasons_of) for one, parts in zip(chosen, parts_of, strict=True)]


#: What makes a reader of a page, apart from the profile.
_Reader = tuple[bool, tuple[str, ...], str]


def reader_of(request: Request) -> _Reader:
    """Return what lists of one page must have in common to be made from the same seed items."""
    return request.is_personal, request.recent, request.item_id


class _Chosen(NamedTuple):
    """What a list shows, before it is told why.

    Attributes
    ----------
    page
        Rows in the order of the list.
    n_shown
        How many stood on the pages before.
    is_last
        Whether nothing is left to be shown after it.
    sources
        Row → what put it where it stands, of those no generator did.
    pins
        Row → its editors' reason.
    propensity
        `RankedItem.propensity` of the last row.
    teams
        Row → the order it came by, where two are interleaved.
    """

    request: Request
    query: Query
    ranked: Ordered
    page: list[int]
    n_shown: int
    is_last: bool
    is_personal: bool
    sources: Mapping[int, Source]
    pins: Mapping[int, Reason]
    propensity: float
    teams: Mapping[int, str]


def _chosen(
    request: Request, profile: ActorState, catalogue: Catalogue, signals: Signals, now: datetime,
    queries: dict[_Reader, Query],
) -> _Chosen:  # fmt: skip
    scene = request.scene.variant(request.variant if request.coins is None else "")
    n = min(request.n, scene.max_n)
    rules = signals.editorial.acting(scene.name, to_ms(now))
    open_rows = may_show(request, profile, catalogue, now, rules)
    n_shown, n_left = len(request.cursor or ()), int(np.count_nonzero(open_rows))
    pins = rules.due(open_rows, n_shown, n, scene.editorial_slots) if rules.pins else {}
    pinned = [pin.row for pin in pins.values()]
    open_rows[pinned] = False
    reader = reader_of(request)
    if reader in queries:
        query = queries[reader].among(_unseen(open_rows, queries[reader].history, queries[reader].seen_before))
    else:
        query = queries[reader] = query_of(request, profile, catalogue, signals, now, open_rows)
    ranked, teams = _ranked(query, scene, request, profile, rules), dict[int, str]()
    if request.coins is not None:
        variant = _ranked(query, request.scene.variant(request.variant), request, profile, rules)
        both = interleaved(ranked, variant, request.coins)
        ranked, teams = both, dict(both.teams)
    page = _page(ranked.rows, query, scene, n, pinned)
    page += _seen_again(query, open_rows, n - len(pinned) - len(page))
    for place, pin in pins.items():
        page.insert(place, pin.row)
    is_personal = request.is_personal and bool(
        query.history or query.seen_before or query.tags or profile.disliked or profile.done
        or (scene.fatigue < 1 and often_shown(profile.shown, query.now_ms))
    )  # fmt: skip
    sources, propensity = dict.fromkeys(pinned, EDITORIAL), 1.0
    if is_personal and request.draw is not None and not pins:
        new, propensity = explored(page, query, scene, request.draw)
        if new is not None:
            page[-1], sources[new] = new, EXPLORATION
    return _Chosen(
        request, query, ranked, page, n_shown, n_left <= len(page), is_personal, sources,
        {pin.row: pin.reason for pin in pins.values()}, 0.0 if teams else propensity, teams,
    )  # fmt: skip


def history_of(
    request: Request, profile: ActorState, catalogue: Catalogue, now: datetime, n: int | None = None
) -> list[int]:
    """Return the rows the actor interacted with, newest first: what the caller says, then what the store knows.

    Only what is in force: an id that somebody merely names must not tell what stands behind it.

    Parameters
    ----------
    n
        So many at most; all when not given.
    """
    if not request.is_personal:
        return []
    is_in_force, row_of = in_force(catalogue, now), catalogue.rows.get
    rows: dict[int, None] = {}
    for item_id in chain(request.recent, map(_ITEM_ID, profile.recent)):
        row = row_of(item_id)
        if row is not None and is_in_force[row]:
            rows[row] = None
            if len(rows) == n:
                break
    return list(rows)


def seen_before(request: Request, profile: ActorState, catalogue: Catalogue, history: Sequence[int]) -> list[int]:
    """Return the rows the actor is only known to have seen, newest first: what is older than `history`."""
    if not (request.is_personal and profile.seen):
        return []
    known = set(catalogue.hashes[list(history)].tolist())
    older = [hashed for hashed in profile.seen if hashed not in known]  # of most visitors none
    return catalogue.rows_of_hashes(older)[::-1] if older else []


def seed_ids(request: Request, profile: ActorState, catalogue: Catalogue, now: datetime) -> list[str]:
    """Return the ids of the items whose pairs the list is made from: the page's own, then the newest of the history."""
    newest = history_of(request, profile, catalogue, now, MAX_CO_CLICK_SEEDS)
    ids = [catalogue.item_ids[row] for row in newest]
    if request.item_id not in catalogue.rows:
        return ids
    return [request.item_id, *(item_id for item_id in ids if item_id != request.item_id)][:MAX_CO_CLICK_SEEDS]


def query_of(
    request: Request, profile: ActorState, catalogue: Catalogue, signals: Signals, now: datetime,
    may_show: NDArray[np.bool_],
) -> Query:  # fmt: skip
    """Return what the candidate generators are asked for: of what may be shown, that which the actor has not seen."""
    history = history_of(request, profile, catalogue, now)
    context = catalogue.rows.get(request.item_id, -1)
    before = seen_before(request, profile, catalogue, history)
    return Query(
        catalogue=catalogue,
        signals=signals,
        open_rows=_unseen(may_show, history, before),
        now_ms=to_ms(now),
        history=tuple(history),
        seen_before=tuple(before),
        context=context if context >= 0 and in_force(catalogue, now)[context] else -1,
        tags=profile.tags if request.is_personal else {},
        done=_done(request, profile, catalogue, now),
        last_ms=_last_ms(request, profile, now),
        deleted_tags=profile.deleted_tags if request.is_personal else frozenset(),
    )


def _last_ms(request: Request, profile: ActorState, now: datetime) -> int:
    if not request.is_personal:
        return 0
    if request.recent:  # what the caller names was just now
        return to_ms(now)
    return profile.recent[0].at_ms if profile.recent else 0


def _done(request: Request, profile: ActorState, catalogue: Catalogue, now: datetime) -> tuple[int, ...]:
    if not (request.is_personal and profile.done):
        return ()
    is_in_force = in_force(catalogue, now)
    return tuple(row for row in catalogue.rows_of(list(profile.done)[:MAX_FOLLOWED]) if is_in_force[row])


def _unseen(may_show: NDArray[np.bool_], history: Sequence[int], seen_before: Sequence[int]) -> NDArray[np.bool_]:
    open_rows = may_show.copy()
    open_rows[[*history, *seen_before]] = False
    return open_rows


def candidates_of(query: Query, scene: Scene) -> dict[Source, Scored]:
    """Return what each of the scene's generators finds."""
    return {source: GENERATORS[source].candidates(query, MAX_CANDIDATES) for source in scene.sources}


def weights_of(scene: Scene, signals: Signals) -> dict[Source, float]:
    """Return the weight of each of the scene's generators, with the emphasis that the nightly run found."""
    return {source: weight * signals.emphasis.get(source, 1.0) for source, weight in scene.sources.items()}


def may_show(
    request: Request, profile: ActorState, catalogue: Catalogue, now: datetime, rules: Acting = NO_RULES
) -> NDArray[np.bool_]:
    """Return the mask of what may be shown to this caller, seen or not."""
    mask = eligible(catalogue, request.scene.item_types, now).copy()
    mask[catalogue.rows_of((*request.exclude, request.item_id))] = False
    mask[rules.blocked] = False
    if request.scene.issuers or request.scene.origins:
        mask &= of_origin(catalogue, request.scene.issuers, request.scene.origins)
    if request.is_personal:
        mask[catalogue.rows_of((*profile.disliked, *profile.done))] = False
    if request.cursor and len(request.cursor):
        mask[np.isin(catalogue.hashes, np.array(request.cursor.shown, np.uint32))] = False
    return mask


def _ranked(query: Query, scene: Scene, request: Request, profile: ActorState, rules: Acting) -> Ordered:
    """Return the candidates of a scene in its order, after editors' factors and the visitor's own."""
    candidates, weights = candidates_of(query, scene), weights_of(scene, query.signals)
    ranked = RANKERS[scene.ranker](query, candidates, weights, query.signals.learned(scene.name))
    return adjusted(query, ranked, _factors(query, scene, request, profile, rules, ranked.rows))


def _factors(
    query: Query, scene: Scene, request: Request, profile: ActorState, rules: Acting, rows: Sequence[int]
) -> Mapping[int, float]:
    """Return row → what its score is multiplied by: the editors' factor times the visitor's own."""
    if not request.is_personal:
        return rules.factors
    factors = dict(rules.factors)
    often = often_shown(profile.shown, query.now_ms) if scene.fatigue < 1 else {}
    for own in (like_refused(query, profile.disliked, rows), tired(query, often, scene.fatigue, rows)):
        for row, factor in own.items():
            factors[row] = factor * factors.get(row, 1.0)
    return factors


def _page(rows: list[int], query: Query, scene: Scene, n: int, pinned: list[int]) -> list[int]:
    """Re-rank; where the candidates alone do not fill a page so, add the fallback, enough of it to choose.

    What is pinned is looked at first, so that its theme has that much less of its share left, and is not answered.
    """
    page, others = rerank([*pinned, *rows], query, scene, n)
    if len(page) < n:
        known = set(rows)
        spare = fallback_rows(query, scene, len(rows) + 3 * n)
        page, others = rerank([*pinned, *rows, *(row for row in spare if row not in known)], query, scene, n)
    if pinned:
        return [row for row in page + others if row not in pinned][: n - len(pinned)]
    return (page + others)[:n]


def _seen_again(query: Query, may_show: NDArray[np.bool_], n: int) -> list[int]:
    """Return `n` items the actor has seen, the longest ago first, because nothing else is left."""
    oldest_first = chain(reversed(query.seen_before), reversed(query.history))
    return [row for row in oldest_first if may_show[row]][: max(0, n)]


def _explained(
    chosen: _Chosen, parts_of: Mapping[int, Mapping[Source, float]], reasons_of: Mapping[int, tuple[Reason, ...]]
) -> RankedList:
    request, ranked, page = chosen.request, chosen.ranked, chosen.page
    catalogue, signals = chosen.query.catalogue, chosen.query.signals
    features_of = ranked.features_of(page) if request.explain else {}
    items = tuple([
        RankedItem(
            item=catalogue.items[catalogue.item_ids[row]],
            row=row,
            position=position,
            score=float(ranked.scores[ranked.rows.index(row)]) if parts else 0.0,
            source=chosen.sources.get(row) or max(parts, key=parts.__getitem__, default=FALLBACK),
            reasons=(chosen.pins[row],) if row in chosen.pins else reasons_of[row],
            parts=parts,
            features=features_of.get(row, {}),
            propensity=chosen.propensity if row == page[-1] else float(not chosen.teams),
            team="" if row in chosen.sources else chosen.teams.get(row, ""),
        )
        for position, (row, parts) in enumerate(parts_of.items(), chosen.n_shown)
    ])  # fmt: skip
    return RankedList(
        scene=request.scene.name,
        mode="personalised" if chosen.is_personal else "general",
        model=signals.model,
        items=items,
        variant=request.variant,
        variant_share=request.variant_share,
        title=request.scene.title,
        next_cursor=None if chosen.is_last else _next_cursor(request, catalogue, page),
    )


def _next_cursor(request: Request, catalogue: Catalogue, page: Sequence[int]) -> Cursor | None:
    before = request.cursor.shown if request.cursor else ()
    shown = (*before, *catalogue.hashes[list(page)].tolist())
    return Cursor(request.scene.name, shown) if len(shown) <= MAX_SHOWN else None
