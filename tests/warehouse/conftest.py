"""Warehouses for the tests of this folder: the embedded gateway, and a ClickHouse server where one is named."""

from collections.abc import Callable, Iterator
from contextlib import closing
from uuid import uuid4

import pytest

from civicrec.settings import WarehouseSettings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.migrate import migrate
from tests.running import running_stack
from tests.services.clickhouse import ADDRESS, server_settings


@pytest.fixture(scope="package", params=["gateway", "server"] if ADDRESS else ["gateway"])
def where(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarehouseSettings]:
    """Return where a migrated warehouse is; each test runs once on each kind."""
    if request.param == "gateway":
        with running_stack(tmp_path_factory.mktemp("gateway"), only=("warehouse",)) as running:
            yield running.settings.warehouse
        return
    settings = server_settings(f"civicrec_test_{uuid4().hex[:8]}")
    with closing(ClickHouseWarehouse(settings)) as client:
        migrate(client)
        yield settings
        client.command(f"DROP DATABASE {settings.database}")


@pytest.fixture
def warehouse(where: WarehouseSettings) -> Iterator[ClickHouseWarehouse]:
    client = ClickHouseWarehouse(where)
    yield client
    client.close()


@pytest.fixture
def elsewhere(where: WarehouseSettings) -> Iterator[Callable[[str], ClickHouseWarehouse]]:
    """Return what opens a database of another name, which is dropped after the test."""
    opened: dict[str, list[ClickHouseWarehouse]] = {}

    def open_database(name: str) -> ClickHouseWarehouse:
        database = f"{where.database}_{name}"
        client = ClickHouseWarehouse(where.model_copy(update={"database": database}))
        opened.setdefault(database, []).append(client)
        return client

    yield open_database
    for database, clients in opened.items():
        clients[0].command(f"DROP DATABASE IF EXISTS {database}")
        for client in clients:
            client.close()
