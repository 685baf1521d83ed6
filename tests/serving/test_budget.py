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


def test_after_a_failure_no_list_waits_and_one_at_a_time_tries_beside_them() -> None:
    now, is_well = [100.0], [False]
    asked: list[float] = []
    failures: list[str] = []

    async def ask() -> str:
        asked.append(now[0])
        await asyncio.sleep(0)
        if not is_well[0]:
            raise Unavailable("down")
        return "well"

    async def reads() -> None:
        budget = StoreBudget(0.1, lambda: now[0], failures.append)
        assert [await budget.read(ask), await budget.read(ask)] == [None, None]
        now[0] += PAUSE_S
        assert [await budget.read(ask) for _ in range(3)] == [None] * 3
        await asyncio.sleep(0.01)
        assert await budget.read(ask) is None
        assert (asked, failures, budget.failure) == ([100.0, 100.0 + PAUSE_S], ["away"] * 2, "away")
        is_well[0] = True
        now[0] += PAUSE_S
        assert await budget.read(ask) is None
        await asyncio.sleep(0.01)
        assert (await budget.read(ask), budget.failure) == ("well", "")

    asyncio.run(reads())


def test_what_changes_something_is_tried_itself_once_its_turn_has_come() -> None:
    now = [100.0]
    done: list[float] = []

    async def act() -> bool:
        done.append(now[0])
        return True

    async def late() -> bool:
        await asyncio.sleep(SLEEP_S)
        return True

    async def acts() -> None:
        budget = StoreBudget(0.05, lambda: now[0])
        assert (await budget.act(late), budget.failure) == (None, "")
        assert await budget.act(late) is None
        assert (await budget.act(act), budget.failure, done) == (None, "late", [])
        now[0] += PAUSE_S
        assert (await budget.act(act), budget.failure) == (True, "")

    asyncio.run(acts())


def test_an_answer_that_came_while_the_process_was_busy_is_not_late() -> None:
    async def reads() -> None:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[str] = loop.create_future()

        async def ask() -> str:
            loop.call_soon(time.sleep, 0.2)  # other lists
            loop.call_later(0.01, answer.set_result, "there")
            return await answer

        assert await StoreBudget(0.05).read(ask) == "there"

    asyncio.run(reads())
