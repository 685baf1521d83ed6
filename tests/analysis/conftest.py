from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from civicrec.analysis.opening import open_session
from civicrec.analysis.session import Session
from civicrec.items import Item
from civicrec.warehouse.catalogue_table import keep_catalogue
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from tests.reports.oracle import DAYS, events, store
from tests.running import RunningStack, running_stack


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with running_stack(tmp_path_factory.mktemp("analysis"), only=["warehouse"]) as running:
        with closing(ClickHouseWarehouse(running.settings.warehouse)) as warehouse:
            store(warehouse, events(11))
            items = [
                Item(item_id=f"item-{n}", item_type="policy", title=f"第 {n} 号文件", theme=("社保",))
                for n in range(20)
            ]
            keep_catalogue(warehouse, DAYS.last, items)
        yield running


@pytest.fixture
def named(stack: RunningStack, monkeypatch: pytest.MonkeyPatch) -> RunningStack:
    """Let the environment name the stack, as a notebook's does."""
    for name, value in stack.env.items():
        if name.startswith("CIVICREC_"):
            monkeypatch.setenv(name, value)
    monkeypatch.delenv("CIVICREC_WAREHOUSE__PASSWORD", raising=False)
    return stack


@pytest.fixture
def session(named: RunningStack) -> Iterator[Session]:
    with open_session() as found:
        yield found
