"""A collector in this process, on a log in memory, with a clock that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from civicrec.eventlog.memory import MemoryEventLog
from civicrec.eventlog.ports import EventLog
from civicrec.events import Event, load
from civicrec.settings import Settings
from collectors.app import CollectorApp
from tests.builders import NOON


class Collector:
    """What a test may do with it: every call runs the collector's own event loop until it has answered."""

    def __init__(self, settings: Settings, log: EventLog) -> None:
        self.log = log
        self.settings = settings
        self._runner = asyncio.Runner()
        self._app = CollectorApp(settings, log, lambda: NOON)
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://collector", headers={"user-agent": ""})
        self._working = self._app.working()
        self._runner.run(self._working.__aenter__())

    def close(self) -> None:
        async def finish() -> None:
            await self._working.__aexit__(None, None, None)
            await self._client.aclose()

        self._runner.run(finish())
        self._runner.close()

    def request(self, method: str, path: str = "/v1/events", **options: Any) -> httpx.Response:
        return self._runner.run(self._client.request(method, path, **options))

    def get(self, path: str) -> httpx.Response:
        return self.request("GET", path)

    def send(self, *events: Any, headers: Any = None, **envelope: Any) -> dict[str, Any]:
        answer = self.request("POST", json={"events": events, **envelope}, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]

    def post(self, body: bytes, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request("POST", content=body, headers=named)

    def events(self, after: int = 0) -> list[Event]:
        return [event for found in self.log.read(after, self.log.head()) for event in load(found.record.value)[0]]

    def counts(self) -> dict[str, int]:
        return {f"{name} {reason}".strip(): n for (name, reason), n in self.log.tally().counts.items()}


@pytest.fixture
def collecting(tmp_path: Path) -> Iterator[Callable[..., Collector]]:
    """Start a collector with these settings and log."""
    running: list[Collector] = []

    def start(log: EventLog | None = None, **settings: Any) -> Collector:
        running.append(Collector(Settings(home=tmp_path, **settings), log or MemoryEventLog()))
        return running[-1]

    yield start
    for collector in running:
        collector.close()


@pytest.fixture
def collector(collecting: Callable[..., Collector]) -> Collector:
    """A collector with default settings."""
    return collecting()
