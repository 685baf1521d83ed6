"""Reasons: why an item is in a list, in words for the visitor and in evidence for a checker. Each one is true.

In: the query a list answered and its rows. Out: the `Reason`s of the generators, or that of a filler.
"""

from __future__ import annotations

from collections.abc import Mapping

from recommender.candidates.generator import Query
from recommender.generators import GENERATORS
from recommender.request import Reason, Source


def reasons_for(
    query: Query, parts_of: Mapping[int, Mapping[Source, float]]
) -> dict[int, tuple[Reason, ...]]:  # fmt: skip
    """Return row → the reasons of the generators that named it, the strongest first; never empty.

    Parameters
    ----------
    parts_of
        Row → generator → its part of the score, above 0.
    """
    rows_of: dict[Source, list[int]] = {}
    for row, parts in parts_of.items():
        for source in parts:
            rows_of.setdefault(source, []).append(row)
    reasons_of = {source: GENERATORS[source].reasons(query, rows) for source, rows in rows_of.items()}
    return {row: _strongest_first(query, row, parts, reasons_of) for row, parts in parts_of.items()}


def _strongest_first(
    query: Query, row: int, parts: Mapping[Source, float], reasons_of: Mapping[Source, Mapping[int, Reason]]
) -> tuple[Reason, ...]:
    strongest = sorted(parts, key=parts.__getitem__, reverse=True)
    reasons = tuple(reasons_of[source][row] for source in strongest if row in reasons_of[source])
    return reasons or (_filler(query, row),)


def _filler(query: Query, row: int) -> Reason:
    return Reason("seen", "您看过的内容", {}) if row in query.history else Reason("more", "更多内容")
