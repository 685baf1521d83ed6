"""A portal's feed and the catalogue: what is new, what comes again, what another document is, what fails."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from civicrec.errors import Unavailable
from civicrec.polling import run
from civicrec.polling.memory import memory_of
from civicrec.registry.catalogue import erase, set_status
from tests.polling.conftest import Home
from tests.polling.servers import Portal, Said


def rss(*entries: dict[str, str], encoding: str = "utf-8") -> bytes:
    items = "".join(
        "\n<item>" + "".join(f"<{name}>{value}</{name}>" for name, value in entry.items()) + "</item>"
        for entry in entries
    )
    head = f'<?xml version="1.0" encoding="{encoding}"?>'
    return f"{head}<rss><channel><title>t</title>{items}</channel></rss>".encode(encoding)


ONE = {"title": "关于公积金缴存比例的通知", "link": "/政务/1.html", "pubDate": "2026年1月31日", "category": "政策文件"}
TWO = {"title": "春季招聘会即将举行", "link": "/2.html", "pubDate": "Sat, 31 Jan 2026 08:00:00 GMT"}


def counts(home: Home) -> dict[str, Any]:
    outcome = home.one()
    assert outcome.fault == ""
    told = {name: n for name, n in outcome.found.counts().items() if n}
    return told | ({"as before": 1} if outcome.found.is_as_before else {})


def test_a_feed_becomes_items_and_the_same_again_changes_nothing(home: Home, portal: Portal) -> None:
    portal.says["/rss.xml"] = Said(rss(ONE, TWO, encoding="gb18030"))
    home.feed(f"{portal.url}/rss.xml", 'issuer = "云澜市人民政府"\n[types]\n"政策文件" = "policy"\n')
    assert counts(home) == {"rows": 2, "added": 2}
    policy, news = home.items()[ONE["title"]], home.items()[TWO["title"]]
    assert (policy.item_type, policy.url, policy.issuer) == ("policy", f"{portal.url}/政务/1.html", "云澜市人民政府")
    assert news.item_type == "news"
    assert [str(one.published_at) for one in (policy, news)] == [
        "2026-01-30 16:00:00+00:00",
        "2026-01-31 08:00:00+00:00",
    ]
    assert counts(home) == {"rows": 2, "unchanged": 2}
    assert home.acts() == [("poll:zc", "item_added")] * 2


def test_an_etag_is_kept_between_runs_and_spares_the_feed(home: Home, portal: Portal) -> None:
    home.feed(f"{portal.url}/rss.xml")
    portal.says["/rss.xml"] = Said(rss(ONE), headers={"ETag": '"1"', "Last-Modified": "Sat, 31 Jan 2026 00:00:00 GMT"})
    assert counts(home) == {"rows": 1, "added": 1}
    assert counts(home) == {"as before": 1}
    sent = portal.asked[-1][1]
    assert (sent["if-none-match"], sent["if-modified-since"]) == ('"1"', "Sat, 31 Jan 2026 00:00:00 GMT")
    portal.says["/rss.xml"].headers["ETag"] = '"2"'
    assert counts(home) == {"rows": 1, "unchanged": 1}
    home.feed(f"{portal.url}/rss.xml", 'issuer = "另一单位"')  # what was read by the old file is read again
    assert counts(home) == {"rows": 1, "changed": 1}
    assert [one.found.unchanged for one in home.poll(afresh=True)] == [1]
    assert "if-none-match" not in portal.asked[-1][1]


def test_what_is_posted_again_is_updated_and_not_doubled(home: Home, portal: Portal) -> None:
    home.feed(f"{portal.url}/rss.xml")
    for again in (
        ONE, ONE | {"pubDate": "2026-02-05"},  # a later day
        ONE | {"title": "关于公积金缴存比例的通知（更正）", "pubDate": "2026-02-05"},
        ONE | {"title": "另起的标题", "pubDate": "2026-02-05"},  # same page, same day
        ONE | {"title": "另起的标题", "pubDate": "2026-02-05", "link": f"{portal.url}/政务/1.html#top"},
    ):  # fmt: skip
        portal.says["/rss.xml"] = Said(rss(again))
        home.one()
        assert len(home.items()) == 1
    guid = {"guid": "71"}
    portal.says["/rss.xml"] = Said(rss(TWO | guid))
    home.one()
    portal.says["/rss.xml"] = Said(rss(TWO | guid | {"link": "/moved/2.html"}))
    home.one()
    assert len(home.items()) == 2
    assert home.items()[TWO["title"]].url == f"{portal.url}/moved/2.html"


def test_an_entry_twice_in_a_feed_is_one_item_and_is_told(home: Home, portal: Portal) -> None:
    home.feed(f"{portal.url}/rss.xml")
    portal.says["/rss.xml"] = Said(rss(ONE, TWO, ONE))
    outcome = home.one()
    assert (outcome.found.added, len(home.items())) == (2, 2)
    [(place, reason)] = outcome.found.bad
    assert place == "line 4"
    assert "already; keep one of the two" in reason


@pytest.mark.parametrize(
    "other",
    [
        {"title": "全市防汛工作会议召开", "link": "/政务/1.html", "pubDate": "2026-06-01"},  # its page used again
        {"title": "关于公积金缴存比例的通知", "link": "/9.html", "pubDate": "2026-06-01", "guid": "1"},
    ],
)
def test_another_document_never_takes_the_place_of_one(home: Home, portal: Portal, other: dict[str, str]) -> None:
    home.feed(f"{portal.url}/rss.xml")
    portal.says["/rss.xml"] = Said(rss(ONE | ({"guid": "1"} if "guid" in other else {})))
    home.one()
    [before] = home.by_id().values()
    portal.says["/rss.xml"] = Said(rss(other))
    assert home.one().found.added == 1
    assert len(home.by_id()) == 2
    assert home.one().found.unchanged == 1
    portal.says["/rss.xml"] = Said(rss(ONE | ({"guid": "1"} if "guid" in other else {})))
    assert home.one().found.unchanged == 1
    assert home.by_id()[before.item_id] == before


def test_a_page_that_is_given_another_type_is_another_item_and_told(home: Home, portal: Portal) -> None:
    portal.says["/rss.xml"] = Said(rss(ONE))
    home.feed(f"{portal.url}/rss.xml")
    home.one()
    home.feed(f"{portal.url}/rss.xml", 'item_type = "policy"\n')
    found = home.one().found
    assert found.added == 1
    assert sorted(item.item_type for item in home.by_id().values()) == ["news", "policy"]
    [(place, note)] = found.notes
    assert place == "line 2"
    assert all(f"{item.item_id} ({item.item_type})" in note for item in home.by_id().values())


def test_what_people_took_away_does_not_come_back(home: Home, portal: Portal) -> None:
    home.feed(f"{portal.url}/rss.xml")
    portal.says["/rss.xml"] = Said(rss(ONE, TWO))
    home.one()
    ids = {title: item.item_id for title, item in home.items().items()}
    set_status(home.registry, [ids[ONE["title"]]], "withdrawn", who="x", why="x", now=home.now)
    erase(home.registry, [ids[TWO["title"]]], who="x", why="x", now=home.now)
    portal.says["/rss.xml"] = Said(rss(ONE | {"pubDate": "2026-02-02"}, TWO | {"pubDate": "2026-02-02"}))
    outcome = home.one()
    assert [reason for _, reason in outcome.found.bad] == [
        f"item_id {ids[TWO['title']]!r} was erased for good; a new document needs a new id"
    ]
    assert home.items()[ONE["title"]].status == "withdrawn"
    assert len(home.items()) == 2


def test_what_leaves_the_feed_stays_in_the_catalogue(home: Home, portal: Portal) -> None:
    home.feed(f"{portal.url}/rss.xml")
    portal.says["/rss.xml"] = Said(rss(ONE, TWO))
    home.one()
    portal.says["/rss.xml"] = Said(rss(TWO))
    assert home.one().found.counts()["gone"] == 0
    assert {one.status for one in home.items().values()} == {"online"}


def test_every_refused_entry_is_told_with_its_line(home: Home, portal: Portal) -> None:
    home.feed(f"{portal.url}/rss.xml")
    bad = [
        {"title": "", "link": "/3.html"}, {"title": "x\ufffdy", "link": "/4.html"},
        {"title": "长" * 501, "link": "/5.html"}, {"link": "/6.html"},
    ]  # fmt: skip
    noted = [
        {"title": "日期不明", "link": "/7.html", "pubDate": "上月"},
        {"title": "地址不明", "link": "javascript:alert(1)"},
    ]
    portal.says["/rss.xml"] = Said(rss(ONE, *bad, *noted))
    outcome = home.one()
    assert (outcome.found.rows, outcome.found.added) == (7, 3)
    assert [place for place, _ in outcome.found.bad] == ["line 3", "line 4", "line 5", "line 6"]
    assert [place for place, _ in outcome.found.notes] == ["line 7", "line 8"]
    assert home.items()["地址不明"].url == ""
    assert memory_of(home.settings.home, "zc").refused[0].startswith("line 3: title is missing")


@pytest.mark.parametrize(
    ("said", "says"),
    [
        (Said(b"", 404), "answered 404, it is not there any more"),
        (Said(b"busy", 503), "answered 503"),
        (Said(b"<!DOCTYPE html><html>", 200), "a page of HTML"),
        (Said(b"<rss>" + b"x" * (3 << 20)), "more than 2097152 bytes"),
        (Said(b"", 302, {"Location": "http://169.254.169.254/"}), "expected an address of https"),
    ],
)
def test_what_fails_is_told_kept_and_asked_for_again(home: Home, portal: Portal, said: Said, says: str) -> None:
    home.limits = {"max_mb": 2}
    home.feed(f"{portal.url}/rss.xml")
    portal.says["/rss.xml"] = Said(rss(ONE), headers={"ETag": '"1"'})
    home.one()
    good = memory_of(home.settings.home, "zc").good_at
    portal.says["/rss.xml"] = said
    outcome = home.one()
    assert says in outcome.fault
    assert "\n" not in outcome.fault
    memory = memory_of(home.settings.home, "zc")
    assert (memory.fault, memory.good_at) == (outcome.fault, good)
    portal.says["/rss.xml"] = Said(rss(ONE, TWO))
    assert home.one().found.added == 1
    assert memory_of(home.settings.home, "zc").fault == ""


def test_what_the_registry_did_not_take_is_not_taken_for_known(home: Home, portal: Portal, monkeypatch: Any) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise Unavailable("the registry is away")

    home.feed(f"{portal.url}/rss.xml")
    portal.says["/rss.xml"] = Said(rss(ONE), headers={"ETag": '"1"'})
    with monkeypatch.context() as patched:
        patched.setattr(run, "import_items", away)
        assert home.one().fault == "the registry is away"
    assert home.one().found.added == 1


def test_a_poll_is_due_when_its_interval_is_over(home: Home, portal: Portal) -> None:
    portal.says["/rss.xml"] = Said(rss(ONE))
    home.feed(f"{portal.url}/rss.xml", "interval_min = 60\n")
    asked = []
    for minutes in (0, 5, 50, 4, 1, 30, 60):
        home.now += timedelta(minutes=minutes)
        asked.append(len(home.poll(only_due=True)))
    assert asked == [1, 0, 0, 1, 0, 0, 1]
    home.now -= timedelta(days=3)  # a clock set back does not stop it for three days
    assert len(home.poll(only_due=True)) == 1


def test_one_feed_that_fails_keeps_no_other_waiting(home: Home, portal: Portal) -> None:
    portal.says["/rss.xml"] = Said(rss(ONE))
    home.feed("http://127.0.0.1:9/rss.xml", name="away")
    home.feed(f"{portal.url}/rss.xml", name="there")
    away, there = home.poll()
    assert "no answer" in away.fault
    assert there.found.added == 1


def test_two_feeds_of_one_page_are_one_item(home: Home, portal: Portal) -> None:
    portal.says["/a.xml"] = Said(rss(ONE))
    portal.says["/b.xml"] = Said(rss(ONE))
    home.feed(f"{portal.url}/a.xml", name="a")
    home.feed(f"{portal.url}/b.xml", name="b")
    assert [one.found.counts()["unchanged"] for one in home.poll()] == [0, 1]


def test_what_was_kept_may_be_damaged_or_lost(home: Home, portal: Portal) -> None:
    portal.says["/rss.xml"] = Said(rss(ONE), headers={"ETag": '"1"'})
    home.feed(f"{portal.url}/rss.xml")
    home.one()
    path = home.settings.home / "polls" / "zc.json"
    for content in (b"", b"{", b'{"pages": 5}', b"\xff"):
        path.write_bytes(content)
        assert counts(home) == {"rows": 1, "unchanged": 1}
