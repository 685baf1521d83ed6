"""Re-ranking by kind: which types lead a place, how many of a type it holds at least, how much one issuer may take.

In: rows, best first. Out: the same rows; the first n keep what the scene declares as far as the pool allows.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Hashable, Sequence

from civicrec.items import ITEM_TYPES
from recommender.candidates.generator import Query
from recommender.scenes.scene import Scene


def first_types(rows: Sequence[int], query: Query, scene: Scene, n: int) -> tuple[list[int], list[int]]:
    """Put the scene's first types before all others, and of them those of its first themes; else the order stays."""
    types = {ITEM_TYPES.index(name) for name in scene.first_types}
    themes = {zlib.crc32(name.encode()) for name in scene.first_themes}
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
        most: dict[Hashable, int] = {
            ITEM_TYPES.index(name): _most(share, n) for name, share in scene.max_type_share.items()
        }
        page, others = _limited([*page, *others], n, lambda row: int(types[row]), lambda kind: most.get(kind, n))
    if scene.max_issuer_share < 1:
        most_of_one, items, ids = _most(scene.max_issuer_share, n), query.catalogue.items, query.catalogue.item_ids
        page, others = _limited(
            [*page, *others], n, lambda row: items[ids[row]].issuer, lambda issuer: most_of_one if issuer else n
        )
    if scene.min_type_count:
        page, others = _with_least(page, others, query, scene)
    return page, others


def _most(share: float, n: int) -> int:
    return max(1, int(share * n + 1e-9))


def _limited(
    rows: Sequence[int], n: int, kind_of: Callable[[int], Hashable], most_of: Callable[[Hashable], int]
) -> tuple[list[int], list[int]]:
    """Move behind the page what comes after its kind has its share."""
    taken: dict[Hashable, int] = {}
    page: list[int] = []
    moved: list[int] = []
    for place, row in enumerate(rows):
        if len(page) == n:
            return page, [*moved, *rows[place:]]
        kind = kind_of(row)
        if taken.get(kind, 0) < most_of(kind):
            taken[kind] = taken.get(kind, 0) + 1
            page.append(row)
        else:
            moved.append(row)
    return page, moved


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
