"""Re-ranking for variety: no theme takes more than its share of a page (《算法推荐管理规定》asks to scatter).

In: rows, best first. Out: the same rows; the first n keep the rule as far as the pool allows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def scatter(rows: Sequence[int], themes: Sequence[tuple[int, ...]], n: int, max_share: float) -> list[int]:
    """Move items behind the page whose theme already has its share of it.

    Parameters
    ----------
    themes
        Row → theme numbers; an item without themes is never moved.
    max_share
        Largest share of one theme among `n` items, 0..1; at least one item of a theme may always stand.

    Returns
    -------
    list
        A permutation of `rows`. If fewer than `n` can keep the rule, those moved fill the page in their old order.

    Examples
    --------
    >>> scatter([0, 1, 2, 3], [(7,), (7,), (8,), ()], n=3, max_share=0.4)
    [0, 2, 3, 1]
    """
    page, moved, rest = _scattered(rows, themes, n, max_share)
    return page + moved + rest


def can_scatter(rows: Sequence[int], themes: Sequence[tuple[int, ...]], n: int, max_share: float) -> bool:
    """Return whether the rows fill a page of `n` that keeps the rule."""
    return len(_scattered(rows, themes, n, max_share)[0]) == n


def _scattered(
    rows: Sequence[int], themes: Sequence[tuple[int, ...]], n: int, max_share: float
) -> tuple[list[int], list[int], list[int]]:
    """Return the page, what was moved out of it, and what was not looked at."""
    most = max(1, int(max_share * n + 1e-9))
    taken: Counter[int] = Counter()
    page: list[int] = []
    moved: list[int] = []
    for place, row in enumerate(rows):
        if len(page) == n:
            return page, moved, list(rows[place:])
        if max_share < 1.0 and any(taken[theme] >= most for theme in themes[row]):
            moved.append(row)
        else:
            taken.update(themes[row])
            page.append(row)
    return page, moved, []
