"""A portal that lives through a log of clicks: its online store, its nights and its lists are those of production.

In: clicks in time order. Out: at any moment, the list that somebody would be served.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from civicrec.accounting.progress import Commit
from civicrec.clock import from_ms
from civicrec.items import Item
from civicrec.process.progress import ShowProgress
from civicrec.settings import Settings
from profiles.online.memory import MemoryOnlineStore
from recommender.candidates.co_click import MAX_CO_CLICK_SEEDS
from recommender.catalogue import Catalogue
from recommender.recommend import history_of, recommend
from recommender.request import Request
from recommender.scenes.scene import Scene
from recommender.signals import PlacedModels, Signals
from recommender.training.interactions import interactions_of
from recommender.training.train import train
from recommender.trends import TREND_HOURS, Trends, TrendWindows
from serving.live import CO_CLICKED
from streaming.blocks import Interaction
from streaming.fold import fold

_LOG = "replay"


class Click(NamedTuple):
    """One click of a log."""

    user_id: str
    item_id: str
    at_ms: int


class ReplayedPortal:
    """What a portal knows while a log is played to it.

    Parameters
    ----------
    items
        Of the whole log; each becomes known at the time it was published.
    scene
        Whose lists are asked for.
    """

    def __init__(self, items: Iterable[Item], scene: Scene, settings: Settings) -> None:
        self.catalogue = Catalogue.of(items)
        self._scene = scene
        self._settings = settings
        self._store = MemoryOnlineStore(settings.redis.min_actors)
        self._store.set_complete(True)
        self._models: PlacedModels | None = None
        self._last_ms: dict[tuple[str, str], int] = {}
        self._offset = 0
        self._windows = TrendWindows()
        self._trends = Trends()
        self._trends_at_s = -1

    def add(self, click: Click) -> None:
        """Take in a click, as the stream would."""
        interaction = Interaction(click.user_id, click.item_id, click.at_ms, 1.0, True, self._offset + 1)
        update = fold([interaction], self._store.known_of([click.user_id]).recent)
        self._store.apply(Commit(_LOG, self._offset, self._offset + 1, stored=1), update)
        self._offset += 1
        self._last_ms[click.user_id, click.item_id] = click.at_ms

    def end_day(self, name: str, report: ShowProgress = lambda *_: None) -> None:
        """Train on all clicks so far, as the nightly job would."""
        data = interactions_of({pair: (1.0, last_ms) for pair, last_ms in self._last_ms.items()})
        models = train(data, name, self._settings.training, report=report)
        self._models = PlacedModels.of(models, self.catalogue)

    def list_for(self, user_id: str, at_ms: int, n: int) -> list[str]:
        """Return the ids of the list somebody would be served at that moment."""
        now, profile, request = from_ms(at_ms), self._store.actor(user_id), Request(self._scene, n)
        newest = history_of(request, profile, self.catalogue, now)[:MAX_CO_CLICK_SEEDS]
        co_clicks = self._store.co_clicks([self.catalogue.item_ids[row] for row in newest], CO_CLICKED)
        signals = Signals(self._models, self._trends_of(now, at_ms), co_clicks)
        return [one.item.item_id for one in recommend(request, profile, self.catalogue, signals, now).items]

    def _trends_of(self, now: datetime, at_ms: int) -> Trends:
        """Return the trends, which production reads anew each second."""
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
