"""Events up to thirty days late and in no order, and processes killed meanwhile: every day's figures are exact."""

from pathlib import Path

import pytest

from tests.faults.test_kill import PROCESSES, survive_each

#: The collector takes thirty days; a batch may have to wait for the collector to be back.
LATE_DAYS = 29.9

pytestmark = pytest.mark.stack


@pytest.mark.timeout(200)
def test_late_events_in_no_order_count_once_where_they_belong(tmp_path: Path) -> None:
    survive_each(tmp_path, ["stream"], at_least=5_000, pause_s=0.2, late_days=LATE_DAYS)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_hundred_thousand_late_events_in_no_order_count_once_where_they_belong(tmp_path: Path) -> None:
    survive_each(tmp_path, PROCESSES, at_least=100_000, late_days=LATE_DAYS)
