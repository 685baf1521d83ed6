"""The online store as tests take it: every port at once."""

from __future__ import annotations

from typing import Protocol

from profiles.online.ports import CrowdReader, OnlineRights, OnlineUpkeep, OnlineWriter


class OnlineStore(OnlineWriter, OnlineUpkeep, OnlineRights, CrowdReader, Protocol):
    """What `MemoryOnlineStore` and `RedisOnlineStore` are."""
