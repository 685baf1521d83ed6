"""What segments cost: rules of each kind asked of the warehouse, and a night of many, beside the plainest count.

In: how many interactions. Out: figures, from an embedded warehouse and a registry of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, time
from typing import Any

import psutil

from civicrec.clock import monotonic_s
from civicrec.items import Item
from civicrec.registry.segments import Draft, put_segment
from civicrec.registry.tables import registry_at
from civicrec.security.tokens import load_keys
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.migrate import migrate
from operations.bench.made_up_events import LAST_DAY, N_ITEMS, fill_events
from operations.harness.stack import own_stack
from operations.harness.usage import peak_mb
from profiles.rules.behaviour import people_rule_from
from profiles.segments.items import put_item_facts
from profiles.segments.members import Stores, count_members
from profiles.segments.sizes import count_segments

#: Interactions of a person.
_EACH = 10
_DAYS = 60
_NIGHT = 20
_TIMEOUT_S = 3_000.0
_NOW = datetime.combine(LAST_DAY, time(12), UTC)
_TAG = "theme:就业创业"
RULES: dict[str, Any] = {
    "seen": {"seen": "last", "within_days": 30},
    "tag": {"tag": _TAG, "at_least": 3},
    "count": {"count": "click", "tags": [_TAG], "days": 30, "at_least": 2},
    "mixed": {"all": [{"any": [{"tag": _TAG, "at_least": 3}, {"count": "click", "types": ["policy"], "days": 60,
                                                              "at_least": 3}]}, {"seen": "last", "within_days": 30}]},
    "attribute": {"attribute": "scale", "one_of": ["小型企业"]},
}  # fmt: skip
# Made-up visitors, signed in: 32 hex digits are a pseudonym.
_SIGN_IN = "ALTER TABLE events UPDATE subject_id = anonymous_id WHERE 1 SETTINGS mutations_sync = 2"
_TAGS = """
INSERT INTO actor_tags (day, actor, tag, weight, evidence, confidence, last_at)
SELECT {day:Date}, subject_id, {tag:String}, sipHash64(subject_id) % 100 / 10, 2, 0.5, max(occurred_at)
FROM events GROUP BY subject_id
"""
_PLAIN = "SELECT count() FROM (SELECT subject_id, max(local_date), uniqExact(item_id) FROM events GROUP BY 1)"


def bench_segments(sizes: Sequence[int]) -> dict[str, Any]:
    """Measure with so many interactions each, of a tenth as many people.

    Returns
    -------
    dict
        Interactions → ``plain_seconds`` of last day and number of items by person; for each rule ``members`` and
        ``seconds``; ``night_seconds`` of twenty segments; peaks in MB.
    """
    return {str(n): _of_size(n) for n in sizes}


def _of_size(n: int) -> dict[str, Any]:
    with own_stack(only=("warehouse",)) as stack:
        settings = stack.settings.warehouse.model_copy(update={"timeout_s": _TIMEOUT_S})
        gateway = psutil.Process(stack.pids()["warehouse"])
        with (
            closing(ClickHouseWarehouse(settings)) as warehouse,
            registry_at(stack.settings.registry_address) as registry,
        ):
            migrate(warehouse)
            fill_events(warehouse, n, n // _EACH, _DAYS)
            warehouse.command(_SIGN_IN)
            warehouse.command(_TAGS, {"day": LAST_DAY, "tag": _TAG})
            put_item_facts(warehouse, LAST_DAY, map(_item, range(N_ITEMS)))
            began = monotonic_s()
            warehouse.rows(_PLAIN)
            found: dict[str, Any] = {"people": n // _EACH, "plain_seconds": round(monotonic_s() - began, 2)}
            stores = Stores(warehouse, registry, stack.settings, load_keys(stack.settings))
            for name, rule in RULES.items():
                began = monotonic_s()
                members = count_members(stores, people_rule_from(rule), _NOW)
                found[name] = {"members": members, "seconds": round(monotonic_s() - began, 2)}
            for k in range(_NIGHT):
                draft = Draft(f"segment-{k}", "bench", "", "bench", RULES["count"] | {"days": k + 1}, "bench")
                put_segment(registry, draft, who="bench", why="bench", now=_NOW)
            began = monotonic_s()
            found["night"] = count_segments(stores, LAST_DAY, _NOW)
            found["night_seconds"] = round(monotonic_s() - began, 1)
            return found | {"peak_mb": peak_mb(psutil.Process()), "warehouse_peak_mb": peak_mb(gateway)}


def _item(k: int) -> Item:
    theme = ("就业创业",) if k % 7 == 0 else ("社会保障",)
    return Item(item_id=f"item-{k:05}", item_type="policy" if k % 2 else "service", title=f"第{k}项", theme=theme)
