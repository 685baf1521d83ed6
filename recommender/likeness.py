"""How alike titles are: shared terms, rare ones counting more.

In: a catalogue, what was read, candidates. Out: cosines between 0 and 1.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommender.catalogue import Catalogue, of_titles
from recommender.terms import N_TERMS

#: Newest titles by which is told how rare a term is.
COUNTED_TITLES = 2_000
_Rows = NDArray[np.int64]
_NO_TERM = array("H", [N_TERMS])


class TitlesRead(NamedTuple):
    """What was read, ready to be compared with any number of candidates.

    Attributes
    ----------
    number_of
        (N_TERMS + 1,) term → its column of `weights`; the last of these, all 0, for what was not read.
    weights
        (histories, terms + 1) rarity of a term times its part of a history's vector, whose length is 1.
    """

    number_of: NDArray[np.int32]
    weights: NDArray[np.float64]


def titles_read(catalogue: Catalogue, read: Sequence[Sequence[tuple[int, float]]]) -> TitlesRead:
    """Return what was read: of each history its rows and what each counts, above 0."""
    pairs = list(chain.from_iterable(read))
    rows, counts = np.array([row for row, _ in pairs], np.int64), np.array([count for _, count in pairs])
    terms, sizes = _terms(catalogue, rows)
    n = len(terms)
    number_of = np.full(N_TERMS + 1, n, np.int32)
    number_of[terms] = np.arange(n, dtype=np.int32)
    rarity = catalogue.once(rarity_of_terms).take(terms)
    parts = rarity * (counts * catalogue.once(inverse_lengths).take(rows)).repeat(sizes)
    firsts = np.arange(0, len(read) * (n + 1), n + 1).repeat(list(map(len, read))).repeat(sizes)
    weights = np.bincount(firsts + number_of.take(terms), parts, len(read) * (n + 1)).astype(np.float64, copy=False)
    weights = weights.reshape(len(read), n + 1)
    lengths = np.sqrt((weights * weights).sum(axis=1, keepdims=True))
    lengths[lengths == 0] = 1.0
    weights[:, :n] *= rarity / lengths
    return TitlesRead(number_of, weights)


def likeness(catalogue: Catalogue, read: TitlesRead, rows: _Rows) -> NDArray[np.float64]:
    """Return how alike candidates are to what was read.

    Parameters
    ----------
    rows
        (n,) of the candidates.

    Returns
    -------
    (histories, n) the cosine of each candidate's terms with the sum of those of a history, 0 without a shared term.
    """
    if not len(rows):
        return np.zeros((len(read.weights), 0))
    terms, sizes = _terms(catalogue, rows)
    parts = read.weights.take(read.number_of.take(terms), axis=1)
    alike = np.add.reduceat(parts, sizes.cumsum() - sizes, axis=1)
    alike *= catalogue.once(inverse_lengths).take(rows)
    return np.minimum(alike, 1.0, out=alike)


def _terms(catalogue: Catalogue, rows: _Rows) -> tuple[NDArray[np.uint16], _Rows]:
    """Return the terms of these titles one after the other, and (n,) how many are of each, at least one."""
    terms, begins, all_sizes = catalogue.once(_all_terms)
    sizes = all_sizes.take(rows)
    places = (begins.take(rows) - sizes.cumsum() + sizes).repeat(sizes)
    places += np.arange(len(places))
    return terms.take(places), sizes


@of_titles
def _all_terms(catalogue: Catalogue) -> tuple[NDArray[np.uint16], _Rows, _Rows]:
    """Return the terms of all titles one after the other, where those of each row begin, and how many they are.

    A title without any has `N_TERMS`, which is no term of others.
    """
    terms = [of_title or _NO_TERM for of_title in catalogue.terms]
    sizes = np.fromiter(map(len, terms), np.int64, len(terms))
    return np.frombuffer(b"".join(terms), np.uint16), sizes.cumsum() - sizes, sizes


@of_titles
def rarity_of_terms(catalogue: Catalogue) -> NDArray[np.float64]:
    """Return (N_TERMS + 1,) the inverse document frequency of each term, above 0, and 0 for that of no title."""
    newest = catalogue.newest[:COUNTED_TITLES]
    counts = np.bincount(_terms(catalogue, newest)[0], minlength=N_TERMS + 1)
    rarity: NDArray[np.float64] = np.log((2.0 + len(newest)) / (1.0 + counts))
    rarity[N_TERMS] = 0.0
    return rarity


@of_titles
def inverse_lengths(catalogue: Catalogue) -> NDArray[np.float64]:
    """Return (n,) 1 by the length of each title's vector, 0 without a term; asked for before a list needs it."""
    terms, _, sizes = catalogue.once(_all_terms)
    weights = catalogue.once(rarity_of_terms).take(terms)
    lengths = np.sqrt(np.bincount(np.arange(len(catalogue)).repeat(sizes), weights * weights, len(catalogue)))
    return np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)
