"""The online store in Redis or Valkey: one server (with replicas, not a cluster), every key bounded or expiring.

In: `OnlineUpdate`s, tags, what people say. Out: as the ports of `profiles.online.ports` say, but for `OnlineReader`,
which is `redis_reader`.
"""

from __future__ import annotations

from profiles.online.redis_crowd import RedisCrowdReader
from profiles.online.redis_rights import RedisOnlineRights
from profiles.online.redis_upkeep import RedisOnlineUpkeep
from profiles.online.redis_writer import RedisOnlineWriter


class RedisOnlineStore(RedisOnlineWriter, RedisOnlineUpkeep, RedisOnlineRights, RedisCrowdReader):
    """Every port of the online store on one client; who needs one of them alone asks for that."""
