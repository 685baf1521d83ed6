"""A real warehouse, shared by the tests of this folder, and for each an empty registry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from civicrec.registry.tables import open_registry
from civicrec.security.tokens import load_keys
from civicrec.settings import Settings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from profiles.segments.members import Stores
from tests.running import running_stack


@pytest.fixture(scope="package")
def stack_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with running_stack(tmp_path_factory.mktemp("segments"), only=("warehouse",)) as running:
        yield running.settings


@pytest.fixture
def stores(stack_settings: Settings, tmp_path: Path) -> Iterator[Stores]:
    settings = stack_settings.model_copy(update={"home": tmp_path})
    warehouse, registry = ClickHouseWarehouse(settings.warehouse), open_registry(settings.registry_address)
    for table in ("events", "actor_tags", "item_facts", "segment_members"):
        warehouse.command(f"TRUNCATE TABLE {table}")
    yield Stores(warehouse, registry, settings, load_keys(settings))
    warehouse.close()
    registry.dispose()
