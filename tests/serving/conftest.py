"""A serving process in memory: real registry, real models on disk, the memory store, requests through ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from civicrec.items import Item, Link
from civicrec.registry.catalogue import upsert_items
from civicrec.registry.tables import open_registry
from civicrec.settings import CollectorSettings, ServingSettings, Settings
from profiles.online.memory import MemoryOnlineReader, MemoryOnlineStore
from profiles.online.ports import OnlineReader
from serving.live import Live
from serving.site import create_site
from tests.online_stores import OnlineStore

NOW = datetime(2026, 3, 10, 4, 0, tzinfo=UTC)
THEMES = ("就业创业", "社会保障", "住房保障", "教育科研", "交通运输")
TYPES = ("policy", "service", "news")


def items() -> list[Item]:
    """Thirty online items of five themes and three types, linked in pairs, and one each that may not be shown."""
    made = [
        Item(
            item_id=f"i{n}", item_type=TYPES[n % 3], title=f"第{n}号事项", url=f"/i/{n}", theme=(THEMES[n % 5],),
            published_at=NOW - timedelta(days=n, hours=1), links=(Link("serves", f"i{n + 1}"),) if n % 2 == 0 else (),
        )
        for n in range(30)
    ]  # fmt: skip
    hidden: dict[str, dict[str, Any]] = {
        "withdrawn": {"status": "withdrawn"}, "draft": {"status": "draft"}, "void": {"validity": "废止"},
        "expired": {"valid_until": NOW}, "early": {"valid_from": NOW + timedelta(seconds=1)},
        "closed": {"apply_until": NOW},
    }  # fmt: skip
    return made + [
        Item(item_id=name, item_type="policy", title=name, theme=(THEMES[0],), published_at=NOW, **fields)
        for name, fields in hidden.items()
    ]


@dataclass
class Api:
    """What a test may use of a serving process."""

    app: FastAPI
    settings: Settings
    registry: Engine
    store: OnlineStore

    @property
    def live(self) -> Live:
        live: Live = self.app.state.live
        return live

    def get(self, path: str, **query: Any) -> httpx.Response:
        return self.ask("GET", path, params=query)

    def post(self, path: str, body: Any) -> httpx.Response:
        given = {"content": body} if isinstance(body, bytes) else {"json": body}
        return self.ask("POST", path, **given)

    def ask(self, method: str, path: str, **given: Any) -> httpx.Response:
        async def sent() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.request(method, path, **given)

        return asyncio.run(sent())

    def ids(self, **query: Any) -> list[str]:
        answer = self.get("/v1/recommendations", **query)
        assert answer.status_code == 200, answer.text
        return [item["item_id"] for item in answer.json()["items"]]


def open_api(home: Path, store: OnlineStore, reader: OnlineReader | None = None, **changes: Any) -> Api:
    given: dict[str, Any] = {
        "serving": ServingSettings(store_timeout_ms=100),
        "collector": CollectorSettings(port=1),  # what a test says goes to no stack of this machine
    }
    settings = Settings(home=home, **given | changes)
    registry = open_registry(settings.registry_address)
    return Api(
        create_site(settings, store, reader or MemoryOnlineReader(store), lambda: NOW), settings, registry, store
    )


@contextmanager
def stocked_api(home: Path, **changes: Any) -> Iterator[Api]:
    """Open a portal that knows `items`; close all of it afterwards."""
    opened = open_api(home, MemoryOnlineStore(), **changes)
    upsert_items(opened.registry, items())
    opened.live.refresh()
    yield opened
    opened.live.stop()
    for close in opened.app.state.closing:
        close()
    opened.registry.dispose()


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with stocked_api(tmp_path) as opened:
        yield opened
