from __future__ import annotations

from collections.abc import Iterator

import pytest

from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from tests.running import running_stack


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseWarehouse]:
    with running_stack(tmp_path_factory.mktemp("reports"), only=["warehouse"]) as stack:
        found = ClickHouseWarehouse(stack.settings.warehouse)
        yield found
        found.close()
