"""What one list costs by itself: the CPU of `recommend` and of its JSON, in this process, without HTTP or store.

In: stores that hold a made-up catalogue. Out: milliseconds of CPU, the best of some rounds: a busy machine only adds.
"""

from __future__ import annotations

import gc
import time

from threadpoolctl import threadpool_limits

from civicrec.clients import redis_client
from civicrec.clock import utc_now
from civicrec.settings import Settings
from profiles.online.ports import ActorState
from profiles.online.redis_store import RedisOnlineStore
from recommender.candidates.next_click import MAX_NEXT_CLICK_SEEDS
from recommender.recommend import recommend, seed_ids
from recommender.request import Request
from recommender.scenes.files import shipped_scenes
from recommender.signals import Signals
from serving.answers import list_json
from serving.live import N_PAIRS
from serving.snapshot import SnapshotKeeper

_ROUNDS = 15
_ACTORS = 300
_HOME = Request(shipped_scenes()["home"], 10)
_KEY = b"bench"


def bench_one_list(settings: Settings) -> dict[str, float]:
    """Measure lists of ten for known visitors.

    Parameters
    ----------
    settings
        Of a stack whose stores `made_up_catalogue.fill` has filled.

    Returns
    -------
    dict
        ``recommend_cpu_ms`` and ``json_cpu_ms`` a list: means over visitors, the best of the rounds.
    """
    store = RedisOnlineStore(redis_client(settings.redis))
    keeper, now = SnapshotKeeper(settings, store), utc_now()
    keeper.refresh_catalogue()
    keeper.refresh_trends(now)
    keeper.close()
    snapshot = keeper.current
    cases: list[tuple[ActorState, Signals]] = []
    for actor in range(_ACTORS):
        profile = store.actor(f"bench-{actor}")
        seeds = seed_ids(_HOME, profile, snapshot.catalogue, now)
        co_clicks = store.co_clicks(seeds, N_PAIRS)
        next_clicks = store.next_clicks(seeds[:MAX_NEXT_CLICK_SEEDS], N_PAIRS)
        cases.append((profile, Signals(snapshot.models, snapshot.trends, co_clicks, next_clicks)))
    recommend_s, json_s = [], []
    with threadpool_limits(limits=1, user_api="blas"):  # as a serving process does
        for _ in range(_ROUNDS):
            began = time.process_time()
            lists = [recommend(_HOME, profile, snapshot.catalogue, signals, now) for profile, signals in cases]
            between = time.process_time()
            for one in lists:
                list_json(one, snapshot, "request", now, cursor_key=_KEY)
            recommend_s.append(between - began)
            json_s.append(time.process_time() - between)
    gc.unfreeze()  # what the keeper froze is let go of here
    return {
        "recommend_cpu_ms": round(1000 * min(recommend_s) / _ACTORS, 3),
        "json_cpu_ms": round(1000 * min(json_s) / _ACTORS, 3),
    }
