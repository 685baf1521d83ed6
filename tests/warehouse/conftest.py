from collections.abc import Iterator

import pytest

from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from tests.running import RunningStack, running_stack


@pytest.fixture(scope="package")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with running_stack(tmp_path_factory.mktemp("gateway"), only=("warehouse",)) as running:
        yield running


@pytest.fixture
def warehouse(gateway: RunningStack) -> Iterator[ClickHouseWarehouse]:
    client = ClickHouseWarehouse(gateway.settings.warehouse)
    yield client
    client.close()
