"""How tags are written to Redis or Valkey: by one script, which holds the bound of actors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from redis.client import Pipeline
from redis.commands.core import Script

from civicrec.clock import to_ms, utc_now
from profiles.online.bounds import Bounds
from profiles.online.ports import RECENT_TTL_DAYS, TAGS_TTL_DAYS
from profiles.online.redis_calls import DAY_S
from profiles.online.redis_queries import StoredTags

_encode = msgspec.json.Encoder().encode


def put_tags_of(
    put_tags: Script, tags: Sequence[tuple[str, StoredTags]], bounds: Bounds, pipeline: Pipeline | None = None
) -> Any:
    """Replace the tags of each actor given; return how many, or the pipeline they were put into."""
    worth = to_ms(utc_now()) // 1000 - RECENT_TTL_DAYS * DAY_S  # who has nothing else was not here for a month
    arguments: list[Any] = [bounds.actors, TAGS_TTL_DAYS * DAY_S, worth]
    for actor, stored in tags:
        arguments += (actor, _encode(stored))
    return put_tags(args=arguments, client=pipeline)
