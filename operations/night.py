"""What the steps of one night share: its day, its stores, and what it reads, each read once and with a fingerprint.

In: settings and a day. Out: `Night`, and `INPUTS`: the name of each thing that is read → text that changes with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from civicrec.clients import redis_client
from civicrec.items import Item
from civicrec.process.progress import ShowProgress
from civicrec.registry.catalogue import items_since
from civicrec.registry.choices import Choices, choices, choices_version
from civicrec.registry.segments import segments_version
from civicrec.registry.tables import open_registry
from civicrec.settings import Settings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.clicks import read_clicks
from civicrec.warehouse.interests import count_interactions, read_interests, withdrawals
from operations.rankers import MAX_REPLAYED
from profiles.nightly import KEPT_DAYS
from profiles.online.bounds import bounds_of
from profiles.online.redis_store import RedisOnlineStore
from profiles.tags import load_vocabulary
from recommender.scenes.files import SceneFiles
from recommender.training.ranker import LEARNED_DAYS


class Night:
    """One night: a step reads from it and writes to its stores.

    Attributes
    ----------
    counts
        Step that is done → what it made.
    """

    def __init__(self, settings: Settings, day: date, report: ShowProgress) -> None:
        self.settings = settings
        self.day = day
        self.report = report
        self.first = day - timedelta(days=settings.training.window_days - 1)
        self.warehouse = ClickHouseWarehouse(settings.warehouse)
        self.registry = open_registry(settings.registry_address)

        self.counts: dict[str, dict[str, Any] | None] = {}
        self._fingerprints: dict[str, str] = {}
        self._interests: tuple[int, pa.Table] | None = None

    def read(self, name: str) -> str:
        """Return the fingerprint of one of `INPUTS`, read once."""
        if name not in self._fingerprints:
            self._fingerprints[name] = INPUTS[name](self)
        return self._fingerprints[name]

    def close(self) -> None:
        """Give the connections back."""
        self.warehouse.close()
        self.registry.dispose()

    @property
    def window(self) -> dict[str, str]:
        """The days that are learned from, as the manifest has them."""
        return {"from": self.first.isoformat(), "until": self.day.isoformat()}

    @cached_property
    def online(self) -> RedisOnlineStore:
        """The online store, which serving reads."""
        return RedisOnlineStore(redis_client(self.settings.redis), bounds_of(self.settings.redis))

    @cached_property
    def withdrawn(self) -> dict[str, int]:
        """Actor → epoch ms of the last withdrawal of consent, of those that `interests` know of."""
        return withdrawals(self.warehouse, self.day - timedelta(days=KEPT_DAYS))

    @cached_property
    def interactions(self) -> tuple[int, int]:
        """How many the window holds, and a number that changes with any of them."""
        return count_interactions(self.warehouse, self.first, self.day)

    @cached_property
    def parts(self) -> int:
        """Into how many parts the actors are cut, so that the interactions of one can be read at once."""
        return max(1, -(-self.interactions[0] // self.settings.training.max_interactions))

    def interests(self, part: int = 0) -> pa.Table:
        """Return who of a part of the actors interacted with what in the window; the part read last is kept."""
        _ = self.withdrawn  # first: who withdraws later than that is seen by the step that writes tags
        if self._interests is None or self._interests[0] != part:
            self._interests = None  # before the next is read: two at once would not fit
            self._interests = part, read_interests(self.warehouse, self.first, self.day, part, self.parts)
        return self._interests[1]

    @cached_property
    def clicks(self) -> pa.Table:
        """The newest interactions of the last days, in order of time."""
        first = self.day - timedelta(days=LEARNED_DAYS - 1)
        return read_clicks(self.warehouse, first, self.day, MAX_REPLAYED)

    @cached_property
    def catalogue(self) -> tuple[int, list[Item]]:
        """The catalogue's version and its items."""
        return items_since(self.registry)

    def choices(self) -> Choices:
        """Return what people decided until now."""
        return choices(self.registry)


def _interests(night: Night) -> str:
    return hashlib.sha256(repr((sorted(night.withdrawn.items()), night.interactions)).encode()).hexdigest()


#: What steps may need besides earlier steps.
INPUTS: Mapping[str, Callable[[Night], str]] = MappingProxyType({
    "interests": _interests,
    "catalogue": lambda night: str(night.catalogue[0]),
    "scenes": lambda night: repr(SceneFiles(night.settings.scenes_path).scenes),
    "choices": lambda night: str(choices_version(night.registry)),
    "segments_put": lambda night: str(segments_version(night.registry)),
    "vocabulary": lambda night: load_vocabulary().fingerprint(),
})  # fmt: skip
