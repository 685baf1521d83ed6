"""What people and items take in memory: bytes of the online store a visitor, megabytes of a serving process.

In: how many visitors and items. Out: figures, from a Valkey and a process of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import numpy as np
from redis import Redis

from civicrec.accounting.progress import Commit
from civicrec.clients import redis_client
from civicrec.clock import to_ms, utc_now
from civicrec.events import anonymous_actor
from civicrec.tags import tag_name
from operations.bench.made_up_catalogue import fill, governed_themes
from operations.harness.load import rss_mb, server_on
from operations.harness.stack import OwnStack, own_stack
from profiles.online.ports import MAX_SHOWN, OnlineUpdate, RecentItem
from profiles.online.redis_store import RedisOnlineStore

#: Items that a visitor interacted with, of each kind of visitor that is measured.
CLICKS = (1, 10, 50)
#: Items that a visitor was shown twice each, beside one click.
SHOWN = (20, MAX_SHOWN)
#: Batches of which each is measured by itself: how far they lie apart is the margin.
_BATCHES = 4
_TAGS = 6
_ACTORS_A_COMMIT = 500
_MINUTE_MS = 60_000


def bench_sizing(n_subjects: int = 20_000, n_items: int = 100_000) -> dict[str, Any]:
    """Measure memory in a store that holds nothing else.

    Returns
    -------
    dict
        ``bytes_a_subject``: items of a visitor → bytes of each, mean and the least and most of four batches; every
        visitor has six tags. ``bytes_a_subject_shown``: the same of visitors with one click, by items shown.
        ``keys_without_expiry``: families of keys that do not expire. ``serving_rss_mb``: items
        of the catalogue → memory of one worker and of the process that watches it, mapped models counted.
    """
    with own_stack(only=("valkey",)) as stack:
        client = redis_client(stack.settings.redis, timeout_s=60)
        rng = np.random.default_rng(0)
        subjects = {str(clicks): _bytes_a_subject(client, n_subjects, clicks, rng) for clicks in CLICKS}
        shown = {str(items): _bytes_a_subject(client, n_subjects, 1, rng, items) for items in SHOWN}
        lasting = _without_expiry(client)
    sizes = {str(n): _serving_mb(n) for n in (n_items // 5, n_items)}
    return {
        "subjects": n_subjects, "bytes_a_subject": subjects, "bytes_a_subject_shown": shown,
        "keys_without_expiry": lasting, "serving_rss_mb": sizes,
    }  # fmt: skip


def _bytes_a_subject(
    client: Redis, n_subjects: int, clicks: int, rng: np.random.Generator, shown: int = 0
) -> dict[str, int]:
    store, size = RedisOnlineStore(client), n_subjects // _BATCHES
    taken = []
    for batch in range(_BATCHES):
        before = _used(client)
        for first in range(batch * size, (batch + 1) * size, _ACTORS_A_COMMIT):
            _put(store, range(first, min(first + _ACTORS_A_COMMIT, (batch + 1) * size)), clicks, rng, shown)
        taken.append((_used(client) - before) / size)
    return {"mean": round(sum(taken) / _BATCHES), "least": round(min(taken)), "most": round(max(taken))}


def _put(store: RedisOnlineStore, numbers: Sequence[int], clicks: int, rng: np.random.Generator, shown: int) -> None:
    now_ms, words = to_ms(utc_now()), governed_themes()
    actors = [anonymous_actor(UUID(int=(shown << 96) + (clicks << 64) + number).hex) for number in numbers]
    recent = {
        actor: [RecentItem(f"gd-440100-{item:06}", now_ms - _MINUTE_MS * place) for place, item in enumerate(items)]
        for actor, items in zip(actors, rng.integers(0, 100_000, (len(actors), clicks)).tolist(), strict=True)
    }
    seen = {
        actor: {f"gd-440100-{item:06}": (now_ms // 1000, now_ms // 1000 - 60) for item in items}
        for actor, items in zip(actors, rng.integers(0, 100_000, (len(actors), shown)).tolist(), strict=True)
    }
    log = f"sizing-{clicks}-{shown}"
    store.apply(Commit(log, numbers[0], numbers[-1] + 1), OnlineUpdate(recent=recent, shown=seen))
    picked = rng.integers(0, len(words), (len(actors), _TAGS)).tolist()
    store.put_tags(log, {
        actor: {tag_name("theme", words[word]): 1.0 for word in of_actor}
        for actor, of_actor in zip(actors, picked, strict=True)
    }.items())  # fmt: skip


def _used(client: Redis) -> int:
    return int(client.info("memory")["used_memory"])


def _without_expiry(client: Redis) -> list[str]:
    families = {key.partition(b":")[0].decode() for key in client.scan_iter(count=10_000) if client.ttl(key) == -1}
    return sorted(families)


def _serving_mb(n_items: int) -> int:
    with own_stack(only=("valkey",)) as stack:
        fill(stack.settings, n_items)
        return _worker_mb(stack)


def _worker_mb(stack: OwnStack) -> int:
    alone = {**stack.env, "CIVICREC_SERVING__WORKERS": "1"}
    with server_on(["-m", "civicrec", "serve"], stack.settings.serving.port, alone) as serving:
        return round(rss_mb(serving))
