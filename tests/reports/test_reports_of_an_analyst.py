"""Reports say the same to an analyst, who reads views, as to the stack, which reads the tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from pydantic import SecretStr

from civicrec.analysis.reports import REPORTS
from civicrec.home import ANALYST_KEY
from civicrec.reports.freshness import freshness
from civicrec.reports.funnel import funnel
from civicrec.reports.traffic import traffic
from civicrec.security.passwords import ANALYST
from civicrec.security.secrets import read_secret
from civicrec.warehouse.analysts import DATABASE
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from tests.reports.oracle import DAYS, NOW, events, store
from tests.running import RunningStack

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def analyst(stack_of_reports: RunningStack, warehouse: ClickHouseWarehouse) -> Iterator[ClickHouseWarehouse]:
    warehouse.command("TRUNCATE TABLE events")
    store(warehouse, events(7))
    settings = stack_of_reports.settings
    password = SecretStr(read_secret(ANALYST_KEY.of(settings.home)))
    theirs = settings.warehouse.model_copy(update={"user": ANALYST, "password": password, "database": DATABASE})
    with closing(ClickHouseWarehouse(theirs)) as found:
        yield found


def test_reports_are_the_same(warehouse: ClickHouseWarehouse, analyst: ClickHouseWarehouse) -> None:
    for public in (True, False):
        for by in ("day", "hour"):
            mine, theirs = (traffic(one, DAYS, NOW, by=by, public=public) for one in (warehouse, analyst))  # type: ignore[arg-type]
            assert mine == theirs
            assert theirs.table.num_rows > 0
        assert funnel(warehouse, DAYS, NOW, public=public) == funnel(analyst, DAYS, NOW, public=public)
        for name in ("items", "sessions", "retention", "item_life", "paths"):
            mine, theirs = (REPORTS[name](one, DAYS, NOW, public=public) for one in (warehouse, analyst))
            assert mine == theirs, name
    assert freshness(warehouse, NOW) == freshness(analyst, NOW)
