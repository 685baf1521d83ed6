"""How alike titles are: shared pairs of characters, rare ones counting more.

In: a catalogue, what was read, candidates. Out: cosines between 0 and 1. No dictionary and no segmentation, which a
portal's names, numbers and new words would defeat.
"""

from __future__ import annotations

import math
import re
import unicodedata
import zlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from recommender.catalogue import Catalogue, of_titles

#: Hashed terms: two of the some ten thousand of a portal seldom share a number.
N_TERMS = 1 << 15
#: Newest titles by which is told how rare a term is.
COUNTED_TITLES = 2_000
#: Characters of a title that are looked at.
_LONGEST = 200
_TINY = 1e-12
_HAN = r"\u3400-\u9fff\U00020000-\U0003ffff"
_RUNS = re.compile(rf"[{_HAN}]+|[^\W_{_HAN}]+")
_IS_HAN = re.compile(rf"[{_HAN}]")


@lru_cache(maxsize=32_768)
def terms_of(title: str) -> NDArray[np.int64]:
    """Return the terms of a title, ascending numbers below `N_TERMS`: pairs of Han characters, words of other scripts.

    Examples
    --------
    >>> len(terms_of("医保报销")), len(terms_of("2026年医保报销")), len(terms_of("！"))
    (3, 5, 0)
    """
    plain = unicodedata.normalize("NFKC", title[:_LONGEST]).casefold()
    words: set[str] = set()
    for run in _RUNS.findall(plain):
        if len(run) > 1 and _IS_HAN.match(run):
            words.update(run[at : at + 2] for at in range(len(run) - 1))
        else:
            words.add(run)
    terms = np.array(sorted({zlib.crc32(word.encode()) % N_TERMS for word in words}), np.int64)
    terms.setflags(write=False)
    return terms


def likeness(
    catalogue: Catalogue, read: Sequence[Sequence[tuple[int, float]]], rows: NDArray[np.int64]
) -> NDArray[np.float64]:
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
    rarity, kept = catalogue.once(rarity_of_terms), catalogue.once(_kept)
    alike = np.zeros((len(read), len(rows)))
    of_row = [_terms(catalogue, kept, row) for row in rows.tolist()]
    if not of_row:
        return alike
    sizes = np.fromiter(map(len, of_row), np.int64, len(of_row))
    terms, nth = np.concatenate(of_row), np.repeat(np.arange(len(rows)), sizes)
    weights = rarity[terms]
    own = np.sqrt(np.bincount(nth, weights * weights, len(rows)))
    wanted = np.zeros(N_TERMS)
    for number, history in enumerate(read):
        read_terms = [_terms(catalogue, kept, row) for row, _ in history]
        for one, (_, weight) in zip(read_terms, history, strict=True):
            wanted[one] += rarity[one] * (weight / max(_TINY, math.sqrt(rarity[one] @ rarity[one])))
        there = np.unique(np.concatenate(read_terms)) if read_terms else np.zeros(0, np.int64)
        length = math.sqrt(wanted[there] @ wanted[there])
        if length:
            shared = np.bincount(nth, weights * wanted[terms], len(rows))
            np.divide(shared, own * length, out=alike[number], where=own > 0)
        wanted[there] = 0.0
    return alike.clip(0.0, 1.0)


def _terms(catalogue: Catalogue, kept: list[NDArray[np.int64] | None], row: int) -> NDArray[np.int64]:
    terms = kept[row]
    if terms is None:
        terms = kept[row] = terms_of(catalogue.title(row))
    return terms


@of_titles
def _kept(catalogue: Catalogue) -> list[NDArray[np.int64] | None]:
    """Return where the terms of a catalogue's titles are kept, by row, once they were asked for."""
    return [None] * len(catalogue)


@of_titles
def rarity_of_terms(catalogue: Catalogue) -> NDArray[np.float64]:
    """Return (N_TERMS,) the inverse document frequency of each term, above 0; asked for before a list needs it."""
    titles = [terms_of(catalogue.title(row)) for row in catalogue.newest[:COUNTED_TITLES].tolist()]
    counts = np.bincount(np.concatenate(titles), minlength=N_TERMS) if titles else np.zeros(N_TERMS)
    return np.log((2.0 + len(titles)) / (1.0 + counts))
