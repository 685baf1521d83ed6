from __future__ import annotations

import time

import pytest
from selenium import webdriver

from tests.collectors.tracker.site import Site

pytestmark = [pytest.mark.stack, pytest.mark.browser]

CARD = (
    '<a id="{id}" href="#{id}" style="display: block; height: 200px" data-civicrec-item="{id}" '
    'data-civicrec-request="r1">{id}</a>'
)


def shown(browser: webdriver.Chrome, site: Site) -> list[str]:
    browser.execute_script("civicrec('flush')")
    time.sleep(0.6)
    return [event.item_id for event in site.events("impression")]


def test_an_impression_says_which_list_showed_it_and_where(browser: webdriver.Chrome, site: Site) -> None:
    marks = {
        "item": "a1", "type": "news", "scene": "home", "slot": "main", "position": "3",
        "request": "r9", "variant": "v2", "campaign": "c7",
    }  # fmt: skip
    attributes = " ".join(f'data-civicrec-{name}="{value}"' for name, value in marks.items())
    browser.get(site.add("/a", f"<p {attributes}>shown</p>"))
    time.sleep(1.3)
    (event,) = site.wait_events(1, "impression", browser=browser)
    assert (event.item_id, event.item_type, event.scene, event.slot) == ("a1", "news", "home", "main")
    assert (event.position, event.request_id, event.variant, event.campaign_id) == (3, "r9", "v2", "c7")


def test_half_in_view_for_a_second_counts_once(browser: webdriver.Chrome, site: Site) -> None:
    space = '<p style="height: 3000px"></p>'
    browser.get(site.add("/a", CARD.format(id="top") + space + CARD.format(id="low") + space))
    time.sleep(0.5)
    assert shown(browser, site) == []  # not yet a second
    time.sleep(1)
    assert shown(browser, site) == ["top"]
    browser.execute_script("scrollTo(0, low.offsetTop - innerHeight + 90)")  # 90 of 200 pixels
    time.sleep(1.5)
    assert shown(browser, site) == ["top"]
    browser.execute_script("scrollBy(0, 30)")  # 120 of 200
    time.sleep(0.5)
    browser.execute_script("scrollTo(0, 0)")  # and away within the second
    time.sleep(1)
    assert shown(browser, site) == ["top"]
    browser.execute_script("low.scrollIntoView()")
    time.sleep(1.5)
    browser.execute_script("scrollTo(0, 0)")
    time.sleep(1.3)
    assert shown(browser, site) == ["top", "low"]


def test_elements_that_come_later_and_items_that_change_are_seen(browser: webdriver.Chrome, site: Site) -> None:
    browser.get(site.add("/a", '<section id="list"></section>'))
    browser.execute_script(f"list.innerHTML = '<div>{CARD.format(id='late')}</div>'")
    time.sleep(1.4)
    assert shown(browser, site) == ["late"]
    browser.execute_script("late.dataset.civicrecItem = 'other'")  # a list that uses its elements again
    time.sleep(1.4)
    assert shown(browser, site) == ["late", "other"]
    browser.execute_script("late.dataset.civicrecItem = 'other'; late.dataset.civicrecScene = 'x'")
    browser.execute_script("late.replaceWith(late.cloneNode())")
    time.sleep(1.4)
    assert shown(browser, site) == ["late", "other", "other"]


def test_a_hidden_page_shows_nothing(browser: webdriver.Chrome, site: Site) -> None:
    browser.get(site.add("/a", '<section id="list"></section>'))
    first = browser.current_window_handle
    browser.execute_script(f"setTimeout(() => {{ list.innerHTML = '{CARD.format(id='behind')}' }}, 600)")
    browser.switch_to.new_window("tab")
    time.sleep(2.5)
    assert site.events("impression") == []
    browser.switch_to.window(first)
    time.sleep(1.5)
    assert shown(browser, site) == ["behind"]
