"""Whatever a feed says, poll after poll: no document takes the place of another, and none is lost or doubled."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from civicrec.items import Item
from civicrec.polling.documents import read_document
from civicrec.polling.feed_file import Feed
from civicrec.polling.fetch import Fetcher
from civicrec.polling.run import Found, Polling, poll_entries
from civicrec.registry.catalogue import items_since
from civicrec.registry.tables import registry_at

NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)
BASE = "https://www.example.gov.cn/rss.xml"
#: Titles of a group are one title and its corrections; of two groups they are nothing alike.
TITLES = {
    "关于调整公积金缴存比例的通知": "a", "关于调整公积金缴存比例的通知（修订）": "a",
    "关于调整住房公积金缴存比例的通知": "a",
    "全市防汛工作会议召开": "b", "全市防汛工作会议今日召开": "b", "人事任免": "c", "第1号公告": "d", "第2号公告": "e",
}  # fmt: skip
ENTRIES = st.fixed_dictionaries({
    "title": st.sampled_from(list(TITLES)),
    "link": st.sampled_from(["/1.html", "/2.html", "http://www.example.gov.cn/1.html#x", "/", ""]),
    "guid": st.sampled_from(["", "1", "2", "https://www.example.gov.cn/1.html"]),
    "pubDate": st.sampled_from(["", "2026-01-31", "2026年1月31日 10:00", "2026-02-01"]),
    "category": st.sampled_from(["", "政策"]),
})  # fmt: skip
FEEDS = st.lists(st.lists(ENTRIES, max_size=4), min_size=2, max_size=5)


@dataclass
class Place:
    registry: Engine

    def poll(self, entries: list[dict[str, str]]) -> Found:
        rows = "".join(
            "<item>" + "".join(f"<{name}>{value}</{name}>" for name, value in one.items()) + "</item>"
            for one in entries
        )
        feed = Feed(url=BASE, types={"政策": "policy"})
        polling = Polling("zc", feed, self.registry, cast(Fetcher, None), 0, NOW)
        return poll_entries(polling, read_document(f"<rss>{rows}</rss>", 100), BASE)

    def items(self) -> dict[str, Item]:
        return {item.item_id: item for item in items_since(self.registry)[1]}


@contextmanager
def place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory() as folder, registry_at(f"sqlite:///{folder}/registry.sqlite") as registry:
        yield Place(registry)


def page(item: Item) -> str:
    path = item.url.partition("#")[0].partition("example.gov.cn")[2]
    return path if path not in ("", "/") else ""


def day(item: Item) -> Any:
    # Both hours of the sample are of one day in China.
    return item.published_at and (item.published_at.timestamp() + 8 * 3600) // 86_400


def is_one_document(old: Item, new: Item) -> bool:
    same_title = TITLES[old.title] == TITLES[new.title]
    same_page, same_day = page(old) == page(new) != "", day(old) == day(new) is not None
    is_same_but_for_nothing = (old.title, old.url, old.published_at) == (new.title, new.url, new.published_at)
    return old.item_type == new.item_type and (same_title + same_page + same_day >= 2 or is_same_but_for_nothing)


@settings(deadline=None, max_examples=150)
@given(FEEDS)
def test_no_document_takes_the_place_of_another(feeds: list[list[dict[str, str]]]) -> None:
    with place() as home:
        for entries in feeds:
            before = home.items()
            found = home.poll(entries)
            after = home.items()
            assert before.keys() <= after.keys()
            for item_id, old in before.items():
                assert is_one_document(old, after[item_id]), (old, after[item_id])
            assert found.added == len(after) - len(before)
            assert found.added + found.changed + found.unchanged + len(found.bad) == found.rows == len(entries)


@settings(deadline=None, max_examples=60)
@given(FEEDS)
def test_the_same_feed_again_changes_nothing(feeds: list[list[dict[str, str]]]) -> None:
    with place() as home:
        for entries in feeds:
            first = home.poll(entries)
            kept = home.items()
            again = home.poll(entries)
            assert (again.added, again.changed) == (0, 0), (entries, kept, again)
            assert len(again.bad) == len(first.bad)
            assert home.items() == kept


def test_an_entry_that_stands_twice_in_a_feed_is_kept_once_and_told() -> None:
    entry = {"title": "人事任免", "link": "/", "guid": "1", "pubDate": "", "category": ""}  # nothing but words to go by
    with place() as home:
        for added in (1, 0):
            found = home.poll([entry, entry])
            assert (found.added, len(found.bad)) == (added, 1)
            assert "keep one of the two" in found.bad[0][1]
        assert len(home.items()) == 1
