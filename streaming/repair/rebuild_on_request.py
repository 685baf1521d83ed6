"""The online store rebuilt on request, by whoever may write interactions now: the running stream, or else this process.

In: settings of either engine. Out: what was rebuilt, or nothing if the stream was asked to.
"""

from __future__ import annotations

from contextlib import closing
from functools import partial

from civicrec.accounting.ledger import ledger_totals
from civicrec.clock import utc_now
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.home import STREAM_LOCK
from civicrec.process.locks import InUse, owned
from civicrec.process.progress import ShowProgress
from civicrec.registry.choices import choices
from civicrec.registry.tables import registry_at
from civicrec.settings import Settings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from profiles.online.ports import RebuildableStore
from streaming.repair.rebuild import Rebuilt, done_so_far, rebuild_online


def rebuild_on_request(
    settings: Settings, online: RebuildableStore, report: ShowProgress = lambda *_: None
) -> Rebuilt | None:
    """Rebuild the store, or, where a stream runs on this home, say that it is incomplete: then that rebuilds it.

    Raises
    ------
    Unavailable
        If a store fails; the next call, or the stream, begins again.
    """
    try:
        with owned(STREAM_LOCK.of(settings.home), "the stream"):
            return (_rebuild_of_flink if settings.stream.runner == "flink" else _rebuild)(settings, online, report)
    except InUse:
        online.set_complete(False)
        return None


def _rebuild(settings: Settings, online: RebuildableStore, report: ShowProgress) -> Rebuilt:
    with (
        registry_at(settings.registry_address) as registry,
        closing(SqliteEventLog(settings.log_path, readonly=True)) as log,
        closing(ClickHouseWarehouse(settings.warehouse)) as warehouse,
    ):
        done = done_so_far(log, ledger_totals(settings.stream_path))
        return rebuild_online(warehouse, online, done, utc_now(), partial(choices, registry), report)


def _rebuild_of_flink(settings: Settings, online: RebuildableStore, report: ShowProgress) -> Rebuilt:
    from streaming.repair.online_watch import OnlineWatch  # Kafka's client is there where it is in use

    watch = OnlineWatch(settings, online)
    watch.look()
    return watch.rebuild(report)
