from __future__ import annotations

import time

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.collectors.tracker.conftest import open_tracked
from tests.collectors.tracker.site import Site

pytestmark = [pytest.mark.stack, pytest.mark.browser]


def test_a_page_view_says_which_page_which_item_and_whence(browser: webdriver.Chrome, site: Site) -> None:
    body = '<main data-civicrec-page-item="policy-1" data-civicrec-page-type="policy"></main>'
    browser.get(site.add("/a", body) + "?secret=1#part")
    (view,) = site.wait_events(1, browser=browser)
    assert (view.kind, view.url_path, view.title) == ("page_view", "/a", "/a")
    assert (view.item_id, view.item_type, view.referrer_type) == ("policy-1", "policy", "direct")
    assert (view.channel, view.consent, view.event_id.version) == ("web", "personalise", 7)
    assert view.anonymous_id
    assert view.session_id
    browser.execute_script("location.assign('/a?again')")
    assert site.wait_events(2, "page_view", browser=browser)[1].referrer_type == "internal"
    assert browser.get_cookies() == []


def test_every_page_of_an_application_in_one_document_is_a_view(browser: webdriver.Chrome, site: Site) -> None:
    browser.get(site.add("/app", '<a id="part" href="#part">part</a>'))
    site.wait_events(1, browser=browser)
    for step in (
        "history.pushState(null, '', '/app/list'); document.title = 'list'",
        "history.replaceState({}, '', location.href)",  # frameworks note the scroll position so
        "history.replaceState({}, '', '/app/list?filter=x')",
        "history.pushState({}, '', '/app/list?page=2')",
        "location.hash = '#part'",  # an anchor of the same page
        "history.pushState({}, '', '/app/item/1'); document.title = 'item'",
        "history.back()",
        "history.replaceState({}, '', '/app/moved')",
        "location.hash = '#/routed/by/hash?x=1'",
        "location.hash = '#/routed/next'",
    ):
        browser.execute_script(step)
        time.sleep(0.25)
    browser.execute_script("civicrec('flush')")
    views = site.wait_events(8, "page_view")
    assert [view.url_path for view in views] == [
        "/app", "/app/list", "/app/list", "/app/item/1", "/app/list", "/app/moved",
        "/app/moved/routed/by/hash", "/app/moved/routed/next",
    ]  # fmt: skip
    assert [view.title for view in views][1::2] == ["list", "item", "item", "item"]
    assert {view.referrer_type for view in views[1:]} == {"internal"}


def test_two_steps_at_once_are_two_views(browser: webdriver.Chrome, site: Site) -> None:
    open_tracked(browser, site.add("/app"))
    browser.execute_script("history.pushState(0, '', '/one'); history.pushState(0, '', '/two'); civicrec('flush')")
    assert [view.url_path for view in site.wait_events(3, "page_view")] == ["/app", "/one", "/two"]


def test_a_page_from_the_back_forward_cache_is_viewed_again(browser: webdriver.Chrome, site: Site) -> None:
    head = "addEventListener('pageshow', (event) => { window.wasKept = event.persisted; })"
    browser.get(site.add("/kept", head=head))
    browser.get(site.add("/next"))
    browser.back()
    time.sleep(0.3)
    assert browser.execute_script("return window.wasKept"), "the browser did not keep the page"
    browser.execute_script("civicrec('flush')")
    views = site.wait_events(3, "page_view")
    assert [view.url_path for view in views] == ["/kept", "/next", "/kept"]
    assert len({view.session_id for view in views}) == 1


def test_a_prerendered_page_is_viewed_when_it_is_shown(browser: webdriver.Chrome, site: Site) -> None:
    site.add("/soon", head="window.wasAhead = document.prerendering")
    rules = '{"prerender": [{"source": "list", "urls": ["/soon"], "eagerness": "immediate"}]}'
    browser.get(site.add("/a", f'<script type="speculationrules">{rules}</script><a id="it" href="/soon">x</a>'))
    time.sleep(2)
    site.wait_events(1, browser=browser)
    assert [view.url_path for view in site.events("page_view")] == ["/a"]
    browser.find_element(By.ID, "it").click()
    time.sleep(1)
    if not browser.execute_script("return window.wasAhead"):
        pytest.skip("this browser did not prerender")
    assert [view.url_path for view in site.wait_events(2, "page_view", browser=browser)] == ["/a", "/soon"]


def test_commands_given_before_the_tracker_runs_are_done(browser: webdriver.Chrome, site: Site) -> None:
    head = (
        "window.civicrec = function () { (civicrec.q = civicrec.q || []).push(arguments); };"
        "civicrec('event', 'favourite', {item_id: 'early'})"
    )
    browser.get(site.add("/early", head=head))
    assert site.wait_events(1, "favourite", browser=browser)[0].item_id == "early"


def test_a_tag_that_stands_twice_tracks_once(browser: webdriver.Chrome, site: Site) -> None:
    browser.get(site.add("/twice", tag=site.tag() * 2))
    time.sleep(0.3)
    site.wait_events(1, browser=browser)
    time.sleep(0.3)
    assert len(site.events("page_view")) == 1


@pytest.mark.parametrize("route", ["history.pushState(0, '', '/b')", "navigation.navigate('/b')"])
def test_the_view_of_a_page_that_comes_late_has_its_own_title_and_item(
    browser: webdriver.Chrome, site: Site, route: str
) -> None:
    body = '<main id="it" data-civicrec-page-item="a1"></main>'
    head = "if (window.navigation) navigation.addEventListener('navigate', (event) => event.intercept())"
    browser.get(site.add("/a", body, head=head))
    browser.execute_script(
        f"{route}; it.removeAttribute('data-civicrec-page-item');"
        "setTimeout(() => { document.title = 'b' }, 300); setTimeout(() => { it.dataset.civicrecPageItem = 'b1' }, 900)"
    )
    time.sleep(1.6)
    views = site.wait_events(2, "page_view", browser=browser)
    assert [(view.url_path, view.title, view.item_id) for view in views] == [("/a", "/a", "a1"), ("/b", "b", "b1")]


def test_the_title_may_come_well_after_the_item(browser: webdriver.Chrome, site: Site) -> None:
    browser.get(site.add("/a", '<main id="it" data-civicrec-page-item="a1"></main>'))
    site.wait_events(1, browser=browser)
    browser.execute_script(
        "history.pushState(0, '', '/b'); it.dataset.civicrecPageItem = 'b1';"
        "setTimeout(() => { document.title = 'b' }, 700)"
    )
    time.sleep(1.2)
    view = site.wait_events(2, "page_view", browser=browser)[1]
    assert (view.title, view.item_id) == ("b", "b1")


def test_a_first_page_that_begins_empty_is_viewed_with_its_content(browser: webdriver.Chrome, site: Site) -> None:
    site.add("/a", '<script>setTimeout(() => { document.title = "late" }, 700)</script>')
    site.pages["/a"] = (site.pages["/a"][0].replace("<title>/a</title>", ""), {})
    browser.get(site.url + "/a")
    time.sleep(1.3)
    assert [view.title for view in site.wait_events(1, "page_view", browser=browser)] == ["late"]


def test_a_tab_that_was_never_shown_is_no_view(browser: webdriver.Chrome, site: Site) -> None:
    first = browser.current_window_handle
    target = {"url": site.add("/behind"), "background": True}
    behind = browser.execute_cdp_cmd("Target.createTarget", target)["targetId"]
    never = browser.execute_cdp_cmd("Target.createTarget", {**target, "url": site.add("/never")})["targetId"]
    time.sleep(1.5)
    assert site.events("page_view") == []
    browser.switch_to.window(behind)
    if browser.execute_script("return document.visibilityState") == "hidden":
        browser.execute_cdp_cmd("Target.activateTarget", {"targetId": behind})
    (view,) = site.wait_events(1, "page_view", browser=browser)
    assert view.url_path == "/behind"
    browser.execute_cdp_cmd("Target.closeTarget", {"targetId": never})
    browser.switch_to.window(first)
    time.sleep(0.5)
    assert len(site.events("page_view")) == 1


def test_paths_are_readable_and_hold_no_key_of_the_server(browser: webdriver.Chrome, site: Site) -> None:
    site.made = lambda path: f"<!doctype html><title>x</title>{site.tag()}"
    for path in ("/%E6%94%BF%E7%AD%96/100%25.jsp;jsessionid=6F1C", f"/{'%E6%94%BF' * 300}"):
        browser.get(site.url + path)
        site.wait_events(1, browser=browser)
    paths = [view.url_path for view in site.wait_events(2, "page_view", browser=browser)]
    assert paths[0].startswith("/政策/100%")
    assert "6F1C" not in paths[0]
    assert paths[1] == "/" + "政" * 300
