"""The command `rebuild-online`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from civicrec.settings import Settings
    from profiles.store import OnlineStore

Home = Annotated[Path | None, typer.Option(help="Folder that holds all state; default CIVICREC_HOME or .civicrec.")]
_WAIT_S = 0.2


def register(app: typer.Typer) -> None:
    """Add `rebuild-online` to the root command."""
    app.command("rebuild-online")(rebuild_online)


def rebuild_online(home: Home = None) -> None:
    """Make the online store anew from warehouse and registry. A running stream does it, between two batches.

    Stopped half-way, start it again: until it has ended the store is known not to be whole. The stream also does this
    by itself when it finds the store wiped.
    """
    import sys
    from contextlib import closing

    from civicrec.clients import redis_client
    from civicrec.locks import InUse, owned
    from civicrec.settings import load_settings
    from profiles.redis_store import RedisOnlineStore
    from streaming.rebuild import STREAM_LOCK, only_embedded

    settings = load_settings(home)
    only_embedded(settings, "rebuild-online")
    with closing(redis_client(settings.redis)) as redis:
        online = RedisOnlineStore(redis)
        try:
            with owned(settings.home / STREAM_LOCK, "the stream"):
                _rebuild(settings, online)
        except InUse:
            print("the running stream rebuilds it", file=sys.stderr)
            _have_rebuilt(online)


def _rebuild(settings: Settings, online: OnlineStore) -> None:
    from contextlib import closing

    from civicrec.clock import utc_now
    from civicrec.commands.progress import progress_bars
    from civicrec.eventlog.ledger import ledger_totals
    from civicrec.eventlog.sqlite import SqliteEventLog
    from civicrec.registry.runs import suppressions
    from civicrec.registry.tables import open_registry
    from civicrec.warehouse.clickhouse import ClickHouseWarehouse
    from streaming.rebuild import done_so_far, rebuild_online

    registry = open_registry(settings.registry_address)
    try:
        with (
            closing(SqliteEventLog(settings.log_path, readonly=True)) as log,
            closing(ClickHouseWarehouse(settings.warehouse)) as warehouse,
            progress_bars() as report,
        ):
            done = done_so_far(log, ledger_totals(settings.stream_path))
            rebuilt = rebuild_online(warehouse, online, done, utc_now(), suppressions(registry), report)
    finally:
        registry.dispose()
    print(f"{rebuilt.turns} turns and the tags of {rebuilt.actors_with_tags} actors restored")


def _have_rebuilt(online: OnlineStore) -> None:
    import time

    online.set_whole(False)
    while not online.is_whole():
        time.sleep(_WAIT_S)
    print("restored")
