"""The Atom feed: read by a parser of its own, the same for everybody, and of what may be recommended alone."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
from defusedxml.ElementTree import fromstring

from civicrec.registry.catalogue import upsert_items
from tests.item_builders import an_item
from tests.serving.conftest import NOW, THEMES, Api, items

NAMES = {"a": "http://www.w3.org/2005/Atom"}
HIDDEN = {"withdrawn", "draft", "void", "expired", "early", "closed"}


def entries(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/atom+xml")
    ids = [one.text for one in fromstring(answer.content).findall("a:entry/a:id", NAMES)]
    return [str(one).removeprefix("urn:civicrec:item:") for one in ids]


def test_a_feed_holds_what_may_be_recommended_the_newest_first(api: Api) -> None:
    expected = [item.item_id for item in items() if item.item_id not in HIDDEN and item.theme == (THEMES[0],)]
    assert entries(api.get("/v1/feed.atom", theme=THEMES[0])) == expected
    assert len(entries(api.get("/v1/feed.atom"))) == 30
    assert entries(api.get("/v1/feed.atom", n=2)) == ["i0", "i1"]
    assert entries(api.get("/v1/feed.atom", type="policy", theme=THEMES[0])) == ["i0", "i15"]
    assert entries(api.get("/v1/feed.atom", theme="没有的主题")) == []


def test_all_that_is_asked_for_must_hold(api: Api) -> None:
    fields = {"item_type": "policy", "theme": ("养老",), "audiences": ("自然人",), "person_groups": ("老年人",)}
    more = [
        an_item("both", region_code="440106", industries=("农业",), **fields),
        an_item("other", region_code="110000", **fields),
    ]
    upsert_items(api.registry, more)
    api.live.refresh()
    for query in (
        {"group": "老年人", "region": "440000"},
        {"audience": "自然人", "industry": "农业"},
        {"region": "440106"},
    ):
        assert entries(api.get("/v1/feed.atom", **query)) == ["both"]
    assert sorted(entries(api.get("/v1/feed.atom", theme="养老"))) == ["both", "other"]


def test_an_entry_says_what_a_reader_needs_whatever_its_title_holds(api: Api) -> None:
    title, at = "“a” & <b> 的通知", NOW - timedelta(days=1)
    item = an_item(
        "x/1", title=title, url="/x?a=1&b=2", issuer="财政局", summary="要点", theme=("怪题",), published_at=at
    )
    upsert_items(api.registry, [item])
    api.live.refresh()
    feed = fromstring(api.get("/v1/feed.atom", theme="怪题").content)
    entry = feed.find("a:entry", NAMES)
    assert entry is not None
    assert [entry.findtext(f"a:{name}", namespaces=NAMES) for name in ("title", "id", "updated", "summary")] == [
        item.title, "urn:civicrec:item:x%2F1", "2026-03-09T04:00:00.000Z", "要点"
    ]  # fmt: skip
    assert entry.find("a:link", NAMES).attrib["href"] == "/x?a=1&b=2"  # type: ignore[union-attr]
    assert feed.findtext("a:title", namespaces=NAMES) == "最新发布：怪题"
    assert feed.findtext("a:updated", namespaces=NAMES) == "2026-03-09T04:00:00.000Z"


def test_a_reader_that_knows_it_is_told_so_and_anything_new_is_another_feed(api: Api) -> None:
    first = api.get("/v1/feed.atom")
    assert first.headers["cache-control"] == "public, max-age=300"
    known = {"If-None-Match": first.headers["etag"]}
    assert api.ask("GET", "/v1/feed.atom", headers=known).status_code == 304
    upsert_items(api.registry, [an_item("newest", published_at=NOW)])
    api.live.refresh()
    assert api.ask("GET", "/v1/feed.atom", headers=known).status_code == 200


def test_a_feed_is_the_same_for_everybody(api: Api) -> None:
    token = api.live.keys.sign("demo", "wang", NOW)
    mine = api.ask("GET", "/v1/feed.atom", headers={"Authorization": f"Bearer {token}"})
    assert mine.content == api.get("/v1/feed.atom").content


@pytest.mark.parametrize("query", [{"n": 0}, {"region": "44"}, {"type": "poem"}, {"topic": "x"}])
def test_what_cannot_be_asked_is_named(api: Api, query: dict[str, str]) -> None:
    assert api.get("/v1/feed.atom", **query).status_code == 422
