"""What it takes to erase a person: from the request to the receipt, beside one plain deletion of the same many rows.

In: how many events there are of everybody. Out: figures, from an embedded warehouse, a Valkey, a registry and an event
log of its own.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing, suppress
from datetime import date
from itertools import islice
from typing import Any

import psutil

from civicrec.clients import redis_client
from civicrec.clock import monotonic_s, utc_now
from civicrec.erasure import Person
from civicrec.errors import CivicrecError, Unavailable
from civicrec.eventlog.ports import Record
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.registry.erasures import erasure, request_erasure
from civicrec.registry.tables import registry_at
from civicrec.security.tokens import load_keys
from civicrec.settings import Settings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.migrate import migrate
from operations.bench.made_up_events import LAST_DAY, fill_events
from operations.harness.stack import own_stack
from operations.harness.usage import peak_mb
from profiles.online.redis_store import RedisOnlineStore
from streaming.erasing.stores import personal_stores
from streaming.erasing.worker import Eraser

#: Events of a visitor, and of the person who is erased.
_EACH, _MINE = 10, 500
_DAYS = 60
_TIMEOUT_S = 3_000.0
#: One in so many events stands in the log yet, and so many in a record.
_IN_LOG, _A_RECORD = 10, 10
_SITE = "bench"
_FILL_MINE = """
INSERT INTO events (event_id, kind, occurred_at, received_at, local_date, site, actor, subject_id, anonymous_id, item_id,
                    request_id, consent)
SELECT generateUUIDv4(), 'click', at, at, toDate(at, 'Asia/Shanghai'), 'bench', {who:String}, {who:String}, 'browser',
       'item-00001', concat({who:String}, toString(number)), 'personalise'
FROM (
    SELECT number, toDateTime64({last:Date}, 3, 'UTC') - toIntervalSecond(number * {days:UInt64} * 86400 / {n:UInt64}) AS at
    FROM numbers({n:UInt64})
)
"""  # noqa: E501


def bench_erase(sizes: Sequence[int]) -> dict[str, Any]:
    """Erase one person of `_MINE` events in two months, beside so many events of others each time.

    Returns
    -------
    dict
        Events → ``seconds`` from the request to the receipt, the five included until every collector has heard;
        ``plain_seconds`` of one deletion of another person's rows and ``times_plain``; ``stores``, what each held;
        ``warehouse_peak_mb``.
    """
    return {str(n): _of_size(n) for n in sizes}


def _of_size(n: int) -> dict[str, Any]:
    with own_stack(only=("warehouse", "valkey")) as stack:
        settings = stack.settings.model_copy(
            update={"warehouse": stack.settings.warehouse.model_copy(update={"timeout_s": _TIMEOUT_S})}
        )
        keys = load_keys(settings)
        mine, other = keys.subject_id(_SITE, "mine"), keys.subject_id(_SITE, "other")
        with closing(ClickHouseWarehouse(settings.warehouse)) as warehouse:
            migrate(warehouse)
            fill_events(warehouse, n, n // _EACH, _DAYS)
            for who in (mine, other):
                _fill_mine(warehouse, who, LAST_DAY)
            _fill_log(settings, n // _IN_LOG // _A_RECORD, mine)
            began = monotonic_s()
            sql = "ALTER TABLE events DELETE WHERE subject_id = {who:String} SETTINGS mutations_sync = 2"
            warehouse.command(sql, {"who": other})
            plain_s = monotonic_s() - began
            seconds, stores = _erased(settings, warehouse, mine)
            peak = peak_mb(psutil.Process(stack.pids()["warehouse"]))
    return {
        "seconds": round(seconds, 1), "plain_seconds": round(plain_s, 2), "times_plain": round(seconds / plain_s, 1),
        "stores": stores, "warehouse_peak_mb": peak,
    }  # fmt: skip


def _fill_mine(warehouse: ClickHouseWarehouse, who: str, last: date) -> None:
    warehouse.command(_FILL_MINE, {"who": who, "last": last, "days": _DAYS, "n": _MINE})


def _fill_log(settings: Settings, n_records: int, mine: str) -> None:
    value = b"[" + b",".join([b'{"item_id":"item-00001"}'] * _A_RECORD) + b"]"
    others = (Record(f"a:{n % 1_000:032x}", _A_RECORD, value) for n in range(n_records))
    with closing(SqliteEventLog(settings.log_path)) as log:
        while some := list(islice(others, 1_000)):
            log.append(some)
        log.append([Record(mine, 1, b"[]")] * (_MINE // _A_RECORD))


def _erased(settings: Settings, warehouse: ClickHouseWarehouse, subject_id: str) -> tuple[float, dict[str, int]]:
    keys, client = load_keys(settings), redis_client(settings.redis, timeout_s=60)
    with registry_at(settings.registry_address) as registry:
        stores = personal_stores(settings, registry, warehouse, RedisOnlineStore(client))
        eraser = Eraser(registry, keys, warehouse, stores)
        began = monotonic_s()
        digests = [keys.erased_digest(subject_id)]
        who = Person(_SITE, subject_id)
        now = utc_now()
        asked = request_erasure(
            registry, who, keys.audit_name(subject_id), digests, due=now.date(), by="bench", now=now
        )
        while not erasure(registry, asked.number).receipt:
            if monotonic_s() > began + _TIMEOUT_S:
                raise CivicrecError(f"the person is not erased after {_TIMEOUT_S:.0f} s; expected a receipt")
            with suppress(Unavailable):  # called again, as the stream's process does
                eraser.step()
            time.sleep(0.5)
        done = erasure(registry, asked.number)
    return monotonic_s() - began, {name: step.before for name, step in done.steps.items() if step.before}
