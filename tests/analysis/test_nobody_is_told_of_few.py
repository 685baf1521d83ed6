"""Whatever report an analyst asks for, no figure of one to nine people leaves the warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from uuid import UUID

import pandas as pd
import pytest

from civicrec.analysis.opening import open_session
from civicrec.analysis.reports import REPORTS
from civicrec.analysis.session import Session
from civicrec.crowds import K_ANONYMITY
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from tests.reports.oracle import DAYS, events, store
from tests.running import running_stack

pytestmark = pytest.mark.stack
#: Columns that count no people: which week, and whether the window cut something off.
PLACES = {"week", "is_cut"}


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Open a warehouse in which nine people did four thousand things."""
    with (
        running_stack(tmp_path_factory.mktemp("few"), only=["warehouse"]) as running,
        pytest.MonkeyPatch.context() as env,
    ):
        rows = [
            replace(row, event_id=UUID(int=n), actor=f"person-{n % (K_ANONYMITY - 1)}", session_id=f"s{n % 9}")
            for n, row in enumerate(events(5))
        ]
        with closing(ClickHouseWarehouse(running.settings.warehouse)) as warehouse:
            store(warehouse, rows)
        for name, value in running.env.items():
            if name.startswith("CIVICREC_"):
                env.setenv(name, value)
        env.delenv("CIVICREC_WAREHOUSE__PASSWORD", raising=False)
        with open_session() as session:
            yield session


@pytest.mark.parametrize("name", sorted(REPORTS))
def test_a_report_of_nine_people_has_no_figure(name: str, few: Session) -> None:
    frame = getattr(few.reports, name)(first=DAYS.first, last="2026-03-15")
    assert len(frame) > 0
    assert frame.about.hidden > 0
    for column in frame.columns:
        if column not in PLACES and (pd.api.types.is_numeric_dtype(frame[column])):
            assert frame[column].isna().all(), f"{name}.{column}: {frame[column].tolist()}"


def test_the_same_is_told_to_who_may_see_it(few: Session) -> None:
    from civicrec.clock import utc_now

    for name, report in REPORTS.items():
        shown = report(few, DAYS, utc_now(), public=False)
        assert shown.hidden == 0
        assert any(isinstance(value, int) and value > 0 for row in shown.rows() for value in row.values()), name
