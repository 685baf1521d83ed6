"""Reasons: why an item is in a list, in words for the visitor and in evidence for a checker. Each is true and credible.

In: the query that lists answered and their rows, in order. Out: the `Reason`s of the generators, or that of a filler.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from operator import itemgetter

from recommender.candidates.generator import GENERAL, Generator, Query
from recommender.generators import GENERATORS
from recommender.request import Reason, ReasonCode, Source

#: A list in which more than one item in so many gives the same reason has said nothing of each.
_ONE_IN = 3
#: Reasons of its own after which nothing is said of an item that holds for anybody.
_ENOUGH = 2
_GENERAL = [source for source, generator in GENERATORS.items() if generator.credibility == GENERAL]
_SPECIFIC = [source for source in GENERATORS if source not in _GENERAL]


Parts = Mapping[int, Mapping[Source, float]]


def reasons_for(
    query: Query, lists: Sequence[Parts], free: Collection[ReasonCode] = ()
) -> list[dict[int, tuple[Reason, ...]]]:
    """Return of each list row → its reasons, the most credible first; never empty.

    Of one that stands at a third of a list the others go without, and lead with their next one. What holds for
    anybody (`GENERAL`) may stand at each, where there is little else.

    Parameters
    ----------
    lists
        Of each its rows in order → generator → its part of the score; no row stands in two. What is true of a row is
        asked once for all of them.
    free
        Codes that may stand at each item.
    """
    proposed = _proposed(query, lists, _SPECIFIC)
    shown = [_shared_out(of_list, free) for of_list in proposed]
    little = [
        {row: parts for row, parts in parts_of.items() if len(of_list[row]) < _ENOUGH}
        for parts_of, of_list in zip(lists, shown, strict=True)
    ]
    for of_list, general in zip(shown, _proposed(query, little, _GENERAL), strict=True):
        for row, reasons in general.items():
            of_list[row] += reasons or ([] if of_list[row] else [_filler(query, row)])
    return [{row: tuple(reasons) for row, reasons in of_list.items()} for of_list in shown]


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


def _proposed(query: Query, lists: Sequence[Parts], sources: Sequence[Source]) -> list[dict[int, list[Reason]]]:
    """Return row → what these generators say of it, by falling credibility, then by falling part of the score."""
    rows = list(chain.from_iterable(lists))
    if not rows:
        return [{} for _ in lists]
    proposing = [set(chain.from_iterable(parts_of.values())) for parts_of in lists]
    said = [
        (source, generator, generator.reasons(query, rows))
        for source in sources
        if (generator := GENERATORS[source]).tells_of_any or any(source in of_list for of_list in proposing)
    ]
    return [
        _by_credibility(parts_of, [one for one in said if one[1].tells_of_any or one[0] in of_list])
        for parts_of, of_list in zip(lists, proposing, strict=True)
    ]


def _by_credibility(
    parts_of: Parts, said: Sequence[tuple[Source, Generator, Mapping[int, Sequence[Reason]]]]
) -> dict[int, list[Reason]]:
    ranked: dict[int, list[tuple[int, float, Sequence[Reason]]]] = {row: [] for row in parts_of}
    for source, generator, reasons_of in said:
        for row, reasons in reasons_of.items():
            if row in ranked:
                ranked[row].append((-generator.credibility, -parts_of[row].get(source, 0.0), reasons))
    for of_row in ranked.values():
        of_row.sort(key=itemgetter(0, 1))
    return {row: [reason for _, _, reasons in of_row for reason in reasons] for row, of_row in ranked.items()}


def _filler(query: Query, row: int) -> Reason:
    return Reason("seen", "您看过的内容", {}) if row in query.history else Reason("more", "更多内容")
