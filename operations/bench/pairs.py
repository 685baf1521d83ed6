"""What it costs to count pairs of items in the warehouse, beside reading all interactions and counting in memory.

In: how many interactions. Out: figures, from an embedded warehouse of its own, filled with made-up visitors.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import date, timedelta
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
from operations.harness.stack import own_stack
from operations.rankers import MAX_REPLAYED
from recommender.artifacts import RECENT_DAYS
from recommender.training.co_occurrence import MAX_EASE_ITEMS, co_occurrence_from, co_occurrence_of
from recommender.training.interactions import interactions_from
from recommender.training.ranker import LEARNED_DAYS

N_ITEMS = 46_000
#: Interactions of a visitor: 3.4 million of 300 000.
_EACH = 11.3
_LAST = date(2026, 3, 31)
_DAYS = 80
_TIMEOUT_S = 3_000.0
#: Items follow Zipf's law from the tenth on, as `made_up_interests` has them; visitors come at any time.
_FILL = """
INSERT INTO events (event_id, kind, occurred_at, received_at, local_date, site, channel, actor, anonymous_id, item_id,
                    consent)
SELECT reinterpretAsUUID(MD5(toString(number))), 'click', at, at, toDate(at, 'Asia/Shanghai'), 'bench', 'web',
       concat('a:', who), who, item, 'personalise'
FROM (
    SELECT number, lower(hex(MD5(toString(sipHash64(number, 1) % {actors:UInt64})))) AS who,
           concat('item-', leftPad(toString(
               least(toUInt32(10 * (pow({items:UInt32} / 10 + 1, sipHash64(number, 2) / exp2(64)) - 1)), {items:UInt32} - 1)
           ), 5, '0')) AS item,
           toDateTime64({last:Date}, 3, 'UTC') - toIntervalSecond(sipHash64(number, 3) % ({days:UInt64} * 86400)) AS at
    FROM numbers({n:UInt64})
)
"""  # noqa: E501


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
            warehouse.command(_FILL, {
                "actors": max(1, round(n / _EACH)), "items": N_ITEMS, "last": _LAST, "days": _DAYS, "n": n,
            })  # fmt: skip
            return _measured(warehouse, gateway)


def _measured(warehouse: ClickHouseWarehouse, gateway: psutil.Process) -> dict[str, Any]:
    first, known = _LAST - timedelta(days=_DAYS), {f"item-{place:05}" for place in range(N_ITEMS)}
    figures: dict[str, dict[str, Any]] = {}

    def timed(name: str, work: Any) -> Any:
        began, cpu_began, of_gateway = monotonic_s(), process_time(), _cpu_s(gateway)
        result = work()
        figures[name] = {
            "seconds": round(monotonic_s() - began, 1), "cpu_seconds": round(process_time() - cpu_began, 1),
            "warehouse_cpu_seconds": round(_cpu_s(gateway) - of_gateway, 1),
        }  # fmt: skip
        return result

    n, _ = timed("interactions", lambda: count_interactions(warehouse, first, _LAST))
    item_ids, _, counts = timed(
        "warehouse",
        lambda: count_pairs(warehouse, first, _LAST, known, RECENT_DAYS, MAX_EASE_ITEMS, MIN_ORDERING),
    )
    peak_mb = _peak_mb(gateway)
    elsewhere = timed("matrix", lambda: co_occurrence_from(item_ids, counts))
    figures["warehouse"] |= {"rows": len(counts.one)}
    of_week = _LAST - timedelta(days=LEARNED_DAYS - 1)
    clicks = timed("clicks", lambda: read_clicks(warehouse, of_week, _LAST, MAX_REPLAYED))
    figures["clicks"] |= {"rows": clicks.num_rows, "mb": clicks.nbytes >> 20}
    table = timed("read", lambda: read_interests(warehouse, first, _LAST))
    figures["read"] |= {"rows": table.num_rows, "mb": table.nbytes >> 20}
    data, _ = interactions_from(table, known)
    del table
    in_memory = timed("memory", lambda: co_occurrence_of(data))
    is_same = elsewhere.fingerprint() == in_memory.fingerprint() and np.array_equal(elsewhere.gram, in_memory.gram)
    return {
        "interactions": n, "pairs": len(data.users), "pairs_of_items": int(in_memory.shared.nnz // 2),
        "same": bool(is_same),
        "steps": figures, "warehouse_peak_mb": peak_mb,
    }  # fmt: skip


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _peak_mb(process: psutil.Process) -> int:
    with open(f"/proc/{process.pid}/status") as status:  # psutil knows no peak on Linux
        return next(int(line.split()[1]) >> 10 for line in status if line.startswith("VmHWM"))
