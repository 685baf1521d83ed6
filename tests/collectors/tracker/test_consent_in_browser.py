from __future__ import annotations

import json
import time
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.collectors.tracker.conftest import open_tracked
from tests.collectors.tracker.site import Site
from tests.running import wait_for

pytestmark = [pytest.mark.stack, pytest.mark.browser]

KEPT = "return [Object.keys(localStorage), Object.keys(sessionStorage), document.cookie]"
BODY = '<a id="it" href="#x" data-civicrec-item="a1">x</a>'
NOTHING = [[], [], ""]


def kept(browser: webdriver.Chrome) -> list[Any]:
    found: list[Any] = browser.execute_script(KEPT)
    return found


def use(browser: webdriver.Chrome) -> None:
    """Do what would be told: stay, click, leave."""
    time.sleep(1.1)
    browser.find_element(By.ID, "it").click()
    browser.execute_script("civicrec('event', 'share', {item_id: 'a1'}); civicrec('flush')")
    time.sleep(0.3)


SIGNALS = {
    "consent none": ("", {"consent": "none"}),
    "an unknown word": ("", {"consent": "yes please"}),
    "GPC": ("Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})", {}),
    "DNT": ("Object.defineProperty(navigator, 'doNotTrack', {value: '1'})", {}),
}


@pytest.mark.parametrize("signal", SIGNALS)
def test_a_no_keeps_nothing_and_sends_nothing(browser: webdriver.Chrome, site: Site, signal: str) -> None:
    head, data = SIGNALS[signal]
    tag = site.tag(**{"endpoint": site.endpoint, **data})
    browser.get(site.add("/a", BODY, head=head, tag=tag))
    use(browser)
    open_tracked(browser, site.add("/b", BODY, head=head, tag=tag))
    assert browser.execute_script("return civicrec('id')") == ""
    assert kept(browser) == NOTHING
    assert site.batches == []


def test_a_signal_that_comes_later_clears_what_was_kept(browser: webdriver.Chrome, site: Site) -> None:
    browser.get(site.add("/a", BODY))
    use(browser)
    assert kept(browser)[0]
    browser.get(site.add("/b", BODY, head=SIGNALS["GPC"][0]))
    assert kept(browser) == NOTHING


def test_measure_keeps_nothing_beyond_the_tab(browser: webdriver.Chrome, site: Site) -> None:
    open_tracked(browser, site.add("/a", BODY, tag=site.tag(consent="measure", endpoint=site.endpoint)))
    first = browser.execute_script("return civicrec('id')")
    use(browser)
    browser.refresh()
    assert browser.execute_script("return civicrec('id')") == first
    lasting, _, cookies = kept(browser)
    assert (lasting, cookies) == ([], "")
    browser.switch_to.new_window("tab")
    open_tracked(browser, site.url + "/a")
    assert browser.execute_script("return civicrec('id')") != first
    told = site.wait_events(4)
    assert {event.consent for event in told} == {"measure"}


def test_an_id_of_the_page_is_used_and_none_is_made(browser: webdriver.Chrome, site: Site) -> None:
    open_tracked(browser, site.add("/a", BODY, tag=site.tag(anonymous_id="from-the-portal")))
    browser.execute_script("civicrec('flush')")
    assert site.wait_events(1)[0].anonymous_id == "from-the-portal"
    assert "civicrec.id" not in json.dumps(kept(browser))


def test_nothing_is_kept_or_sent_before_the_answer_and_a_yes_tells_what_was_held(
    browser: webdriver.Chrome, site: Site
) -> None:
    browser.get(site.add("/a", BODY, tag=site.tag(consent="wait", endpoint=site.endpoint)))
    use(browser)
    assert kept(browser) == NOTHING
    assert site.batches == []
    assert browser.execute_script("return civicrec('id')") == ""
    browser.execute_script("civicrec('consent', 'personalise'); civicrec('flush')")
    told = site.wait_events(6)
    assert [event.kind for event in told][0] == "page_view"
    assert {"impression", "click", "share", "consent_given"} <= {event.kind for event in told}
    assert {event.consent for event in told} == {"personalise"}
    assert len({event.anonymous_id for event in told}) == 1
    (given,) = [event for event in told if event.kind == "consent_given"]
    assert given.props == {"purpose": "personalise"}
    assert (told[1].occurred_at - told[0].occurred_at).total_seconds() >= 0.5  # each at its own time
    open_tracked(browser, site.add("/b", BODY, tag=site.tag(consent="wait", endpoint=site.endpoint)))
    browser.execute_script("civicrec('flush')")
    assert [event.url_path for event in site.wait_events(2, "page_view")] == ["/a", "/b"]  # not asked again


def test_a_no_while_waiting_forgets_what_was_held(browser: webdriver.Chrome, site: Site) -> None:
    browser.get(site.add("/a", BODY, tag=site.tag(consent="wait", endpoint=site.endpoint)))
    use(browser)
    browser.execute_script("civicrec('consent', 'none'); civicrec('flush')")
    assert kept(browser) == [["civicrec.consent"], [], ""]
    browser.execute_script("civicrec('consent', 'measure'); civicrec('flush')")
    assert [event.kind for event in site.wait_events(1)] == ["consent_given"]


def test_what_is_held_while_waiting_is_bounded_and_counted(browser: webdriver.Chrome, site: Site) -> None:
    # Without the pings of engaged time it is known what there is to tell.
    open_tracked(browser, site.add("/a", head="window.setInterval = () => 0", tag=site.tag(consent="wait")))
    browser.execute_script("for (let n = 0; n < 700; n++) civicrec('event', 'share', {item_id: 'x' + n})")
    browser.execute_script("civicrec('consent', 'personalise')")
    browser.execute_script("civicrec('flush')")
    told = site.wait_events(500, timeout_s=30)
    time.sleep(1)
    browser.execute_script("civicrec('event', 'favourite', {item_id: 'last'}); civicrec('flush')")
    site.wait_events(1, "favourite")
    wait_for(lambda: not any(".q." in key for key in kept(browser)[0]), 20, "an empty queue")
    told = site.events()
    made = 1 + 700 + 1 + 1 + sum(event.kind == "read" for event in told)
    assert len(told) + sum(event.props.get("dropped", 0) for event in told) == made


def test_withdrawal_clears_ids_and_queue_and_acts_in_every_tab(browser: webdriver.Chrome, site: Site) -> None:
    site.status = 0
    browser.get(site.add("/a", BODY, tag=site.tag(endpoint=site.endpoint)))
    first = browser.current_window_handle
    use(browser)
    browser.switch_to.new_window("tab")
    open_tracked(browser, site.url + "/a")
    browser.execute_script("civicrec('consent', 'none')")
    assert kept(browser) == [["civicrec.consent"], [], ""]
    site.status = 200
    site.batches.clear()
    browser.switch_to.window(first)
    use(browser)
    browser.execute_script("dispatchEvent(new Event('online'))")
    time.sleep(1.5)
    browser.get(site.url + "/a")  # and the attribute's own level does not overrule it
    use(browser)
    assert site.batches == []
    assert kept(browser) == [["civicrec.consent"], [], ""]


@pytest.mark.parametrize("level", ["measure", "none"])
def test_who_gives_up_a_profile_is_told_of_before_all_is_forgotten(
    browser: webdriver.Chrome, site: Site, level: str
) -> None:
    open_tracked(browser, site.add("/a", BODY))
    known = browser.execute_script("return civicrec('id')")
    browser.execute_script(f"civicrec('consent', '{level}')")
    (withdrawn,) = site.wait_events(1, "consent_withdrawn")
    assert withdrawn.anonymous_id == known
    assert browser.execute_script("return civicrec('id')") != known
    browser.execute_script(f"civicrec('consent', '{level}'); civicrec('consent', 'none')")
    time.sleep(1)
    assert len(site.wait_events(1, "consent_withdrawn")) == 1


def test_the_lower_of_the_pages_level_and_the_visitors_answer_holds(browser: webdriver.Chrome, site: Site) -> None:
    open_tracked(browser, site.add("/a", BODY))
    browser.execute_script("civicrec('flush')")
    site.wait_events(1)
    before = browser.execute_script("return civicrec('id')")
    browser.execute_script("civicrec('consent', 'measure')")
    assert kept(browser)[0] == ["civicrec.consent"]
    assert browser.execute_script("return civicrec('id')") != before
    open_tracked(browser, site.add("/b", BODY))
    browser.execute_script("civicrec('flush')")
    assert {event.consent for event in site.wait_events(2) if event.url_path == "/b"} == {"measure"}
    browser.execute_script("civicrec('consent', 'personalise')")
    open_tracked(browser, site.add("/c", BODY, tag=site.tag(consent="measure")))
    browser.execute_script("civicrec('flush')")
    site.wait_events(3, "page_view")
    assert {event.consent for event in site.events() if event.url_path == "/c"} == {"measure"}


def test_the_page_can_ask_what_holds_and_hears_when_it_turns(browser: webdriver.Chrome, site: Site) -> None:
    head = "window.heard = []; addEventListener('civicrec', () => heard.push(civicrec('consent')))"
    browser.get(site.add("/a", BODY, head=head, tag=site.tag(consent="wait")))
    assert browser.execute_script("return civicrec('consent')") == "wait"
    answers = [
        browser.execute_script(f"return civicrec('consent', '{word}')") for word in ("personalise", "maybe", "none")
    ]
    assert answers == ["personalise", "personalise", "none"]
    assert browser.execute_script("return heard") == ["personalise", "none"]


def test_an_answer_says_what_holds_and_not_what_was_given(browser: webdriver.Chrome, site: Site) -> None:
    browser.get(site.add("/a", BODY, tag=site.tag(consent="measure")))
    assert browser.execute_script("return civicrec('consent', 'personalise')") == "measure"
