"""A statement under the eyes of whoever asked: how far it is, and an end when they press Ctrl-C.

In: a warehouse and SQL. Out: the rows. The statement runs in a thread; the caller's own waits, looks at the view
`running` each second, and asks the warehouse to end it when it is interrupted itself.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from civicrec.errors import CivicrecError

if TYPE_CHECKING:
    import pyarrow as pa

    from civicrec.warehouse.clickhouse import ClickHouseWarehouse

#: Rows read, rows in all (0: not known), seconds.
ShowRunning = Callable[[int, int, float], None]
#: Nothing is shown of a statement that is done before.
_PATIENCE_S = 1.0
#: How long an end that was asked for is waited for.
_END_S = 10.0
_HOW_FAR = "SELECT read_rows, total_rows, elapsed_s FROM running WHERE query_id = {query_id:String}"


def watched(
    warehouse: ClickHouseWarehouse, sql: str, parameters: Mapping[str, Any], show: ShowRunning
) -> pa.Table:  # fmt: skip
    """Run a SELECT and return its rows.

    Raises
    ------
    KeyboardInterrupt
        If it comes while the statement runs, which is then ended in the warehouse as well.
    CivicrecError
        As `ClickHouseWarehouse.query` does.
    """
    query_id, found = uuid4().hex, _Found()

    def run() -> None:
        try:
            found.table = warehouse.query(sql, parameters, query_id)
        except BaseException as error:  # raised again where somebody waits
            found.error = error

    thread = threading.Thread(target=run, name="analyst-query", daemon=True)
    thread.start()
    try:
        thread.join(_PATIENCE_S)
        while thread.is_alive():
            with suppress(CivicrecError):  # to see how far it is, is worth no fault
                for row in warehouse.rows(_HOW_FAR, {"query_id": query_id}):
                    show(row["read_rows"], row["total_rows"], row["elapsed_s"])
            thread.join(_PATIENCE_S)
    except KeyboardInterrupt:
        with suppress(CivicrecError):
            warehouse.cancel(query_id)
        thread.join(_END_S)
        raise
    if found.error is not None:
        raise found.error
    return found.table


class _Found:
    """What the thread came back with."""

    table: pa.Table | None = None
    error: BaseException | None = None


def show_on_stderr(read: int, total: int, seconds: float) -> None:
    """Write how far a statement is, over the line of before."""
    of = f" / {total / 1e6:.1f}" if total > read else ""
    sys.stderr.write(f"\r已读 {read / 1e6:.1f}{of} 百万行，{seconds:.0f} 秒；按 Ctrl-C 停止 ")
    sys.stderr.flush()
