"""A list as HTML: the items of the JSON answer, marked for the tracker, escaped, linked where they may be."""

from __future__ import annotations

from html.parser import HTMLParser

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.items import Item
from recommender.request import RankedItem, RankedList
from serving.fragment import address_of, list_html
from tests.item_builders import an_item
from tests.serving.conftest import Api

MARKS = ("item", "type", "scene", "position", "slot", "request", "variant")


class Links(HTMLParser):
    """What a browser would make of the links of a list."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[dict[str, str | None]] = []
        self.texts: list[str] = []
        self.tags: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "a":
            self.links.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data.strip())


def a_list(*items: Item) -> RankedList:
    ranked = tuple(RankedItem(item, row=n, position=n, score=0.0, source="fresh") for n, item in enumerate(items))
    return RankedList("home", "general", items=ranked)


@pytest.mark.parametrize(
    ("url", "link", "address"),
    [
        ("https://www.gov.cn/a.html", "/items/{id}", "https://www.gov.cn/a.html"),
        ("//www.gov.cn/a.html", "/items/{id}", "//www.gov.cn/a.html"),
        ("/art/a.html", "", "/art/a.html"),
        ("art/a.html", "", "/art/a.html"),
        ("art/a.html", "/items/{id}", "/items/%E7%A9%97%2F1"),
        ("", "/show?type={type}&id={id}", "/show?type=policy&id=%E7%A9%97%2F1"),
        ("", "https://m.gov.cn/{id}", "https://m.gov.cn/%E7%A9%97%2F1"),
        ("", "", ""),
        ("javascript:alert(1)", "", ""),
        ("", "javascript:alert('{id}')", ""),
        ("data:text/html,x", "/items/{id}", ""),
    ],
)
def test_an_item_is_linked_where_its_page_is_and_nowhere_else(url: str, link: str, address: str) -> None:
    assert address_of(msgspec.structs.replace(an_item("穗/1", item_type="policy"), url=url), link) == address


@given(st.text(max_size=40), st.text(max_size=20))
def test_no_text_of_an_item_becomes_markup(title: str, link: str) -> None:
    item = msgspec.structs.replace(an_item("a", url=""), title=title)
    found = Links(list_html(a_list(item), "r" * 32, link="/i/{id}" + link))
    assert set(found.tags) <= {"ol", "li", "a", "p", "span", "time"}
    assert [one["data-civicrec-item"] for one in found.links] == ["a"]


def test_every_link_says_which_list_it_came_with() -> None:
    found = Links(list_html(a_list(an_item("a", url=""), an_item("b", url="")), "r" * 32, slot="top", link="/i/{id}"))
    assert [[one.get(f"data-civicrec-{name}") for name in MARKS] for one in found.links] == [
        ["a", "policy", "home", "0", "top", "r" * 32, None],
        ["b", "policy", "home", "1", "top", "r" * 32, None],
    ]


def test_what_cannot_be_linked_to_is_left_out_and_nothing_is_an_empty_text() -> None:
    assert list_html(a_list(an_item("a", url="")), "r" * 32) == ""
    found = Links(list_html(a_list(an_item("a", url=""), an_item("b", url="/b")), "r" * 32))
    assert [one["href"] for one in found.links] == ["/b"]


def test_the_answer_holds_the_items_of_the_list(api: Api) -> None:
    asked = {"scene": "latest", "n": "4", "slot": "top"}
    items = api.get("/v1/recommendations", **asked).json()["items"]
    answer = api.get("/v1/recommendations.html", **asked, link="/i/{id}")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "private, no-store"
    found = Links(answer.text)
    assert [one["data-civicrec-item"] for one in found.links] == [item["item_id"] for item in items]
    assert [text for text in found.texts if text.startswith("推荐理由")] == [
        f"推荐理由：{item['reasons'][0]['text']}" for item in items
    ]
    assert found.texts[-1] == "通用推荐：未使用您的浏览记录。"
    assert len(found.links) == 4
    assert api.get("/v1/recommendations.html", **asked, debug="1").status_code == 422
