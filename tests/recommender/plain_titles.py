"""How alike two titles are, worked out over dictionaries: the oracle of `recommender.likeness`."""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections import Counter
from math import log, sqrt

from recommender.terms import N_TERMS


def terms(title: str) -> set[int]:
    plain = unicodedata.normalize("NFKC", title).lower()
    words = set(re.findall(r"[a-z0-9]+", plain))
    for run in re.findall(r"[\u4e00-\u9fff]+", plain):
        words |= {run[at : at + 2] for at in range(len(run) - 1)} or {run}
    return {zlib.crc32(word.encode()) % N_TERMS for word in words}


class Rarity:
    """What terms count by a number of titles; one in none of them counts ``log(2 + n)``."""

    def __init__(self, titles: list[str]) -> None:
        self.n = len(titles)
        self.counts = Counter(term for title in titles for term in terms(title))

    def vector(self, title: str) -> dict[int, float]:
        weights = {term: log((2 + self.n) / (1 + self.counts[term])) for term in terms(title)}
        length = sqrt(sum(weight**2 for weight in weights.values()))
        return {term: weight / length for term, weight in weights.items()} if length else {}

    def history(self, read: list[tuple[str, float]]) -> dict[int, float]:
        """Return the sum of the titles read, of length 1."""
        total: Counter[int] = Counter()
        for title, weight in read:
            for term, part in self.vector(title).items():
                total[term] += weight * part  # type: ignore[assignment]
        length = sqrt(sum(part**2 for part in total.values()))
        return {term: part / length for term, part in total.items()} if length else {}


def cosine(one: dict[int, float], other: dict[int, float]) -> float:
    return sum(one.get(term, 0.0) * part for term, part in other.items())
