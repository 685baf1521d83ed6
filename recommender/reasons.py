"""Reasons: why an item is in a list, in words for the visitor and in evidence for a checker. Each is true and credible.

In: the query a list answered and its rows, in order. Out: the `Reason`s of the generators, or that of a filler.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from recommender.candidates.generator import GENERAL, Query
from recommender.generators import GENERATORS
from recommender.request import Reason, ReasonCode, Source

#: A list in which more than one item in so many gives the same reason has said nothing of each.
_ONE_IN = 3


def reasons_for(
    query: Query, parts_of: Mapping[int, Mapping[Source, float]], free: Collection[ReasonCode] = ()
) -> dict[int, tuple[Reason, ...]]:
    """Return row → its reasons, the most credible first; never empty.

    Of one that is told of a third of the block the others go without, and lead with their next one. What holds for
    anybody (`GENERAL`) may be told of each, and comes last.

    Parameters
    ----------
    parts_of
        Row, in the order of the block, → generator → its part of the score.
    free
        Codes that may be told of each item.
    """
    found = _all_reasons(query, parts_of)
    most = max(1, len(parts_of) // _ONE_IN)
    times: Counter[str] = Counter()
    told: dict[int, list[Reason]] = {}
    for nth_only in (True, False):  # first what each item leads with, then what else there is to say of it
        for row, reasons in found.items():
            of_row = told.setdefault(row, [])
            for credibility, reason in reasons:
                if any(reason.text == other.text for other in of_row):
                    continue
                if credibility == GENERAL or reason.code in free:
                    of_row.append(reason)
                elif times[reason.text] < most:
                    times[reason.text] += 1
                    of_row.append(reason)
                else:
                    continue
                if nth_only:
                    break
    return {row: tuple(of_row) or (_filler(query, row),) for row, of_row in told.items()}


def _all_reasons(
    query: Query, parts_of: Mapping[int, Mapping[Source, float]]
) -> dict[int, list[tuple[int, Reason]]]:  # fmt: skip
    """Return row → (credibility, reason), by falling credibility, then by falling part of the score."""
    rows, proposing = list(parts_of), {source for parts in parts_of.values() for source in parts}
    found: dict[int, list[tuple[int, float, Reason]]] = {row: [] for row in rows}
    for source, generator in GENERATORS.items():
        if generator.tells_of_any or source in proposing:
            for row, reasons in generator.reasons(query, rows).items():
                part = parts_of[row].get(source, 0.0)
                found[row].extend((generator.credibility, part, reason) for reason in reasons)
    for of_row in found.values():
        of_row.sort(key=lambda one: (-one[0], -one[1]))
    return {row: [(credibility, reason) for credibility, _, reason in of_row] for row, of_row in found.items()}


def _filler(query: Query, row: int) -> Reason:
    return Reason("seen", "您看过的内容", {}) if row in query.history else Reason("more", "更多内容")
