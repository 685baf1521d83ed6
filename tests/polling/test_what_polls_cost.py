"""What polls cost, printed; a poll of a usual feed is over long before the next is due."""

from __future__ import annotations

import pytest

from civicrec.clock import monotonic_s
from tests.polling.conftest import Home
from tests.polling.servers import Portal, Said
from tests.polling.test_polling_a_feed import rss
from tests.polling.test_polling_a_sitemap import page, sitemap


def timed(home: Home) -> tuple[float, dict[str, int]]:
    began_s = monotonic_s()
    outcome = home.one()
    assert outcome.fault == ""
    return monotonic_s() - began_s, outcome.found.counts()


def test_a_thousand_entries_and_pages(home: Home, portal: Portal, capsys: pytest.CaptureFixture[str]) -> None:
    text = "为贯彻落实有关要求，现就申报条件、办理材料和时限作如下说明。" * 20
    entries = [
        {"title": f"关于第{n}号事项的通知", "link": f"/a/{n}.html", "pubDate": "2026-01-31", "description": text}
        for n in range(1_000)
    ]
    portal.says["/rss.xml"] = Said(rss(*entries))
    home.feed(f"{portal.url}/rss.xml")
    first_s, first = timed(home)
    again_s, again = timed(home)
    assert (first["added"], again["unchanged"]) == (1_000, 1_000)
    portal.says |= {
        f"/p/{n}.html": Said(page(f"关于第{n}项工作的意见"), headers={"ETag": f'"{n}"'}) for n in range(1_000)
    }
    portal.says["/map.xml"] = Said(sitemap(*(f"{portal.url}/p/{n}.html" for n in range(1_000))))
    home.feed(f"{portal.url}/map.xml")
    pages_s, pages = timed(home)
    assert (pages["added"], pages["waiting"]) == (200, 800)
    with capsys.disabled():
        print(f"1 000 entries {first_s:.1f} s, again {again_s:.1f} s; 200 pages {pages_s:.1f} s")  # noqa: T201
    assert first_s < 30
    assert pages_s < 60
