"""Reasons: why an item is in a list, in words for the visitor and in evidence for a checker. Each is true and credible.

In: the query a list answered and its rows, in order. Out: the `Reason`s of the generators, or that of a filler.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from operator import itemgetter

from recommender.candidates.generator import GENERAL, Query
from recommender.generators import GENERATORS
from recommender.request import Reason, ReasonCode, Source

#: A list in which more than one item in so many gives the same reason has said nothing of each.
_ONE_IN = 3
#: Reasons of its own after which nothing is said of an item that holds for anybody.
_ENOUGH = 2
_GENERAL = [source for source, generator in GENERATORS.items() if generator.credibility == GENERAL]
_SPECIFIC = [source for source in GENERATORS if source not in _GENERAL]


def reasons_for(
    query: Query, parts_of: Mapping[int, Mapping[Source, float]], free: Collection[ReasonCode] = ()
) -> dict[int, tuple[Reason, ...]]:
    """Return row → its reasons, the most credible first; never empty.

    Of one that stands at a third of the block the others go without, and lead with their next one. What holds for
    anybody (`GENERAL`) may stand at each, where there is little else.

    Parameters
    ----------
    parts_of
        Row, in the order of the block, → generator → its part of the score.
    free
        Codes that may stand at each item.
    """
    rows = list(parts_of)
    shown = _shared_out(_proposed(query, parts_of, rows, _SPECIFIC), free)
    little = [row for row in rows if len(shown[row]) < _ENOUGH]
    for row, reasons in _proposed(query, parts_of, little, _GENERAL).items():
        shown[row] += reasons or ([] if shown[row] else [_filler(query, row)])
    return {row: tuple(reasons) for row, reasons in shown.items()}


def _shared_out(proposed: Mapping[int, Sequence[Reason]], free: Collection[ReasonCode]) -> dict[int, list[Reason]]:
    most = max(1, len(proposed) // _ONE_IN)
    times: dict[str, int] = {}
    shown: dict[int, list[Reason]] = {row: [] for row in proposed}
    for is_first in (True, False):  # first what each item leads with, then what else there is to say of it
        for row, reasons in proposed.items():
            of_row = shown[row]
            texts = {reason.text for reason in of_row}
            for reason in reasons:
                text = reason.text
                n_times = times.get(text, 0)
                if text not in texts and (n_times < most or reason.code in free):
                    times[text] = n_times + 1
                    texts.add(text)
                    of_row.append(reason)
                    if is_first:
                        break
    return shown


def _proposed(
    query: Query, parts_of: Mapping[int, Mapping[Source, float]], rows: Sequence[int], sources: Sequence[Source]
) -> dict[int, list[Reason]]:
    """Return row → what these generators say of it, by falling credibility, then by falling part of the score."""
    if not rows:
        return {}
    proposing = set(chain.from_iterable(parts_of.values()))
    ranked: dict[int, list[tuple[int, float, Sequence[Reason]]]] = {row: [] for row in rows}
    for source in sources:
        generator = GENERATORS[source]
        if generator.tells_of_any or source in proposing:
            for row, reasons in generator.reasons(query, rows).items():
                ranked[row].append((-generator.credibility, -parts_of[row].get(source, 0.0), reasons))
    for of_row in ranked.values():
        of_row.sort(key=itemgetter(0, 1))
    return {row: [reason for _, _, reasons in of_row for reason in reasons] for row, of_row in ranked.items()}


def _filler(query: Query, row: int) -> Reason:
    return Reason("seen", "您看过的内容", {}) if row in query.history else Reason("more", "更多内容")
