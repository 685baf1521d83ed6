"""Which chart goes with which report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from civicrec.errors import InvalidInput
from civicrec.reports.charts import funnel_chart, items_chart, traffic_chart
from civicrec.reports.report import Report

_CHARTS: Mapping[str, Callable[[Report], Any]] = {
    "traffic": traffic_chart,
    "items": items_chart,
    "funnel": funnel_chart,
}


def chart_of(name: str, report: Report) -> Any:
    """Return the Altair chart of a report.

    Raises
    ------
    InvalidInput
        If it has none.
    """
    if name not in _CHARTS:
        raise InvalidInput(f"report {name} has no chart; there are charts of {', '.join(_CHARTS)}")
    return _CHARTS[name](report)
