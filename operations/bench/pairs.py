"""What it costs to count pairs of items in the warehouse, beside reading all interactions and counting in memory.

In: how many interactions. Out: figures, from an embedded warehouse of its own, filled with made-up visitors.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from time import process_time
from typing import Any

import numpy as np
import psutil

from civicrec.clock import monotonic_s
from civicrec.crowds import MIN_ORDERING
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.clicks import read_clicks
from civicrec.warehouse.co_occurrence import count_pairs
from civicrec.warehouse.interests import count_interactions, read_interests
from civicrec.warehouse.migrate import migrate
from operations.bench.made_up_events import LAST_DAY, N_ITEMS, fill_events
from operations.harness.stack import own_stack
from operations.harness.usage import cpu_s, peak_mb
from operations.rankers import MAX_REPLAYED
from recommender.artifacts import RECENT_DAYS
from recommender.training.co_occurrence import MAX_EASE_ITEMS, co_occurrence_from, co_occurrence_of
from recommender.training.interactions import interactions_from
from recommender.training.ranker import LEARNED_DAYS

#: Interactions of a visitor: 3.4 million of 300 000.
_EACH = 11.3
_DAYS = 80
_TIMEOUT_S = 3_000.0


def bench_pairs(sizes: Sequence[int]) -> dict[str, Any]:
    """Measure with so many interactions each.

    Returns
    -------
    dict
        Interactions → ``pairs`` of visitors and items, ``pairs_of_items`` that were counted; ``same``: whether both
        ways gave the same to the last digit; ``warehouse_peak_mb``; ``steps``, each with ``seconds``, ``cpu_seconds``
        here and of the warehouse, and what came over: ``interactions`` (how many there are), ``warehouse`` (pairs are
        counted there), ``matrix`` (made of these sums), ``clicks`` (to replay), ``read`` (who interacted with what),
        ``memory`` (pairs of that are counted here).
    """
    return {str(n): _of_size(n) for n in sizes}


def _of_size(n: int) -> dict[str, Any]:
    with own_stack(only=("warehouse",)) as stack:
        settings = stack.settings.warehouse.model_copy(update={"timeout_s": _TIMEOUT_S})
        gateway = psutil.Process(stack.pids()["warehouse"])
        with closing(ClickHouseWarehouse(settings)) as warehouse:
            migrate(warehouse)
            fill_events(warehouse, n, round(n / _EACH), _DAYS)
            return _measured(warehouse, gateway)


def _measured(warehouse: ClickHouseWarehouse, gateway: psutil.Process) -> dict[str, Any]:
    first, known = LAST_DAY - timedelta(days=_DAYS), {f"item-{place:05}" for place in range(N_ITEMS)}
    figures: dict[str, dict[str, Any]] = {}

    def timed(name: str, work: Any) -> Any:
        began, cpu_began, of_gateway = monotonic_s(), process_time(), cpu_s(gateway)
        result = work()
        figures[name] = {
            "seconds": round(monotonic_s() - began, 1), "cpu_seconds": round(process_time() - cpu_began, 1),
            "warehouse_cpu_seconds": round(cpu_s(gateway) - of_gateway, 1),
        }  # fmt: skip
        return result

    n, _ = timed("interactions", lambda: count_interactions(warehouse, first, LAST_DAY))
    item_ids, _, counts = timed(
        "warehouse",
        lambda: count_pairs(warehouse, first, LAST_DAY, known, RECENT_DAYS, MAX_EASE_ITEMS, MIN_ORDERING),
    )
    most_mb = peak_mb(gateway)
    elsewhere = timed("matrix", lambda: co_occurrence_from(item_ids, counts))
    figures["warehouse"] |= {"rows": len(counts.one)}
    of_week = LAST_DAY - timedelta(days=LEARNED_DAYS - 1)
    clicks = timed("clicks", lambda: read_clicks(warehouse, of_week, LAST_DAY, MAX_REPLAYED))
    figures["clicks"] |= {"rows": clicks.num_rows, "mb": clicks.nbytes >> 20}
    table = timed("read", lambda: read_interests(warehouse, first, LAST_DAY))
    figures["read"] |= {"rows": table.num_rows, "mb": table.nbytes >> 20}
    data, _ = interactions_from(table, known)
    del table
    in_memory = timed("memory", lambda: co_occurrence_of(data))
    is_same = elsewhere.fingerprint() == in_memory.fingerprint() and np.array_equal(elsewhere.gram, in_memory.gram)
    return {
        "interactions": n, "pairs": len(data.users), "pairs_of_items": int(in_memory.shared.nnz // 2),
        "same": bool(is_same),
        "steps": figures, "warehouse_peak_mb": most_mb,
    }  # fmt: skip
