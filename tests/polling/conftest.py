"""A portal on loopback, and a home that polls it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from civicrec.items import Item
from civicrec.polling.feed_file import feed_files, read_feed
from civicrec.polling.polls import Outcome, poll_feeds
from civicrec.registry.catalogue import items_since
from civicrec.registry.tables import audit, open_registry
from civicrec.settings import PollingSettings, Settings
from tests.polling.servers import Portal, running_portal


@dataclass
class Home:
    """A home with feeds, a registry and a clock of its own."""

    settings: Settings
    registry: Engine
    now: datetime = datetime(2026, 3, 10, 4, tzinfo=UTC)
    limits: dict[str, Any] = field(default_factory=dict)

    def feed(self, url: str, more: str = "", name: str = "zc") -> None:
        folder = self.settings.home / "feeds"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.toml").write_text(f'url = "{url}"\n{more}')

    def poll(self, **given: Any) -> list[Outcome]:
        feeds = {name: read_feed(path) for name, path in feed_files(self.settings.home).items()}
        settings = self.settings.model_copy(update={"polling": PollingSettings(**self.limits)})
        self.now += timedelta(seconds=1)
        return list(poll_feeds(settings, self.registry, feeds, lambda: self.now, **given))

    def one(self, **given: Any) -> Outcome:
        [outcome] = self.poll(**given)
        return outcome

    def by_id(self) -> dict[str, Item]:
        return {item.item_id: item for item in items_since(self.registry)[1]}

    def items(self) -> dict[str, Item]:
        return {item.title: item for item in items_since(self.registry)[1]}

    def acts(self) -> list[tuple[str, str]]:
        with self.registry.connect() as connection:
            return [(row.who, row.action) for row in connection.execute(select(audit).order_by(audit.c.id))]


@pytest.fixture
def portal() -> Iterator[Portal]:
    with running_portal() as running:
        yield running


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    settings = Settings(home=tmp_path)
    registry = open_registry(settings.registry_address)
    yield Home(settings, registry)
    registry.dispose()
