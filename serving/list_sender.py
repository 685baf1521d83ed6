"""Served lists from the home into the warehouse, in the process that watches the workers: these have lists to make.

In: settings. Out: a thread for the length of a body; without a warehouse the lists wait.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from civicrec.accounting.served import ServedSpool
from civicrec.errors import CivicrecError
from civicrec.logs import get_logger
from civicrec.process.retry import Retry
from civicrec.settings import Settings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.served import store_waiting

#: Each batch is a part in the warehouse, which thousands of small ones would slow down.
SEND_S = 2.0
_LONGEST_PAUSE_S = 60.0
_log = get_logger(__name__)


@contextmanager
def sending_lists(settings: Settings) -> Iterator[None]:
    """Send for the length of the body; at its end, once more."""
    stop = threading.Event()
    thread = threading.Thread(target=_keep_sending, args=(settings, stop), name="send served lists", daemon=True)
    if settings.serving.served_share:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        if thread.is_alive():
            thread.join(5)


def _keep_sending(settings: Settings, stop: threading.Event) -> None:
    retry = Retry(SEND_S, _LONGEST_PAUSE_S, wait=stop.wait)
    is_failing = False
    with closing(ClickHouseWarehouse(settings.warehouse)) as warehouse:
        while not stop.wait(SEND_S):
            try:
                send(settings, warehouse)
            except CivicrecError as error:
                if not is_failing:
                    _log.warning("served_lists_wait", error=str(error))
                is_failing = True
                retry.wait()
            else:
                is_failing = False
                retry.worked()
        with suppress(CivicrecError):
            send(settings, warehouse)


def send(settings: Settings, warehouse: ClickHouseWarehouse) -> int:
    """Store what waits; return how many lists."""
    if not settings.served_path.exists():
        return 0
    with closing(ServedSpool(settings.served_path, settings.serving.served_max_mb << 20)) as spool:
        return store_waiting(spool, warehouse, settings.serving.served_keep_days)
