"""Re-ranking by kind: which types lead a place, how many of a type it holds at least, how much one issuer may take.

In: rows, best first. Out: the same rows; the first n keep what the scene declares as far as the pool allows.
"""

from __future__ import annotations

from collections.abc import Sequence

from civicrec.items import ITEM_TYPES
from recommender.candidates.generator import Query
from recommender.catalogue import theme_number
from recommender.reranking.diversify import limited, most_of
from recommender.scenes.scene import Scene


def first_types(rows: Sequence[int], query: Query, scene: Scene, n: int) -> tuple[list[int], list[int]]:
    """Put the scene's first types before all others, and of them those of its first themes; else the order stays."""
    types = {ITEM_TYPES.index(name) for name in scene.first_types}
    themes = set(map(theme_number, scene.first_themes))
    if types or themes:
        catalogue = query.catalogue
        type_of = dict(zip(rows, catalogue.types[list(rows)].tolist(), strict=True))

        def place(row: int) -> tuple[bool, bool]:
            return bool(types) and type_of[row] not in types, themes.isdisjoint(catalogue.themes[row])

        rows = sorted(rows, key=place)
    return list(rows[:n]), list(rows[n:])


def quotas(rows: Sequence[int], query: Query, scene: Scene, n: int) -> tuple[list[int], list[int]]:
    """Keep types and issuers to their largest share, then bring in what a type lacks of its least number."""
    page, others = list(rows[:n]), list(rows[n:])
    types = query.catalogue.types
    if scene.max_type_share:
        most = {ITEM_TYPES.index(name): most_of(share, n) for name, share in scene.max_type_share.items()}
        page, others = limited([*page, *others], lambda row: (int(types[row]),), lambda kind: most.get(kind, n), n)
    if scene.max_issuer_share < 1:
        most_of_one, items, ids = most_of(scene.max_issuer_share, n), query.catalogue.items, query.catalogue.item_ids
        issuers = {row: items[ids[row]].issuer for row in (*page, *others)}
        page, others = limited(
            [*page, *others], lambda row: (issuers[row],) if issuers[row] else (), lambda _: most_of_one, n
        )
    if scene.min_type_count:
        page, others = _with_least(page, others, query, scene)
    return page, others


def _with_least(page: list[int], others: list[int], query: Query, scene: Scene) -> tuple[list[int], list[int]]:
    """Let the best of what a type lacks take the places of the last that no type needs."""
    types = query.catalogue.types
    least = {ITEM_TYPES.index(name): count for name, count in scene.min_type_count.items()}
    count = {kind: sum(int(types[row]) == kind for row in page) for kind in least}
    for kind, wanted in least.items():
        for row in [row for row in others if int(types[row]) == kind][: max(0, wanted - count[kind])]:
            spare = next(
                (one for one in reversed(page) if count.get(int(types[one]), 1) > least.get(int(types[one]), 0)), None
            )
            if spare is None:
                break
            count[kind] += 1
            if int(types[spare]) in count:
                count[int(types[spare])] -= 1
            page.remove(spare)
            others.remove(row)
            page.append(row)
            others.insert(0, spare)
    return page, others
