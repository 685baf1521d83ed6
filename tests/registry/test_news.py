"""Whether somebody wrote to the registry is known at once, once, and at a price that every request can pay."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from civicrec.clock import utc_now
from civicrec.editorial import Rule
from civicrec.items import Item
from civicrec.registry.catalogue import set_status, upsert_items
from civicrec.registry.editorial import add_rule, remove_rule
from civicrec.registry.news import News, news_of
from tests.running import wait_for


@pytest.fixture
def news(registry: Engine) -> Iterator[News]:
    heard = news_of(registry)
    yield heard
    heard.close()


def test_every_change_of_catalogue_and_rules_is_heard_once(registry: Engine, news: News) -> None:
    assert not news.any()
    item, now = Item(item_id="i", item_type="policy", title="t"), utc_now()
    made: list[Rule] = []
    for change in (
        lambda: upsert_items(registry, [item]),
        lambda: set_status(registry, ["i"], "withdrawn", who="editor", why="x", now=now),
        lambda: set_status(registry, ["i"], "online", who="editor", why="x", now=now),
        lambda: made.append(add_rule(registry, Rule("pin", "i", who="editor", why="x"), now)),
        lambda: remove_rule(registry, made[0].number, who="editor", why="x", now=now),
    ):
        change()
        wait_for(news.any, 10, "the news", pause_s=0.001)
        assert not news.any()


def test_what_is_taken_back_or_changes_nothing_is_no_news(registry: Engine, news: News) -> None:
    item = Item(item_id="i", item_type="policy", title="t")
    upsert_items(registry, [item])
    wait_for(news.any, 10, "the news", pause_s=0.001)
    upsert_items(registry, [item])
    time.sleep(0.1)
    assert not news.any()


def test_a_look_costs_less_than_a_row_read(registry: Engine, news: News) -> None:
    def seconds(look: object) -> float:
        began = time.perf_counter()
        for _ in range(200):
            look()  # type: ignore[operator]
        return time.perf_counter() - began

    def read() -> None:
        with registry.connect() as connection:
            connection.exec_driver_sql("SELECT value FROM counters").all()

    assert min(seconds(news.any) for _ in range(5)) < min(seconds(read) for _ in range(5)) / 5


def test_a_lost_connection_tells_once_more_and_then_nothing(news: News) -> None:
    news.close()
    assert [news.any() for _ in range(3)] == [True, False, False]
    assert news.is_lost
