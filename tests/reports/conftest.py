from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from tests.running import RunningStack, running_stack


@pytest.fixture(scope="session")
def stack_of_reports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with running_stack(tmp_path_factory.mktemp("reports"), only=["warehouse"]) as stack:
        yield stack


@pytest.fixture(scope="session")
def warehouse(stack_of_reports: RunningStack) -> Iterator[ClickHouseWarehouse]:
    found = ClickHouseWarehouse(stack_of_reports.settings.warehouse)
    yield found
    found.close()


@pytest.fixture
def home(stack_of_reports: RunningStack, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the home of the warehouse, for commands of this process."""
    monkeypatch.setenv("CIVICREC_WAREHOUSE__PORT", str(stack_of_reports.settings.warehouse.port))
    return stack_of_reports.settings.home
