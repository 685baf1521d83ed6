"""A real warehouse and a real online store, empty for each test of the nightly job."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from civicrec.clients import redis_client
from civicrec.settings import Settings, TrainingSettings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from tests.running import RunningStack, running_stack


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with running_stack(tmp_path_factory.mktemp("nightly"), only=("valkey", "warehouse")) as stack:
        yield stack


@pytest.fixture
def settings(stores: RunningStack, tmp_path: Path) -> Iterator[Settings]:
    """Empty stores, and a registry and models folder of this test's own."""
    own = stores.settings.model_copy(
        update={"home": tmp_path, "training": TrainingSettings(factors=8, neighbours=20, window_days=60)}
    )
    warehouse = ClickHouseWarehouse(own.warehouse)
    for table in ("events", "actor_tags", "item_facts", "segment_members"):
        warehouse.command(f"TRUNCATE TABLE {table}")
    redis_client(own.redis).flushdb()
    yield own
    warehouse.close()


@pytest.fixture
def rows(settings: Settings) -> Callable[[str], list[dict[str, Any]]]:
    return ClickHouseWarehouse(settings.warehouse).rows
