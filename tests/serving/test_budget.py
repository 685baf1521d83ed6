"""A store that is slow or down: the fallback answers in time, and says so."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from civicrec.errors import Unavailable
from civicrec.registry.catalogue import upsert_items
from profiles.online.memory import MemoryOnlineReader, MemoryOnlineStore
from serving.budget import PAUSE_S, StoreBudget
from tests.serving.conftest import items, open_api

SLEEP_S = 1.0


class Sleepy(MemoryOnlineReader):
    async def actor(self, actor: str) -> Any:
        await asyncio.sleep(SLEEP_S)


class Down(MemoryOnlineReader):
    async def actor(self, actor: str) -> Any:
        raise Unavailable("nobody listens")


class NoTrends(MemoryOnlineStore):
    def trends(self, hours: Any) -> Any:
        raise Unavailable("nobody listens")


@pytest.mark.parametrize("reader", [Sleepy, Down])
def test_the_fallback_answers_within_the_budget(tmp_path: Path, reader: type[MemoryOnlineReader]) -> None:
    store = NoTrends()
    api = open_api(tmp_path, store, reader(store))
    upsert_items(api.registry, items())
    api.live.refresh()
    began = time.monotonic()
    body = api.get("/v1/recommendations", n=10, anonymous_id="a").json()
    assert time.monotonic() - began < SLEEP_S / 2
    assert (body["degraded"], len(body["items"])) == (True, 10)
    assert "civicrec_lists_degraded_total 1.0" in api.get("/metrics").text
    # A stranger needs no profile, and the list still lacks the trends that cannot be read.
    assert api.get("/v1/recommendations", n=10).json()["degraded"] is True


def test_after_a_failure_the_store_is_left_alone_for_a_moment() -> None:
    now, asked = [100.0], []

    async def fails() -> None:
        asked.append(now[0])
        raise Unavailable("down")

    async def answers() -> str:
        return "well"

    async def reads() -> None:
        budget = StoreBudget(0.1, lambda: now[0])
        assert [await budget.read(fails), await budget.read(fails)] == [None, None]
        now[0] += PAUSE_S
        assert await budget.read(fails) is None
        assert asked == [100.0, 100.0 + PAUSE_S]
        now[0] += PAUSE_S
        assert await budget.read(answers) == "well"

    asyncio.run(reads())
