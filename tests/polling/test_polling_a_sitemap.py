"""A portal's sitemap and its pages: which are asked for, what their heads say, what is gone."""

from __future__ import annotations

import gzip
from datetime import timedelta

import pytest

from civicrec.clock import monotonic_s
from civicrec.polling import run
from civicrec.polling.fetch import Known
from civicrec.polling.memory import Page, memory_of
from civicrec.polling.pages_of_sitemap import due_pages
from civicrec.registry.catalogue import set_status
from tests.polling.conftest import Home
from tests.polling.servers import Portal, Said


def page(title: str, column: str = "要闻", day: str = "2026-01-31") -> bytes:
    head = (
        f'<title>{title}_门户</title><meta name="ArticleTitle" content="{title}"><meta name="PubDate" content="{day}">'
        f'<meta name="ColumnName" content="{column}"><meta name="ContentSource" content="市政府办">'
    )
    return f"<html><head><meta charset='gb2312'>{head}</head><body>正文</body></html>".encode("gbk")


def sitemap(*addresses: str | tuple[str, str]) -> bytes:
    urls = [
        f"<url><loc>{one}</loc></url>"
        if isinstance(one, str)
        else f"<url><loc>{one[0]}</loc><lastmod>{one[1]}</lastmod></url>"
        for one in addresses
    ]
    return ('<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n' + "\n".join(urls) + "</urlset>").encode()


@pytest.fixture
def city(home: Home, portal: Portal) -> Portal:
    for n in range(4):
        portal.says[f"/zw/{n}.html"] = Said(page(f"第{n}篇文章的标题"), headers={"ETag": f'"{n}"'})
    portal.says["/map.xml"] = Said(sitemap(*(f"{portal.url}/zw/{n}.html" for n in range(4))))
    home.feed(f"{portal.url}/map.xml", '[types]\n"政策文件" = "policy"\n')
    return portal


def test_pages_are_read_once_and_then_only_when_they_changed(home: Home, city: Portal) -> None:
    assert home.one().found.counts()["added"] == 4
    one = home.items()["第1篇文章的标题"]
    assert (one.source, one.tags, one.url) == ("市政府办", ("要闻",), f"{city.url}/zw/1.html")
    assert str(one.published_at) == "2026-01-30 16:00:00+00:00"
    city.paths()
    home.one()
    assert city.paths() == ["/map.xml"]
    city.says["/map.xml"] = Said(
        sitemap((f"{city.url}/zw/1.html", "2026-02-01"), *(f"{city.url}/zw/{n}.html" for n in (0, 2, 3)))
    )
    city.says["/zw/1.html"] = Said(page("第1篇文章的标题（更正）"), headers={"ETag": '"1b"'})
    assert home.one().found.counts()["changed"] == 1
    assert city.paths() == ["/map.xml", "/zw/1.html"]


def test_pages_without_a_date_are_asked_for_again_after_days_by_their_etag(home: Home, city: Portal) -> None:
    home.one()
    city.paths()
    home.now += timedelta(days=8)
    found = home.one().found
    assert (found.rows, found.unchanged, found.changed) == (4, 4, 0)
    assert [sent.get("if-none-match") for _, sent in city.asked[1:]] == ['"0"', '"1"', '"2"', '"3"']


def test_a_poll_asks_for_so_many_pages_and_says_how_many_wait(home: Home, city: Portal) -> None:
    home.feed(f"{city.url}/map.xml", "pages_a_run = 3\n")
    first, second = home.one().found, home.one().found
    assert (first.added, first.waiting, second.added, second.waiting) == (3, 1, 1, 0)


def test_a_page_that_is_gone_is_told_until_its_item_is_withdrawn(home: Home, city: Portal) -> None:
    home.one()
    lost = home.items()["第2篇文章的标题"]
    city.says["/zw/2.html"] = Said(b"", 410)
    city.says["/map.xml"] = Said(sitemap(*(f"{city.url}/zw/{n}.html" for n in (0, 1, 3))))
    home.now += timedelta(days=8)
    for _ in range(2):
        assert home.one().found.gone == [(lost.item_id, f"{city.url}/zw/2.html")]
    assert memory_of(home.settings.home, "zc").gone == [f"{lost.item_id} {city.url}/zw/2.html"]
    assert home.items()["第2篇文章的标题"].status == "online"
    set_status(home.registry, [lost.item_id], "withdrawn", who="x", why="x", now=home.now)
    assert home.one().found.gone == []
    assert memory_of(home.settings.home, "zc").gone == []
    assert f"{city.url}/zw/2.html" not in memory_of(home.settings.home, "zc").pages


def test_a_page_that_came_back_is_gone_no_more(home: Home, city: Portal) -> None:
    home.one()
    kept = city.says.pop("/zw/2.html")
    home.now += timedelta(days=8)
    assert len(home.one().found.gone) == 1
    city.says["/zw/2.html"] = kept
    home.now += timedelta(days=8)
    found = home.one().found
    assert (found.gone, found.unchanged) == ([], 4)


def test_an_index_leads_to_its_sitemaps_also_packed_ones(home: Home, city: Portal) -> None:
    index = "".join(f"<sitemap><loc>{city.url}/{name}</loc></sitemap>" for name in ("a.xml", "b.xml.gz"))
    city.says["/map.xml"] = Said(f"<sitemapindex>{index}</sitemapindex>".encode(), headers={"ETag": '"i"'})
    city.says["/a.xml"] = Said(sitemap(f"{city.url}/zw/0.html"), headers={"ETag": '"a"'})
    city.says["/b.xml.gz"] = Said(gzip.compress(sitemap(f"{city.url}/zw/1.html", f"{city.url}/zw/0.html")))
    assert home.one().found.counts()["added"] == 2
    city.says["/a.xml"] = Said(sitemap(f"{city.url}/zw/0.html", f"{city.url}/zw/3.html"), headers={"ETag": '"a2"'})
    assert home.one().found.counts()["added"] == 1  # though the index itself is as before
    city.says["/a.xml"] = Said(b"<rss/>")
    assert "is no sitemap" in home.one().fault


def test_pages_elsewhere_and_of_other_paths_are_counted_and_not_asked_for(home: Home, city: Portal) -> None:
    city.says["/map.xml"] = Said(
        sitemap(
            f"{city.url}/zw/0.html", f"{city.url}/en/1.html", "https://169.254.169.254/a", "https://www.example.com/"
        )
    )
    home.feed(f"{city.url}/map.xml", 'under = ["/zw/", "/zc/"]\n')
    found = home.one().found
    assert (found.added, found.elsewhere) == (1, 3)
    assert city.paths() == ["/map.xml", "/zw/0.html"]


def test_what_is_no_article_or_does_not_answer_is_told_by_its_address(home: Home, city: Portal) -> None:
    city.says["/zw/1.html"] = Said(b"<html><head><title>column</title></head></html>")
    city.says["/zw/2.html"] = Said(b"", 500)
    city.says["/zw/3.html"] = Said(b"x" * (3 << 20))
    found = home.one().found
    assert found.added == 1
    told = dict(found.bad)
    assert "no article" in told[f"{city.url}/zw/1.html"]
    assert told[f"{city.url}/zw/2.html"] == "answered 500"
    assert "more than 2097152 bytes" in told[f"{city.url}/zw/3.html"]
    city.says["/zw/2.html"] = Said(page("又能读到的文章"))
    city.paths()
    assert home.one().found.added == 1
    assert city.paths() == ["/map.xml", "/zw/2.html"]  # what failed is asked for again, and nothing else


def test_a_server_that_does_not_answer_any_more_ends_the_poll(home: Home, city: Portal) -> None:
    def shut(handler: object) -> None:
        """Close without a word."""

    many = [f"{city.url}/q/{n}.html" for n in range(30)]
    city.says |= {f"/q/{n}.html": Said(shut) for n in range(30)}
    city.says["/map.xml"] = Said(sitemap(*many))
    outcome = home.one()
    assert "5 pages in a row did not answer" in outcome.fault
    assert len(city.paths()) == 6


def test_an_index_of_too_many_pages_is_refused(home: Home, city: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "MAX_PAGES", 3)
    index = "".join(f"<sitemap><loc>{city.url}/{name}.xml</loc></sitemap>" for name in "ab")
    city.says["/map.xml"] = Said(f"<sitemapindex>{index}</sitemapindex>".encode())
    city.says |= {f"/{name}.xml": Said(sitemap(f"/zw/{name}1.html", f"/zw/{name}2.html")) for name in "ab"}
    assert "leads to more than 3 pages" in home.one().fault


def test_a_hundred_thousand_pages_are_ordered_in_a_moment(home: Home) -> None:
    pages = {f"/{n}": Page(Known(), "", f"2026-01-{n % 28 + 1:02}T00:00:00Z") for n in range(50_000)}
    wanted = {f"/{n}": "" for n in range(100_000)}
    began_s = monotonic_s()
    due = due_pages(wanted, pages, home.now, timedelta(days=7))
    assert monotonic_s() - began_s < 10
    assert len(due) == len(set(due)) == 100_000
    assert pages.keys().isdisjoint(due[:50_000])


def test_the_next_pages_are_those_never_seen_then_changed_then_the_oldest(home: Home) -> None:
    def seen(days: int, changed: str = "1") -> Page:
        return Page(Known(), changed, (home.now - timedelta(days=days)).isoformat().replace("+00:00", "Z"))

    wanted = {"new": "1", "changed": "2", "old": "1", "older": "1", "fresh": "1"}
    pages = {"changed": seen(1), "old": seen(8), "older": seen(9), "fresh": seen(1), "unlisted": seen(10)}
    assert due_pages(wanted, pages, home.now, timedelta(days=7)) == ["new", "changed", "unlisted", "older", "old"]
