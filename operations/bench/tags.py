"""What the nightly tags cost: weighed in the warehouse and put online, beside the plainest sum of the same rows.

In: how many interactions. Out: figures, from an embedded warehouse and a Valkey of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from typing import Any

import psutil

from civicrec.clients import redis_client
from civicrec.clock import monotonic_s
from civicrec.registry.choices import Choices
from civicrec.warehouse.actor_tags import parts_of
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.interests import COUNTED, STRENGTHS
from civicrec.warehouse.migrate import migrate
from operations.bench.made_up_events import LAST_DAY, N_ITEMS, fill_events
from operations.harness.stack import own_stack
from operations.harness.usage import cpu_s, peak_mb
from profiles.nightly import rebuild_tags
from profiles.online.bounds import Bounds
from profiles.online.redis_store import RedisOnlineStore
from profiles.tags import load_vocabulary

#: Interactions of a visitor.
_EACH = 10
_DAYS = 60
#: Room in Valkey for each visitor, so that all of them are put there.
_BYTES_EACH = 2_000
_TIMEOUT_S = 3_000.0
_PLAIN = (
    f"SELECT count(), sum(weight) FROM (SELECT who, item_id, sum(strength) AS weight FROM ({COUNTED}) GROUP BY 1, 2)"
)


def bench_tags(sizes: Sequence[int]) -> dict[str, Any]:
    """Measure with so many interactions each, of a tenth as many visitors.

    Returns
    -------
    dict
        Interactions → ``actors``, ``rows``, ``parts``; ``seconds`` of the whole and ``plain_seconds`` of a sum by actor
        and item of the same rows, ``times_plain``; ``cpu_seconds`` here and ``warehouse_cpu_seconds``; peaks in MB;
        ``redis_bytes_per_subject``.
    """
    return {str(n): _of_size(n) for n in sizes}


def _of_size(n: int) -> dict[str, Any]:
    words = sorted(load_vocabulary().inferable)
    item_tags = {f"item-{k:05}": (words[k % len(words)], words[(7 * k) % len(words)]) for k in range(N_ITEMS)}
    room = {"CIVICREC_REDIS__MAX_MEMORY_MB": str(max(512, n // _EACH * _BYTES_EACH >> 20))}
    with own_stack(only=("warehouse", "valkey"), env=room) as stack:
        settings = stack.settings.warehouse.model_copy(update={"timeout_s": _TIMEOUT_S})
        gateway, own = psutil.Process(stack.pids()["warehouse"]), psutil.Process()
        client = redis_client(stack.settings.redis, timeout_s=60)
        with closing(ClickHouseWarehouse(settings)) as warehouse:
            migrate(warehouse)
            fill_events(warehouse, n, n // _EACH, _DAYS)
            first, before_bytes = LAST_DAY - timedelta(days=_DAYS), _used_bytes(client)
            began = monotonic_s()
            warehouse.rows(_PLAIN, {**STRENGTHS, "first": first, "last": LAST_DAY})
            plain_s = monotonic_s() - began
            began, cpu_began, of_gateway = monotonic_s(), cpu_s(own), cpu_s(gateway)
            store = RedisOnlineStore(client, Bounds(actors=n // _EACH))
            written = rebuild_tags(warehouse, store, first, LAST_DAY, parts_of(n), item_tags, Choices, {})
            seconds = monotonic_s() - began
            return {
                "actors": written.actors, "rows": written.rows, "parts": parts_of(n),
                "seconds": round(seconds, 1), "plain_seconds": round(plain_s, 2),
                "times_plain": round(seconds / plain_s, 1), "cpu_seconds": round(cpu_s(own) - cpu_began, 1),
                "warehouse_cpu_seconds": round(cpu_s(gateway) - of_gateway, 1), "peak_mb": peak_mb(own),
                "warehouse_peak_mb": peak_mb(gateway),
                "redis_bytes_per_subject": round((_used_bytes(client) - before_bytes) / max(1, written.actors)),
            }  # fmt: skip


def _used_bytes(client: Any) -> int:
    return int(client.info("memory")["used_memory"])
