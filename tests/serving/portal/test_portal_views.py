"""What portal pages show, computed without HTML."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.items import Item
from serving.links import item_path
from serving.portal.views import facts_of, list_page, state_of
from serving.portal.visitor import HOME, safe_next

NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)
DAY = timedelta(days=1)


def an_item(item_id: str = "p-1", **facts: Any) -> Item:
    return Item(**{"item_id": item_id, "item_type": "policy", "title": "题目", **facts})


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({}, ""),
        ({"validity": "废止"}, "已失效"),
        ({"valid_until": NOW}, "已失效"),
        ({"valid_from": NOW + DAY}, "尚未生效"),
        ({"apply_from": NOW - DAY, "apply_until": NOW + DAY}, "正在申报"),
        ({"apply_from": NOW + DAY}, "申报未开始"),
        ({"apply_until": NOW}, "申报已截止"),
        ({"apply_until": NOW + DAY, "validity": "失效"}, "已失效"),
    ],
)
def test_state_of_an_item(facts: dict[str, Any], state: str) -> None:
    assert state_of(an_item(**facts), NOW) == state


def test_facts_leave_out_what_is_not_known_and_say_the_last_day_of_a_span() -> None:
    midnight = datetime(2026, 3, 31, 16, tzinfo=UTC)  # 1 April, 00:00 in China: 31 March is the last day
    facts = dict(facts_of(an_item(issuer="云澜市民政局", apply_from=NOW, apply_until=midnight), NOW))
    assert facts == {"发文机关": "云澜市民政局", "申报时间": "2026-03-10 至 2026-03-31", "状态": "正在申报"}


@given(st.integers(0, 60), st.integers(1, 20))
def test_pages_hold_every_item_once_in_their_order(n: int, size: int) -> None:
    items = [an_item(f"p-{i}") for i in range(n)]
    pages = [list_page(items, number, size, NOW) for number in range(1, list_page(items, 1, size, NOW).pages + 1)]
    cards = [card for page in pages for card in page.cards]
    assert [card.item for card in cards] == items
    assert [card.position for card in cards] == list(range(n))
    assert all(page.total == n for page in pages)


@pytest.mark.parametrize(("asked", "got"), [(-5, 1), (0, 1), (2, 2), (99, 3)])
def test_a_page_number_out_of_range_is_moved_into_it(asked: int, got: int) -> None:
    assert list_page([an_item(f"p-{i}") for i in range(30)], asked, 10, NOW).number == got


def test_an_item_path_quotes_what_a_path_may_not_hold() -> None:
    assert item_path("a/b?c#d") == "/portal/items/a%2Fb%3Fc%23d"


@pytest.mark.parametrize(
    "path",
    ["https://evil.example/portal/", "//evil.example/portal/", "/other", "", "/\\evil.example", "javascript:alert(1)"],
)
def test_a_form_never_leads_away_from_the_portal(path: str) -> None:
    assert safe_next(path) == HOME


def test_a_form_leads_back_to_the_page_it_was_on() -> None:
    assert safe_next("/portal/lists/news?page=2") == "/portal/lists/news?page=2"
