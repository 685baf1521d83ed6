"""What a visitor may meet at a moment, and how likely it is to be clicked: the catalogue as arrays.

In: items, and a time. Out: weights, one per item, 0 for what is not on the portal at that time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from civicrec.clock import to_ms
from civicrec.items import Item
from operations.demo.needs import NEEDS, needed

Weights = NDArray[np.float64]

_FOREVER_MS = 2**62
_HOUR_MS = 3_600_000.0


class Shelf:
    """The catalogue laid out for choosing."""

    def __init__(self, items: Sequence[Item], news_decay_h: float, rng: np.random.Generator) -> None:
        self.items = items
        self._decay_h = news_decay_h
        self._from = np.array([to_ms(item.published_at) if item.published_at else 0 for item in items])
        self._until = np.array([to_ms(item.valid_until) if item.valid_until else _FOREVER_MS for item in items])
        open_to_all = [
            item.status == "online" and item.source_permitted and item.validity in ("有效", "修改") for item in items
        ]
        self._until[~np.array(open_to_all, dtype=bool)] = 0
        self._is_news = np.array([item.item_type == "news" for item in items], dtype=bool)
        self._need = np.array([[needed(item, need) for item in items] for need in NEEDS])
        # Titles are not equally good: a factor of about two either way, as in any list of headlines.
        self._appeal = rng.lognormal(0.0, 0.7, len(items))
        self._neighbours = _neighbours(items)

    def on_portal(self, at_ms: int) -> NDArray[np.bool_]:
        """Say which items stand on the portal: published, permitted, in force."""
        there: NDArray[np.bool_] = (self._from <= at_ms) & (at_ms < self._until)
        return there

    def freshness(self, at_ms: int) -> Weights:
        """Return how new each item is: 1 at publication, falling by e every `news_decay_h` hours."""
        age_h = np.maximum(at_ms - self._from, 0) / _HOUR_MS
        fresh: Weights = np.exp(-age_h / self._decay_h)
        return fresh

    def news(self, at_ms: int, need: int) -> Weights:
        """Return weights of somebody reading the news: new first, what concerns them a little more."""
        pull: Weights = self._is_news * self._appeal * self.freshness(at_ms) * (1 + self._need[need])
        return np.where(self.on_portal(at_ms), pull, 0.0)

    def errand(self, at_ms: int, need: int) -> Weights:
        """Return weights of somebody with something to do: what they need, of any age; for others, any service."""
        wanted = self._need[need] ** 2 if self._need[need].any() else np.ones(len(self.items))
        return np.where(self.on_portal(at_ms) & ~self._is_news, self._appeal * wanted, 0.0)

    def linked(self, last: int, at_ms: int) -> Weights:
        """Return weights of the items linked to the last one: its interpretation, its service, its questions."""
        return np.where(self.on_portal(at_ms), self._neighbours[last], 0.0)

    def shown(self, at_ms: int) -> Weights:
        """Return weights of what the portal's editors put into a list today: mostly new, anything now and then."""
        return np.where(self.on_portal(at_ms), 0.03 + self.freshness(at_ms), 0.0)


def _neighbours(items: Sequence[Item]) -> Weights:
    """Return 1 where two items are linked or hang on the same third one, topics aside (everything hangs on those)."""
    index = {item.item_id: position for position, item in enumerate(items)}
    links = np.zeros((len(items), len(items)))
    for position, item in enumerate(items):
        for link in item.links:
            if link.rel != "part_of" and link.item_id in index:
                links[position, index[link.item_id]] = links[index[link.item_id], position] = 1
    near = ((links + links @ links) > 0).astype(float)
    np.fill_diagonal(near, 0)
    return near
