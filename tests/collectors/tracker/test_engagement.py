from __future__ import annotations

import time

import pytest
from selenium import webdriver
from selenium.webdriver import ActionChains

from civicrec.events import Event
from tests.collectors.tracker.site import Site
from tests.running import wait_for

pytestmark = [pytest.mark.stack, pytest.mark.browser]

#: A clock that the test can put forward: nobody waits half a minute for an idle visitor.
CLOCK = (
    "window.ahead = 0; const real = performance.now.bind(performance); performance.now = () => real() + window.ahead"
)
LONG = '<main data-civicrec-page-item="p1" style="height: 8000px">long</main>'


def read_ms(site: Site) -> int:
    return sum(event.active_ms or 0 for event in site.events("read"))


def flush(browser: webdriver.Chrome, site: Site) -> None:
    browser.execute_script("civicrec('flush')")
    time.sleep(0.5)


def reads_told(browser: webdriver.Chrome, site: Site, n: int) -> list[Event]:
    """Flush until `n` are told: a page that gets the focus late has read too little the first time."""
    wait_for(lambda: flush(browser, site) or len(site.events("read")) >= n, 20, lambda: f"{n} reads, {site.facts()}")
    return site.events("read")


def test_engaged_time_comes_in_pieces_that_add_up(browser: webdriver.Chrome, site: Site) -> None:
    began = time.monotonic()
    browser.get(site.add("/a", LONG))
    for _ in range(3):
        time.sleep(0.8)
        flush(browser, site)
    took_ms = (time.monotonic() - began) * 1000
    reads = site.wait_events(3, "read")
    assert {read.item_id for read in reads} == {"p1"}
    assert 2_000 <= read_ms(site) <= took_ms


def test_a_visitor_who_does_nothing_for_half_a_minute_is_not_reading(browser: webdriver.Chrome, site: Site) -> None:
    browser.get(site.add("/a", head=CLOCK))
    browser.execute_script("window.ahead = 600000")
    flush(browser, site)
    assert 29_000 <= read_ms(site) <= 30_000  # the half minute after the page came
    browser.execute_script("window.ahead += 600000")
    flush(browser, site)
    assert read_ms(site) <= 30_000
    ActionChains(browser).move_by_offset(5, 5).perform()
    browser.execute_script("window.ahead += 20000")
    flush(browser, site)
    assert 49_000 <= read_ms(site) <= 55_000


def test_a_long_stay_is_told_without_leaving(browser: webdriver.Chrome, site: Site) -> None:
    head = (
        CLOCK + "; const every = setInterval; window.setInterval = (work, ms) => every(work, ms === 15000 ? 1500 : ms)"
    )
    browser.get(site.add("/a", head=head))
    first, second = site.wait_events(2, "read")[:2]  # without being asked
    assert 0 < (first.active_ms or 0) <= 2_000  # from when the page had the focus, which may come late
    assert 1_000 <= (second.active_ms or 0) <= 2_000


def test_time_in_another_tab_is_not_reading(browser: webdriver.Chrome, site: Site) -> None:
    browser.get(site.add("/a"))
    first = browser.current_window_handle
    time.sleep(0.8)
    browser.switch_to.new_window("tab")
    before = site.wait_events(1, "read")[0].active_ms
    time.sleep(2)
    browser.switch_to.window(first)
    flush(browser, site)
    time.sleep(0.6)
    flush(browser, site)
    assert before is not None
    assert before <= read_ms(site) <= before + 1_900


def test_scroll_depth_is_the_deepest_point_seen(browser: webdriver.Chrome, site: Site) -> None:
    browser.get(site.add("/a", LONG))
    browser.execute_script("scrollTo(0, 4000)")
    time.sleep(0.7)
    browser.execute_script("scrollTo(0, 0)")
    time.sleep(0.7)
    told = reads_told(browser, site, 1)
    height, inner = browser.execute_script("return [document.documentElement.scrollHeight, innerHeight]")
    assert told[0].scroll_pct == round((4000 + inner) / height * 100)


def test_scroll_depth_is_that_of_the_box_that_scrolls_in_place_of_the_page(
    browser: webdriver.Chrome, site: Site
) -> None:
    style = "<style>html, body, main { height: 100%; margin: 0; overflow: hidden } main { overflow: auto }</style>"
    glass = '<i style="position: fixed; top: 0; left: 0; width: 100%; height: 100%"></i>'
    body = f'{style}<main><div id="it" style="height: 4000px">x</div></main>{glass}'
    browser.get(site.add("/a", body))
    time.sleep(0.8)
    told = reads_told(browser, site, 1)
    inner = browser.execute_script("return innerHeight")
    assert told[0].scroll_pct == round(inner / 40)
    browser.execute_script("document.querySelector('main').scrollTop = 2000")
    time.sleep(0.9)
    assert reads_told(browser, site, 2)[1].scroll_pct == round((2000 + inner) / 40)


def test_each_page_of_one_document_has_its_own_time_and_depth(browser: webdriver.Chrome, site: Site) -> None:
    browser.get(site.add("/one", LONG))
    browser.execute_script("scrollTo(0, 9000)")
    time.sleep(0.8)
    browser.execute_script(
        "history.pushState(0, '', '/two'); scrollTo(0, 0);"
        "document.querySelector('main').dataset.civicrecPageItem = 'p2'"
    )
    time.sleep(0.8)
    flush(browser, site)
    one, two = site.wait_events(2, "read")
    assert (one.url_path, one.item_id, one.scroll_pct) == ("/one", "p1", 100)
    assert (two.url_path, two.item_id) == ("/two", "p2")
    assert two.scroll_pct is not None
    assert two.scroll_pct < 50
