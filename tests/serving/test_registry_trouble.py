"""A registry that serving cannot use: lists wait or stay as they were, the process does not end."""

from pathlib import Path

import pytest
from sqlalchemy import text

from civicrec.registry.catalogue import upsert_items
from civicrec.registry.tables import open_registry
from civicrec.settings import Settings
from profiles.online.memory import MemoryOnlineStore
from serving.snapshot import SnapshotKeeper
from tests.item_builders import an_item


def test_a_registry_of_a_newer_version_is_waited_for(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    registry = open_registry(settings.registry_address)
    upsert_items(registry, [an_item()])
    with registry.begin() as connection:
        connection.execute(text("INSERT INTO migrations (name) VALUES ('9998_of_tomorrow.sql')"))
    keeper = SnapshotKeeper(settings, MemoryOnlineStore())
    keeper.refresh_catalogue()
    assert not keeper.has_catalogue
    with registry.begin() as connection:
        connection.execute(text("DELETE FROM migrations WHERE name = '9998_of_tomorrow.sql'"))
    keeper.refresh_catalogue()
    assert keeper.has_catalogue
    assert len(keeper.current.catalogue) == 1
    keeper.close()
    registry.dispose()


def test_an_address_that_is_none_is_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    keeper = SnapshotKeeper(Settings(registry_url="postgresql://keeper:s3cret@host:port/db"), MemoryOnlineStore())
    keeper.refresh_catalogue()
    assert not keeper.has_catalogue
    told = capsys.readouterr()
    assert "CIVICREC_REGISTRY_URL cannot be read" in told.out + told.err
    assert "s3cret" not in told.out + told.err


def test_a_registry_that_was_wiped_empties_no_list(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    registry = open_registry(settings.registry_address)
    upsert_items(registry, [an_item()])
    upsert_items(registry, [an_item(title="a second version")])
    keeper = SnapshotKeeper(settings, MemoryOnlineStore())
    keeper.refresh_catalogue()
    for wipe in ("DELETE FROM items", "UPDATE counters SET value = 0"):
        with registry.begin() as connection:
            connection.execute(text(wipe))
    keeper.catch_up()
    keeper.refresh_catalogue()
    assert len(keeper.current.catalogue) == 1
    upsert_items(registry, [an_item(item_id="after")])
    keeper.refresh_catalogue()
    assert list(keeper.current.catalogue.items) == ["after"]
    keeper.close()
    registry.dispose()
