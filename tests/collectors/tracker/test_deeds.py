"""Clicks, outbound links, downloads, site search and forms."""

from __future__ import annotations

import json
import time

import pytest
from selenium import webdriver
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By

from tests.collectors.tracker.site import Site

pytestmark = [pytest.mark.stack, pytest.mark.browser]

STAY = "addEventListener('click', (event) => event.preventDefault())"


def test_a_click_on_a_marked_element_is_told_even_if_the_page_stops_it(browser: webdriver.Chrome, site: Site) -> None:
    body = '<p data-civicrec-item="a1" data-civicrec-scene="home" data-civicrec-position="0"><b id="inner">x</b></p>'
    head = "addEventListener('click', (event) => event.stopImmediatePropagation(), true)"
    browser.get(site.add("/a", body + '<i id="none">y</i>', head=head.replace("addEvent", "document.addEvent")))
    for name in ("none", "inner"):
        browser.find_element(By.ID, name).click()
    clicks = site.wait_events(1, "click")
    assert [(click.item_id, click.scene, click.position) for click in clicks] == [("a1", "home", 0)]


def test_a_link_opened_in_a_new_tab_is_a_click(browser: webdriver.Chrome, site: Site) -> None:
    browser.get(site.add("/a", f'<a id="it" data-civicrec-item="a1" href="{site.add("/b")}">x</a>'))
    ActionChains(browser).key_down(Keys.CONTROL).click(browser.find_element(By.ID, "it")).key_up(Keys.CONTROL).perform()
    assert [click.item_id for click in site.wait_events(1, "click")] == ["a1"]


def test_links_that_lead_away_and_files_are_told_by_host_and_name(browser: webdriver.Chrome, site: Site) -> None:
    body = (
        '<main data-civicrec-page-item="p1"><a id="away" href="http://other.invalid/x?id=5">x</a><br>'
        '<a id="inside" href="/elsewhere">x</a><br><a id="file" href="/files/form.PDF?v=2">x</a><br>'
        '<a id="ofd" data-civicrec-item="i1" href="http://files.invalid/notice.ofd">x</a><br>'
        '<a id="named" download href="/blank">x</a><br><a id="mail" href="mailto:a@example.invalid">x</a></main>'
    )
    browser.get(site.add("/a", body, head=STAY))
    for name in ("away", "inside", "file", "ofd", "named", "mail"):
        browser.find_element(By.ID, name).click()
    browser.execute_script("civicrec('flush')")
    downloads = site.wait_events(3, "download")
    assert [(event.item_id, event.props) for event in downloads] == [
        ("p1", {"format": "pdf", "target": "/files/form.PDF"}),
        ("i1", {"format": "ofd", "target": "/notice.ofd"}),
        ("p1", {"target": "/blank"}),
    ]
    assert [(event.item_id, event.props) for event in site.events("click")] == [
        ("", {"link_type": "outbound", "target": "other.invalid"}),
        ("i1", {"link_type": "outbound", "target": "files.invalid"}),
    ]


def test_a_page_of_results_tells_what_was_searched(browser: webdriver.Chrome, site: Site) -> None:
    browser.get(
        site.add("/s", '<p data-civicrec-results="0">nothing</p>', tag=site.tag(search_param="q,wd"))
        + "?q=%20公积金%20提取&page=1"
    )
    (event,) = site.wait_events(1, "search", browser=browser)
    assert (event.query, event.props) == ("公积金 提取", {"result_count": 0})
    browser.execute_script("history.pushState(0, '', '?wd=二')")
    time.sleep(0.2)
    assert site.wait_events(2, "search", browser=browser)[1].query == "二"
    assert {event.query for event in site.events() if event.kind != "search"} == {""}


def test_a_search_form_tells_its_words_unless_the_address_will(browser: webdriver.Chrome, site: Site) -> None:
    body = (
        '<form id="one" data-civicrec-search="words"><input name="words" value="居住证">'
        '<input name="who" value="me"></form>'
        '<form id="two" data-civicrec-search="q"><input name="q" value="会在地址里"></form>'
    )
    head = "addEventListener('submit', (event) => event.preventDefault())"
    browser.get(site.add("/a", body, head=head, tag=site.tag(search_param="q")))
    browser.execute_script("two.requestSubmit(); one.requestSubmit(); civicrec('flush')")
    assert [event.query for event in site.wait_events(1, "search")] == ["居住证"]


def test_a_form_is_begun_once_and_sent_and_its_fields_stay_on_the_page(browser: webdriver.Chrome, site: Site) -> None:
    body = (
        '<main data-civicrec-page-item="svc" data-civicrec-page-type="service">'
        '<form data-civicrec-form="step-2" id="apply"><input id="name" name="name">'
        '<textarea id="why"></textarea></form>'
        '<form><input id="unmarked"></form></main>'
    )
    head = "addEventListener('submit', (event) => event.preventDefault())"
    browser.get(site.add("/apply", body, head=head, tag=site.tag(endpoint=site.door)))
    for name in ("unmarked", "name", "why"):
        browser.find_element(By.ID, name).send_keys("MySecret")
    browser.execute_script("apply.requestSubmit(); civicrec('flush')")
    site.wait_events(1, "service_submit")
    told = [event for event in site.events() if event.kind.startswith("service")]
    assert [event.kind for event in told] == ["service_start", "service_submit"]
    assert {(event.item_id, event.item_type) for event in told} == {("svc", "service")}
    assert [event.props for event in told] == [{"form_step": "step-2"}] * 2
    assert "MySecret" not in json.dumps(site.sent())


def test_the_page_tells_events_of_its_own(browser: webdriver.Chrome, site: Site) -> None:
    browser.get(site.add("/a"))
    made = browser.execute_script(
        "return civicrec('event', 'rate', {item_id: 'x', value: 4, props: {rating_scale: 5}, event_id: 'mine', "
        "consent: 'none', anonymous_id: 'not me'})"
    )
    browser.execute_script("civicrec('flush'); civicrec('no such command'); civicrec()")
    (event,) = site.wait_events(1, "rate")
    assert (event.item_id, event.value, event.props) == ("x", 4, {"rating_scale": 5})
    assert (str(event.event_id), event.consent) == (made, "personalise")
    assert event.anonymous_id == browser.execute_script("return civicrec('id')")
    time.sleep(0.2)
    assert [
        entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE" and "favicon" not in str(entry)
    ] == []
