"""How alike titles are: shared terms, rare ones counting more.

In: a catalogue, what was read, candidates. Out: cosines between 0 and 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from recommender.catalogue import Catalogue, of_titles
from recommender.terms import N_TERMS

#: Newest titles by which is told how rare a term is.
COUNTED_TITLES = 2_000
_Rows = NDArray[np.int64]


def likeness(catalogue: Catalogue, read: Sequence[Sequence[tuple[int, float]]], rows: _Rows) -> NDArray[np.float64]:
    """Return how alike candidates are to what was read.

    Parameters
    ----------
    read
        Of each history its rows, and what each counts, above 0.
    rows
        (n,) of the candidates.

    Returns
    -------
    (histories, n) the cosine of each candidate's terms with the sum of those of a history, 0 without a shared term.
    """
    alike = np.zeros((len(read), len(rows)))
    pairs = list(chain.from_iterable(read))
    if not pairs or not len(rows):
        return alike
    rarity, length = catalogue.once(rarity_of_terms), catalogue.once(lengths_of_titles)
    read_rows, counts = np.array([row for row, _ in pairs]), np.array([count for _, count in pairs])
    read_terms, nth_read = _terms(catalogue, read_rows)
    if not len(read_terms):
        return alike
    # Of the terms read each has a number, so that only what candidates share with them is summed.
    number_of = np.full(N_TERMS, -1, np.int32)
    number_of[read_terms] = np.arange(len(read_terms), dtype=np.int32)
    numbers, weights = number_of.take(read_terms), rarity.take(read_terms)
    history = np.repeat(np.arange(len(read)), list(map(len, read)))
    parts = weights * counts.take(nth_read) / length.take(read_rows).take(nth_read)
    wanted = _summed(history.take(nth_read), numbers, parts, (len(read), len(numbers)))
    terms, nth = _terms(catalogue, rows)
    numbers = number_of.take(terms)
    shared = (numbers >= 0).nonzero()[0]
    parts = (wanted * weights).take(numbers.take(shared), axis=1)
    sums = _summed(np.arange(len(read))[:, None], nth.take(shared), parts, alike.shape)
    lengths = np.sqrt((wanted * wanted).sum(axis=1))[:, None] * length.take(rows)
    np.divide(sums, lengths, out=alike, where=lengths > 0)
    return alike.clip(0.0, 1.0, out=alike)


def _summed(
    row: NDArray[np.int64], column: NDArray[np.integer], values: NDArray[np.float64], shape: tuple[int, int]
) -> NDArray[np.float64]:
    """Return a matrix of the sums of what stands at the same place."""
    places = row * shape[1] + column
    sums = np.bincount(places.ravel(), values.ravel(), shape[0] * shape[1])
    return sums.reshape(shape).astype(np.float64, copy=False)


def _terms(catalogue: Catalogue, rows: _Rows) -> tuple[NDArray[np.uint16], _Rows]:
    """Return the terms of these titles one after the other, and of each which of the rows it is of."""
    terms, begins = catalogue.once(_all_terms)
    firsts = begins.take(rows)
    sizes = begins.take(rows + 1) - firsts
    places = np.repeat(firsts - sizes.cumsum() + sizes, sizes)
    places += np.arange(len(places))
    return terms.take(places), np.repeat(np.arange(len(rows)), sizes)


@of_titles
def _all_terms(catalogue: Catalogue) -> tuple[NDArray[np.uint16], _Rows]:
    """Return the terms of all titles one after the other, and (n + 1,) where those of each row begin."""
    sizes = np.fromiter(map(len, catalogue.terms), np.int64, len(catalogue))
    return np.frombuffer(b"".join(catalogue.terms), np.uint16), np.append(0, sizes.cumsum())


@of_titles
def rarity_of_terms(catalogue: Catalogue) -> NDArray[np.float64]:
    """Return (N_TERMS,) the inverse document frequency of each term, above 0."""
    newest = catalogue.newest[:COUNTED_TITLES]
    counts = np.bincount(_terms(catalogue, newest)[0], minlength=N_TERMS)
    rarity: NDArray[np.float64] = np.log((2.0 + len(newest)) / (1.0 + counts))
    return rarity


@of_titles
def lengths_of_titles(catalogue: Catalogue) -> NDArray[np.float64]:
    """Return (n,) the length of each title's vector, 0 without a term; asked for before a list needs it."""
    terms, begins = catalogue.once(_all_terms)
    weights = catalogue.once(rarity_of_terms).take(terms)
    return np.sqrt(
        np.bincount(np.repeat(np.arange(len(catalogue)), np.diff(begins)), weights * weights, len(catalogue))
    )
