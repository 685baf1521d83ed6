"""Whether the online store in Redis or Valkey holds all it should, and what is put into it as a whole."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from functools import partial
from itertools import islice
from typing import Any

from redis import Redis

from civicrec.clock import monotonic_s
from profiles.online.bounds import Bounds
from profiles.online.ports import OnlineFault
from profiles.online.redis_calls import RedisCalls, reachable, script
from profiles.online.redis_keys import CLEARED, COMPLETE_KEY, HELD_ACTORS, OFF_KEY, SHED_KEY
from profiles.online.redis_queries import StoredTags
from profiles.online.redis_tags import put_tags_of
from profiles.online.state import OnlineState

_MB = 1 << 20
#: Actors in one pipeline of `put_tags`: some 100 KB a round trip.
_TAGS_SLICE = 1_000
#: How long its file may be in the writing, and between two looks, seconds.
_REWRITE_S, _LOOK_S = 30.0, 0.1


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

    def rewrite(self) -> None:
        """Write the append-only file anew, where the server keeps one; a snapshot is its administrator's."""
        with reachable("write its file anew"):
            if not self._client.info("persistence").get("aof_enabled"):
                return
            self._until_rewritten()  # one that began before may hold what was removed
            self._client.bgrewriteaof()
            if self._until_rewritten().get("aof_last_bgrewrite_status") != "ok":
                raise OnlineFault("the online store could not write its file anew; is its disk full? It is tried again")

    def _until_rewritten(self) -> dict[str, Any]:
        until_s = monotonic_s() + _REWRITE_S
        while monotonic_s() < until_s:
            state: dict[str, Any] = self._client.info("persistence")
            if not (state["aof_rewrite_in_progress"] or state["aof_rewrite_scheduled"]):
                return state
            time.sleep(_LOOK_S)
        raise OnlineFault(f"the online store writes its file for more than {_REWRITE_S:.0f} s; it is looked at again")

    def put_tags(self, run: str, tags: Iterable[tuple[str, Mapping[str, float]]]) -> int:
        """Replace the tags of each actor given; return how many."""
        n, rest = 0, iter(tags)
        with reachable("write tags"):
            while slice_ := list(islice(rest, _TAGS_SLICE)):
                stored = [(actor, StoredTags(run, dict(weights))) for actor, weights in slice_]
                n += int(self._shedding(partial(put_tags_of, self._put_tags, stored, self._bounds)))
        return n

    def put_switched_off(self, actors: Collection[str]) -> None:
        """Replace those who switched personalisation off, all at once."""

        def replace() -> None:
            rest, pipeline = iter(actors), self._client.pipeline(transaction=True)
            pipeline.delete(OFF_KEY)
            while slice_ := list(islice(rest, _TAGS_SLICE)):
                pipeline.sadd(OFF_KEY, *slice_)
            pipeline.execute()

        with reachable("write who switched personalisation off"):
            self._shedding(replace)
