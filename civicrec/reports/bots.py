"""Robots: how many events of a window a report leaves out because a bot rule flagged them, which every report names."""

from __future__ import annotations

from civicrec.reports.report import Window
from civicrec.warehouse.ports import Warehouse

_SQL = """
SELECT countIf(bot_reason != '') AS bots FROM events FINAL WHERE local_date BETWEEN {first:Date} AND {last:Date}
"""


def bot_events(warehouse: Warehouse, window: Window) -> int:
    """Return the number of events of robots in a window.

    Raises
    ------
    civicrec.errors.Unavailable
        If the warehouse cannot be reached.
    """
    (counted,) = warehouse.rows(_SQL, window.parameters())
    return int(counted["bots"])
