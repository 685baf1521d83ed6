"""A portal that lives through a log of clicks: its online store, its nights and its lists are those of production.

In: clicks in time order. Out: at any moment, the list that somebody would be served.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

import numpy as np

from civicrec.accounting.progress import Commit
from civicrec.clock import from_ms
from civicrec.items import Item
from civicrec.settings import Settings
from profiles.online.memory import MemoryOnlineStore
from profiles.online.ports import NEXT_CLICK_WINDOW_MINUTES, ActorState
from recommender.artifacts import Models
from recommender.candidates.next_click import MAX_NEXT_CLICK_SEEDS
from recommender.catalogue import Catalogue
from recommender.manifest import LearnedWeights, Manifest
from recommender.ranking.blend import blend
from recommender.ranking.features import features_of, reader_of
from recommender.recommend import candidates_of, may_show, query_of, recommend, seed_ids, weights_of
from recommender.request import Request
from recommender.scenes.scene import Scene
from recommender.signals import PlacedModels, Signals
from recommender.training.examples import Example
from recommender.training.interactions import interactions_of
from recommender.training.ranker import LEARNED_DAYS, learn
from recommender.training.train import train
from recommender.trends import TREND_HOURS, Trends, TrendWindows
from serving.live import N_PAIRS
from streaming.blocks import Interaction
from streaming.fold import fold

_LOG = "replay"
_DAY_MS = 86_400_000


class Click(NamedTuple):
    """One click of a log, or another interaction that weighs as much as so many.

    Attributes
    ----------
    draw
        Of 0..1: a share of the clicks that is drawn holds those below it (`civicrec.warehouse.clicks`).
    """

    user_id: str
    item_id: str
    at_ms: int
    weight: float = 1.0
    draw: float = 0.0


class ReplayedPortal:
    """What a portal knows while a log is played to it.

    Parameters
    ----------
    items
        Of the whole log; each becomes known at the time it was published.
    scenes
        Whose lists are asked for, and whose rankers learn.
    sampled
        Share of the clicks that rankers learn from.

    Attributes
    ----------
    examples
        Scene → what its ranker learns from, of the last days.
    """

    def __init__(
        self, items: Iterable[Item], scenes: Sequence[Scene], settings: Settings, sampled: float = 1.0, seed: int = 0
    ) -> None:
        self.catalogue = Catalogue.of(items)
        self._scenes = scenes
        self._settings = settings
        self._store = MemoryOnlineStore(settings.redis.min_actors)
        self._store.set_complete(True)
        self._models: PlacedModels | None = None
        self._last_ms: dict[tuple[str, str], int] = {}
        self._offset = 0
        self._windows = TrendWindows()
        self._trends = Trends()
        self._trends_at_s = -1
        self._sampled = sampled
        self._draws = np.random.default_rng(seed)
        self.examples: dict[str, deque[Example]] = {scene.name: deque() for scene in scenes}

    def add(self, click: Click, learns: bool = True) -> None:
        """Take in a click, as the stream would; of some it is noted, before, from what they were chosen."""
        if learns and click.draw < self._sampled and (click.user_id, click.item_id) not in self._last_ms:
            for scene in self._scenes:
                if scene.ranker == "learned":
                    self._note(click, scene)
        interaction = Interaction(click.user_id, click.item_id, click.at_ms, click.weight, True, self._offset + 1)
        update = fold([interaction], self._store.known_of([click.user_id]).recent)
        self._store.apply(Commit(_LOG, self._offset, self._offset + 1, stored=1), update)
        self._offset += 1
        self._last_ms[click.user_id, click.item_id] = click.at_ms

    def use(self, models: Models) -> None:
        """Make lists with these models from here on."""
        self._models = PlacedModels.of(models, self.catalogue)

    def train(self, name: str, facts: Manifest | None = None) -> Models:
        """Train on all clicks so far, as the nightly job would, and use what was learned."""
        data = interactions_of({pair: (1.0, last_ms) for pair, last_ms in self._last_ms.items()})
        models = train(data, name, self._settings.training, facts=facts)
        self.use(models)
        return models

    def learned(self) -> dict[str, LearnedWeights]:
        """Return scene → what its ranker learns from the clicks of the last days, of those with enough of them."""
        rankers = self._models.models.manifest.rankers if self._models else {}
        learned = {name: learn(list(examples), rankers.get(name)) for name, examples in self.examples.items()}
        return {name: weights for name, weights in learned.items() if weights is not None}

    def list_for(self, user_id: str, at_ms: int, n: int) -> list[str]:
        """Return the ids of the first scene's list that somebody would be served at that moment."""
        request, profile, now, signals = self._asked(self._scenes[0], user_id, at_ms, n)
        request = replace(request, draw=self._draws.random())
        return [one.item.item_id for one in recommend(request, profile, self.catalogue, signals, now).items]

    def _note(self, click: Click, scene: Scene) -> None:
        """Note what the click was chosen from, unless no generator had found its item."""
        row = self.catalogue.rows.get(click.item_id, -1)
        page = self._page_of(click) if scene.on_item_page else ""
        if page is None:
            return
        request, profile, now, signals = self._asked(scene, click.user_id, click.at_ms, 1, page)
        open_rows = may_show(request, profile, self.catalogue, now)
        if row < 0 or not open_rows[row]:
            return
        query = query_of(request, profile, self.catalogue, signals, now, open_rows)
        candidates = candidates_of(query, scene)
        declared = blend(query, candidates, weights_of(scene, signals))
        if row not in declared.rows:
            return
        features = features_of(query, candidates)
        place = int(np.searchsorted(features.rows, row))
        examples = self.examples[scene.name]
        examples.append(
            Example(
                click.at_ms, features.values.astype(np.float32), place, declared.rows.index(row), click.user_id,
                reader_of(query),
            )
        )  # fmt: skip
        while examples[0].at_ms < click.at_ms - LEARNED_DAYS * _DAY_MS:
            examples.popleft()

    def _page_of(self, click: Click) -> str | None:
        """Return the item on whose page a click was made: what the same actor clicked just before, if anything."""
        recent = self._store.actor(click.user_id).recent
        if not recent or click.at_ms - recent[0].at_ms > NEXT_CLICK_WINDOW_MINUTES * 60_000:
            return None
        return recent[0].item_id

    def _asked(
        self, scene: Scene, user_id: str, at_ms: int, n: int, page: str = ""
    ) -> tuple[Request, ActorState, datetime, Signals]:  # fmt: skip
        now, profile = from_ms(at_ms), self._store.actor(user_id)
        request = Request(scene, n, item_id=page)
        seeds = seed_ids(request, profile, self.catalogue, now)
        co_clicks = self._store.co_clicks(seeds, N_PAIRS)
        next_clicks = self._store.next_clicks(seeds[:MAX_NEXT_CLICK_SEEDS], N_PAIRS)
        return request, profile, now, Signals(self._models, self._trends_of(now, at_ms), co_clicks, next_clicks)

    def _trends_of(self, now: datetime, at_ms: int) -> Trends:
        """Return the trends, which production reads again each second."""
        if at_ms // 1000 != self._trends_at_s:
            n_hours = 2 if self._trends_at_s >= 0 else TREND_HOURS
            self._trends_at_s = at_ms // 1000
            self._trends = self._windows.read(self._store, n_hours, self.catalogue, now)
        return self._trends


def items_of(clicks: Sequence[Click], known: Mapping[str, Item]) -> list[Item]:
    """Return the items of a log; what is not `known` with a date is news, published a moment after its first click."""
    first_ms: dict[str, int] = {}
    for click in clicks:
        first_ms.setdefault(click.item_id, click.at_ms)
    return [
        known[item_id] if item_id in known and known[item_id].published_at else Item(
            item_id=item_id, item_type="news", title=item_id, published_at=from_ms(at_ms + 1)
        )
        for item_id, at_ms in first_ms.items()
    ]  # fmt: skip
