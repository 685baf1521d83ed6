"""Clicks, outbound links, downloads, site search and forms."""

from __future__ import annotations

import json
import time
from urllib.parse import quote_plus

import pytest
from selenium import webdriver
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By

from tests.collectors.tracker.conftest import console_lines, open_tracked
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
    open_tracked(browser, site.add("/a", body, head=head, tag=site.tag(search_param="q")))
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
    browser.get(site.add("/apply", body, head=head, tag=site.tag(endpoint=site.endpoint)))
    for name in ("unmarked", "name", "why"):
        browser.find_element(By.ID, name).send_keys("MySecret")
    browser.execute_script("apply.requestSubmit(); civicrec('flush')")
    site.wait_events(1, "service_start")  # they may travel side by side
    site.wait_events(1, "service_submit")
    told = [event for event in site.events() if event.kind.startswith("service")]
    assert [event.kind for event in told] == ["service_start", "service_submit"]
    assert {(event.item_id, event.item_type) for event in told} == {("svc", "service")}
    assert [event.props for event in told] == [{"form_step": "step-2"}] * 2
    assert "MySecret" not in json.dumps(site.sent())


def test_the_page_tells_events_of_its_own(browser: webdriver.Chrome, site: Site) -> None:
    open_tracked(browser, site.add("/a"))
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


def test_links_of_drawings_and_maps_and_scripts_that_hand_out_files(browser: webdriver.Chrome, site: Site) -> None:
    body = (
        '<svg width="90" height="30"><a href="http://svg.invalid/x"><rect id="svg" width="90" height="30" /></a></svg>'
        '<map name="m"><area id="area" href="http://area.invalid/y"><area id="ofd" href="/f/a.ofd;jsessionid=K9"></map>'
        '<a id="script" href="/downfile.jsp?id=7&filename=%E9%99%84%E4%BB%B6.PDF&k=1">x</a>'
        '<a id="long" href="/{}.pdf">x</a><a id="page" href="/list?page=2">x</a>'
    ).format("%E9%99%84" * 200)
    browser.get(site.add("/a", body, head=STAY))
    for name in ("svg", "area", "ofd", "script", "long", "page"):
        click = "new MouseEvent('click', {bubbles: true, cancelable: true})"
        browser.execute_script(f"document.getElementById('{name}').dispatchEvent({click})")
    downloads = site.wait_events(3, "download", browser=browser)
    assert [(event.props["format"], event.props["target"]) for event in downloads] == [
        ("ofd", "/f/a.ofd"),
        ("pdf", "附件.PDF"),
        ("pdf", f"/{'附' * 200}.pdf"),
    ]
    assert [click.props["target"] for click in site.events("click")] == ["svg.invalid", "area.invalid"]


def test_files_that_are_named_to_a_script_are_downloads(browser: webdriver.Chrome, site: Site) -> None:
    head = f"{STAY}; window.downFile = () => 0"
    links = {
        "href=\"javascript:downFile('/up/k.pdf?v=1')\"": ("pdf", "/up/k.pdf"),
        'href="#" onclick="downFile(\'附件.ofd\', 7)"': ("ofd", "附件.ofd"),
        'href="/export?id=1" download="名册.XLSX"': ("xlsx", "名册.XLSX"),
        'href="blob:x" download="n.zip"': ("zip", "n.zip"),
        'href="data:text/csv,1" download="list"': (None, "list"),
        'href="/d?f=/u/%8A%5B.doc"': ("doc", f"/u/{bytes([0x8A, 0x5B]).decode('gbk')}.doc"),
        'href="/f/100%25.ceb"': ("ceb", "/f/100%.ceb"),
    }
    others = ("href=\"javascript:show('x')\"", 'href="#" onclick="show(7)"', 'href="mailto:a@example.invalid"')
    body = "".join(f"<a {attributes}>x</a><br>" for attributes in (*links, *others))
    browser.get(site.add("/a", body, head=head, headers={"Content-Type": "text/html; charset=utf-8"}))
    for link in browser.find_elements(By.TAG_NAME, "a"):
        link.click()
    downloads = site.wait_events(len(links), "download", browser=browser)
    assert [(event.props.get("format"), event.props["target"]) for event in downloads] == list(links.values())
    assert site.events("click") == []


def test_a_label_and_its_field_are_one_click(browser: webdriver.Chrome, site: Site) -> None:
    body = '<p data-civicrec-item="card"><label><input type="checkbox"> <b id="text">choose</b></label></p>'
    browser.get(site.add("/a", body))
    browser.find_element(By.ID, "text").click()
    assert browser.execute_script("return document.querySelector('input').checked")
    site.wait_events(1, "click")
    time.sleep(0.4)
    assert [click.item_id for click in site.events("click")] == ["card"]


def test_a_label_is_one_click_also_of_a_slow_page_and_of_a_field_elsewhere(
    browser: webdriver.Chrome, site: Site
) -> None:
    body = (
        '<p data-civicrec-item="slow"><label id="one">choose <input type="checkbox"></label></p>'
        '<p data-civicrec-item="near"><label id="two" for="far">choose</label></p>'
        '<p data-civicrec-item="far"><input id="far" type="radio"></p>'
    )
    wait = "const until = performance.now() + 150; while (performance.now() < until);"
    head = f"document.addEventListener('click', (event) => {{ if (event.target.id) {{ {wait} }} }})"
    browser.get(site.add("/a", body, head=head))
    for name in ("one", "two"):
        label = browser.find_element(By.ID, name)
        ActionChains(browser).move_to_element_with_offset(label, 10 - label.size["width"] // 2, 0).click().perform()
        time.sleep(0.4)
    assert browser.execute_script("return document.querySelectorAll(':checked').length") == 2
    site.wait_events(2, "click")
    time.sleep(0.4)
    assert [click.item_id for click in site.events("click")] == ["slow", "near"]


def test_a_form_that_its_fields_do_not_stand_in_is_begun(browser: webdriver.Chrome, site: Site) -> None:
    body = (
        '<table><form data-civicrec-form="in-a-table"><tr><td><input id="one"></td></tr></form></table>'
        '<form id="it" data-civicrec-form="elsewhere"></form><input id="two" form="it">'
    )
    browser.get(site.add("/a", body))
    for name in ("one", "two"):
        browser.find_element(By.ID, name).send_keys("x")
    begun = site.wait_events(2, "service_start", browser=browser)
    assert [event.props["form_step"] for event in begun] == ["in-a-table", "elsewhere"]


def test_forms_sent_by_script_are_told_and_once(browser: webdriver.Chrome, site: Site) -> None:
    body = (
        '<iframe name="aside"></iframe><form id="plain" target="aside" data-civicrec-form="a"></form>'
        '<form id="checked" target="aside" data-civicrec-form="b"><input name="title"></form>'
        '<form id="words" target="aside" method="post" data-civicrec-search="w"><input name="w" value="公积金"></form>'
    )
    check = "() => { setTimeout(() => checked.submit(), 50); return false }"
    head = f"addEventListener('load', () => checked.onsubmit = {check})"
    browser.get(site.add("/a", body, head=head))
    browser.execute_script("plain.submit(); words.submit(); checked.requestSubmit()")
    time.sleep(0.4)
    browser.execute_script("civicrec('flush')")
    site.wait_events(1, "search")
    sent = [event.props for event in site.wait_events(2, "service_submit")]
    assert sent == [{"form_step": "a"}, {"form_step": "b"}]
    assert [event.query for event in site.events("search")] == ["公积金"]


@pytest.mark.parametrize("words", ["公积金提取", "联通", "a+b 100%"])
def test_words_of_a_gbk_page_are_read_as_such(browser: webdriver.Chrome, site: Site, words: str) -> None:
    charset = {"Content-Type": "text/html; charset=gbk"}
    browser.get(
        site.add("/s", tag=site.tag(search_param="q"), headers=charset) + f"?q={quote_plus(words, encoding='gbk')}"
    )
    (event,) = site.wait_events(1, "search", browser=browser)
    assert event.query == words


@pytest.mark.parametrize("charset", ["utf-8", "gbk"])
def test_words_coded_by_scripts_are_read_as_such(browser: webdriver.Chrome, site: Site, charset: str) -> None:
    site.add("/s", tag=site.tag(search_param="q"), headers={"Content-Type": f"text/html; charset={charset}"})
    coded = {
        "%u516C%u79EF%u91D1+a": "公积金 a",  # escape()
        "%25E5%2585%25AC%25E7%25A7%25AF": "公积",  # encodeURIComponent(), twice
        "%25u516C%25u79EF": "%u516C%u79EF",
        "100%25": "100%",
    }
    for n, words in enumerate(coded, 1):
        browser.get(f"{site.url}/s?page={n}&q={words}")
        site.wait_events(n, "search", browser=browser)
    assert [event.query for event in site.events("search")] == list(coded.values())


def test_words_that_nobody_can_read_are_not_told(browser: webdriver.Chrome, site: Site) -> None:
    browser.get(site.add("/s", tag=site.tag(search_param="q")) + "?q=%B9%AB%BB")
    site.wait_events(1, browser=browser)
    assert site.events("search") == []


#: What templates and scripts of a page give, and what the collector keeps of it.
GIVEN = {
    "item_id: 42": {"item_id": "42"},
    "item_id: '政策 42, b'": {"item_id": "政策_42_b"},
    "position: '3', value: '4.5'": {"position": 3, "value": 4.5},
    "active_ms: 1234.56, scroll_pct: 99.9": {"active_ms": 1235, "scroll_pct": 100},
    "active_ms: NaN, value: Infinity, position: 'third'": {"active_ms": None, "value": None, "position": None},
    "title: null, slot: undefined, scene: ''": {"title": "", "slot": "", "scene": ""},
    "slot: 's'.repeat(70)": {"slot": "s" * 64},
    "title: 't'.repeat(255) + '\\u{1f600}'": {"title": "t" * 255},
    "title: 'a\\ud83db\\ufffd'": {"title": "ab"},
    "scene: ['a'], slot: {}, variant: () => 1, campaign_id: Symbol('x')": {"scene": "", "slot": "", "variant": ""},
    "props: {tab: 'x', column: [1], city: null, size_kb: 7}": {"props": {"tab": "x", "size_kb": 7}},
    "props: 'none'": {"props": {}},
}


def test_what_pages_give_is_brought_to_the_type_of_the_contract_or_said(browser: webdriver.Chrome, site: Site) -> None:
    browser.get(site.add("/a"))
    for n, fields in enumerate(GIVEN):
        browser.execute_script(f"civicrec('event', 'share', Object.assign({{request_id: 'n{n}'}}, {{{fields}}}))")
    told = {event.request_id: event for event in site.wait_events(len(GIVEN) + 1, browser=browser)}
    for n, kept in enumerate(GIVEN.values()):
        assert {name: getattr(told[f"n{n}"], name) for name in kept} == kept
    words = " ".join(console_lines(browser))
    for name in ("item_id", "slot", "value", "active_ms", "position", "scene", "column"):
        assert f"civicrec: {name} changed" in words


def test_marks_with_slips_are_told_all_the_same(browser: webdriver.Chrome, site: Site) -> None:
    body = (
        '<a id="a" href="#x" data-civicrec-item="政策 1" data-civicrec-position="third">x</a>'
        f'<a id="b" href="#x" data-civicrec-item="ok" data-civicrec-slot="{"s" * 70}">x</a>'
    )
    browser.get(site.add("/a", body))
    for name in ("a", "b"):
        browser.find_element(By.ID, name).click()
    assert [click.item_id for click in site.wait_events(2, "click")] == ["政策_1", "ok"]
