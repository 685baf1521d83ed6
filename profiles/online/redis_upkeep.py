"""Whether the online store in Redis or Valkey holds all it should, and what is put into it as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from itertools import islice
from typing import Any

import msgspec
from redis import Redis

from civicrec.clock import to_ms, utc_now
from profiles.online.bounds import Bounds
from profiles.online.ports import RECENT_TTL_DAYS, TAGS_TTL_DAYS
from profiles.online.redis_calls import DAY_S, RedisCalls, reachable, script
from profiles.online.redis_keys import CLEARED, COMPLETE_KEY, HELD_ACTORS, SHED_KEY
from profiles.online.redis_queries import StoredTags
from profiles.online.state import OnlineState

_MB = 1 << 20
#: Actors in one pipeline of `put_tags`: some 100 KB a round trip.
_TAGS_SLICE = 1_000

_encode_tags = msgspec.json.Encoder().encode


class RedisOnlineUpkeep(RedisCalls):
    """An `OnlineUpkeep` that also tells how full the server is."""

    def __init__(self, client: Redis, bounds: Bounds = Bounds()) -> None:  # noqa: B008  # it is frozen
        super().__init__(client, bounds)
        self._put_tags = client.register_script(script("put_tags"))

    def is_complete(self) -> bool:
        """Tell whether all is here that should be."""
        with reachable("say whether it is complete"):
            return bool(self._client.exists(COMPLETE_KEY))

    def set_complete(self, complete: bool) -> None:
        """Say whether all is here that should be."""
        with reachable("note whether it is complete"):
            if complete:
                self._shedding(partial(self._client.set, COMPLETE_KEY, 1))
            else:
                self._client.delete(COMPLETE_KEY)

    def state(self) -> OnlineState:
        """Return what the store says of itself."""
        with reachable("tell its state"):
            pipeline = self._client.pipeline(transaction=False)
            pipeline.exists(COMPLETE_KEY)
            pipeline.zcard(HELD_ACTORS)
            pipeline.hgetall(SHED_KEY)
            pipeline.info("memory")
            complete, actors, shed, memory = pipeline.execute()
        used_mb, max_mb = (memory.get(name, 0) / _MB for name in ("used_memory", "maxmemory"))
        return OnlineState(bool(complete), actors, {kind.decode(): int(n) for kind, n in shed.items()}, used_mb, max_mb)

    def clear(self) -> None:
        """Remove all of this store, progress included, but which dead letters were recovered; other keys stay."""
        with reachable("clear the online store"):
            for family in CLEARED:
                names = iter(self._client.scan_iter(match=f"{family}:*", count=1_000))
                while slice_ := list(islice(names, _TAGS_SLICE)):
                    self._client.unlink(*slice_)

    def put_tags(self, run: str, tags: Iterable[tuple[str, Mapping[str, float]]]) -> int:
        """Replace the tags of each actor given; return how many."""
        n, rest = 0, iter(tags)
        with reachable("write tags"):
            worth = to_ms(utc_now()) // 1000 - RECENT_TTL_DAYS * DAY_S  # who has nothing else was not here for a month
            while slice_ := list(islice(rest, _TAGS_SLICE)):
                args: list[Any] = [self._bounds.actors, TAGS_TTL_DAYS * DAY_S, worth]
                for actor, weights in slice_:
                    args += (actor, _encode_tags(StoredTags(run, dict(weights))))
                n += int(self._shedding(partial(self._put_tags, args=args)))
        return n
