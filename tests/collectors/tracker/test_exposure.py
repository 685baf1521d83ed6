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


def test_what_is_there_but_cannot_be_seen_is_no_impression(browser: webdriver.Chrome, site: Site) -> None:
    place = "position: absolute; left: 0; right: 0; height: 150px; top: "
    slides = "".join(
        f'<a data-civicrec-item="{name}" style="{place}{top}px; {style}">{name}</a>'
        for name, top, style in (
            ("faded", 0, "opacity: 0"), ("shown", 0, ""), ("hidden", 0, "visibility: hidden"),
            ("under", 160, ""), ("over", 160, "background: white"), ("under-glass", 320, ""),
        )
    )  # fmt: skip
    body = (
        f'{slides}<p style="{place}320px; background: rgba(0, 0, 0, .4)"></p>'
        f'<p style="opacity: 0"><a data-civicrec-item="in-faded" style="{place}480px">x</a></p>'
    )
    browser.get(site.add("/a", body))
    time.sleep(1.6)
    assert sorted(shown(browser, site)) == ["over", "shown", "under-glass"]
    browser.execute_script("document.querySelector('[data-civicrec-item=faded]').style.opacity = 1")  # its turn
    time.sleep(1.6)
    assert sorted(shown(browser, site)) == ["faded", "over", "shown", "under-glass"]


def test_a_slide_of_colours_covers_and_a_shade_does_not(browser: webdriver.Chrome, site: Site) -> None:
    place = "position: absolute; left: 0; width: 400px; height: 150px; top: "
    grounds = {"colours": "to left, red, blue", "shade": "rgba(0, 0, 0, 0), rgba(0, 0, 0, .6)"}
    body = "".join(
        f'<a data-civicrec-item="{name}" style="{place}{160 * n}px">x</a>'
        f'<p style="{place}{160 * n}px; margin: 0; background: linear-gradient({ground})"></p>'
        for n, (name, ground) in enumerate(grounds.items())
    )
    browser.get(site.add("/a", body))
    time.sleep(1.6)
    assert shown(browser, site) == ["shade"]


def test_an_element_taller_than_the_screen_is_seen_when_it_fills_half_of_it(
    browser: webdriver.Chrome, site: Site
) -> None:
    tall = '<section style="height: {height}px" data-civicrec-item="{height}">x</section>'
    space = '<p style="height: 2000px"></p>'
    browser.get(site.add("/a", space + tall.format(height=2500) + space + tall.format(height=30_000)))
    time.sleep(1.4)
    assert shown(browser, site) == []
    for height in (2500, 30_000):
        browser.execute_script(f"document.querySelector('[data-civicrec-item=\"{height}\"]').scrollIntoView()")
        time.sleep(1.5)
    assert shown(browser, site) == ["2500", "30000"]


def test_marks_in_a_drawing_are_seen_also_if_they_come_later(browser: webdriver.Chrome, site: Site) -> None:
    browser.get(site.add("/a", '<svg id="map" width="200" height="200"></svg>'))
    browser.execute_script(
        'map.innerHTML = \'<a data-civicrec-item="district"><rect id="it" width="90" height="90" /></a>\''
    )
    time.sleep(1.5)
    assert shown(browser, site) == ["district"]
    browser.execute_script("it.dispatchEvent(new MouseEvent('click', {bubbles: true}))")
    assert [click.item_id for click in site.wait_events(1, "click")] == ["district"]
