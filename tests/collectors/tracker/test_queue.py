"""What happens to events while the collector, the network or the page is away."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

import pytest
from selenium import webdriver

from tests.collectors.tracker.conftest import CHROMIUM, DRIVER, NO_CHROMIUM, console_lines, open_chromium, open_tracked
from tests.collectors.tracker.site import STRANGERS, Site, arrive_once
from tests.running import wait_for

pytestmark = [pytest.mark.stack, pytest.mark.browser]

QUEUED = "return Object.keys(localStorage).filter((key) => key.startsWith('civicrec.q.')).length"
MANY = "for (let n = 0; n < {n}; n++) civicrec('event', 'share', {{item_id: '{name}' + n}})"


#: Half a minute later: what an earlier page left behind is old enough for another to take it up.
LATER = "const real = Date.now; Date.now = () => real() + 30000"


#: Timers, and so the pauses between batches, at twenty times their speed.
HURRY = "const every = setTimeout; window.setTimeout = (work, ms) => every(work, ms / 20)"


#: The clock as well, by which a pause after a failure is kept.
HURRIED_CLOCK = "const real = Date.now, began = real(); Date.now = () => began + 20 * (real() - began)"


def behind_the_endpoint(site: Site, **data: str) -> str:
    return site.add("/a", tag=site.tag(endpoint=site.endpoint, **data))


def test_a_batch_is_ten_events_or_five_seconds(browser: webdriver.Chrome, site: Site) -> None:
    browser.get(behind_the_endpoint(site))
    browser.execute_script(MANY.format(n=9, name="x"))
    opened = time.monotonic()
    wait_for(lambda: site.batches, 5, "ten events")
    assert time.monotonic() - opened < 3
    assert [len(body["events"]) for _, _, body in site.batches] == [10]
    browser.execute_script(MANY.format(n=2, name="y"))
    opened = time.monotonic()
    wait_for(lambda: len(site.batches) == 2, 8, "two events")
    assert 3.5 < time.monotonic() - opened < 7
    assert len(site.batches[1][2]["events"]) == 2


def test_a_busy_collector_is_left_alone_as_long_as_it_asks(browser: webdriver.Chrome, site: Site) -> None:
    site.status, site.retry_after = 503, "3"
    browser.get(behind_the_endpoint(site))
    browser.execute_script(MANY.format(n=9, name="x"))
    wait_for(lambda: site.batches, 5, "a first try")
    site.status = 200
    browser.get(site.url + "/a")  # neither by leaving nor by another page
    browser.execute_script("civicrec('flush')")
    wait_for(lambda: len(site.batches) > 1, 10, "a second try")
    assert 3.0 <= site.batches[1][0] - site.batches[0][0] < 6


def test_retries_come_later_each_time_and_repeat_the_ids(browser: webdriver.Chrome, site: Site) -> None:
    site.status = 0
    browser.get(behind_the_endpoint(site))
    browser.execute_script(MANY.format(n=9, name="x"))
    wait_for(lambda: len(site.batches) >= 4, 20, "four tries")
    times = [at for at, _, _ in site.batches]
    gaps = [after - before for before, after in zip(times, times[1:], strict=False)]
    for k, gap in enumerate(gaps[:3]):
        assert 0.5 * 2**k <= gap <= 2**k + 1.0, gaps
    ids = [sorted(event["event_id"] for event in body["events"]) for _, _, body in site.batches]
    assert all(each == ids[0] for each in ids)
    site.status = 200
    browser.execute_script("dispatchEvent(new Event('online'))")
    assert len(site.wait_events(10)) == 10
    wait_for(lambda: browser.execute_script(QUEUED) == 0, 5, "an empty queue")


#: Three requests under way together, as when a page is left while batches are out.
THREE = "for (let n = 0; n < 3; n++) { civicrec('event', 'share', {item_id: 'x' + n}); civicrec('flush') }"


def test_requests_that_fail_together_double_the_pause_once(browser: webdriver.Chrome, site: Site) -> None:
    site.status = 503
    browser.get(site.add("/a", head="Math.random = () => 0.99", tag=site.tag(endpoint=site.endpoint)))
    browser.execute_script(THREE)
    wait_for(lambda: len(site.batches) == 3, 5, "three tries")
    site.status = 200
    wait_for(lambda: len(site.batches) > 3, 10, "the next try")
    assert site.batches[3][0] - site.batches[2][0] < 2.5  # a second; doubled each time it would be four


def test_a_pause_that_was_asked_for_outlasts_what_else_fails(browser: webdriver.Chrome, site: Site) -> None:
    site.strangers = [(503, {"Retry-After": "3"}, ""), (503, {}, ""), (503, {}, "")]
    browser.get(site.add("/a", head="Math.random = () => 0", tag=site.tag(endpoint=site.endpoint)))
    browser.execute_script(THREE)
    wait_for(lambda: len(site.batches) > 3, 10, "the next try")
    assert site.batches[3][0] - site.batches[0][0] >= 3.0


def test_coming_back_online_ends_the_pause(browser: webdriver.Chrome, site: Site) -> None:
    head = "const chance = Math.random; Math.random = () => 0.9"
    browser.get(site.add("/a", head=head, tag=site.tag(endpoint=site.endpoint)))
    site.status = 0
    browser.execute_script(MANY.format(n=9, name="x"))
    wait_for(lambda: len(site.batches) >= 4, 20, "four tries")
    site.status = 200
    browser.execute_script("dispatchEvent(new Event('online'))")
    began = time.monotonic()
    site.wait_events(10)
    assert time.monotonic() - began < 3  # the fourth pause is 7.6 s


def test_a_batch_refused_for_good_is_not_repeated_but_counted(browser: webdriver.Chrome, site: Site) -> None:
    browser.get_log("browser")
    site.refuse(413, times=100)
    browser.get(behind_the_endpoint(site))
    for _ in range(2):  # the second batch tells of the first, and is refused as well
        browser.execute_script(MANY.format(n=9, name="x"))
        wait_for(lambda: browser.execute_script(QUEUED) == 0, 10, "an empty queue")
    site.strangers.clear()
    browser.execute_script("civicrec('event', 'click', {item_id: 'after'})")
    assert site.wait_events(1, "click")[0].props == {
        "dropped": sum(len(body["events"]) for _, _, body in site.batches[:-1])
    }
    assert len(site.events()) == 1
    (words,) = console_lines(browser)
    assert "events are lost" in words
    assert "the endpoint is closed" in words


@pytest.mark.parametrize("who", STRANGERS)
def test_an_answer_that_is_not_the_collectors_keeps_the_events(browser: webdriver.Chrome, site: Site, who: str) -> None:
    site.strangers = [STRANGERS[who]]
    browser.get(site.add("/a", head=HURRY, tag=site.tag(endpoint=site.endpoint)))
    browser.execute_script(MANY.format(n=9, name="x"))
    wait_for(lambda: not site.strangers, 5, "a stranger's answer")
    told = site.wait_events(10)
    assert {event.item_id for event in told if event.kind == "share"} == {f"x{n}" for n in range(9)}
    assert arrive_once(told)
    assert sum(event.props.get("dropped", 0) for event in told) == 0
    assert all("answered" in words for words in console_lines(browser))


def test_one_event_that_a_firewall_dislikes_does_not_hold_the_others(browser: webdriver.Chrome, site: Site) -> None:
    site.disliked = "union select"
    open_tracked(browser, site.add("/a", head=f"{HURRY}; {HURRIED_CLOCK}", tag=site.tag(endpoint=site.endpoint)))
    browser.execute_script("civicrec('event', 'search', {query: '1 union select 2'})")
    browser.execute_script(MANY.format(n=20, name="x"))
    wait_for(lambda: len(site.events("share")) == 20, 40, "the events beside it")
    assert site.events("search") == []
    assert browser.execute_script(QUEUED) >= 1  # it waits, and nothing is counted as lost
    assert sum(event.props.get("dropped", 0) for event in site.events()) == 0


def test_events_that_the_collector_rejects_are_counted_and_said_once(browser: webdriver.Chrome, site: Site) -> None:
    open_tracked(browser, behind_the_endpoint(site))
    browser.execute_script("civicrec('event', 'nonsense', {}); civicrec('event', 'folly', {}); civicrec('flush')")
    wait_for(lambda: browser.execute_script(QUEUED) == 0, 5, "an empty queue")
    browser.execute_script("civicrec('event', 'favourite', {item_id: 'after'})")
    assert site.wait_events(1, "favourite")[0].props == {"dropped": 2}
    (words,) = console_lines(browser)
    assert "nonsense" in words


def test_a_full_queue_drops_the_oldest_and_says_how_many(browser: webdriver.Chrome, site: Site) -> None:
    site.status = 0
    browser.get(behind_the_endpoint(site))
    browser.execute_script(MANY.format(n=600, name="x"))
    assert browser.execute_script(QUEUED) == 500
    site.status = 200
    browser.execute_script("dispatchEvent(new Event('online'))")
    told = site.wait_events(500, timeout_s=40)
    wait_for(lambda: browser.execute_script(QUEUED) == 0, 10, "an empty queue")
    browser.execute_script("civicrec('event', 'click', {item_id: 'after'})")
    site.wait_events(1, "click")
    told = site.events()
    assert arrive_once(told)
    assert len(told) + sum(event.props.get("dropped", 0) for event in told) == 1 + 600 + 1
    assert [event.item_id for event in told if event.kind == "share"] == [f"x{n}" for n in range(100, 600)]
    site.batches.clear()
    for name in ("one", "two"):
        browser.execute_script(f"civicrec('event', 'share', {{item_id: '{name}'}})")
        time.sleep(0.4)
    assert site.batches == []  # few events are no batch, however many were dropped before


@pytest.mark.parametrize(("status", "late_s"), [(200, 1.0), (0, 4.0)], ids=["arrived", "were lost on the way"])
def test_what_was_handed_over_and_not_answered_is_not_counted_as_lost(
    browser: webdriver.Chrome, site: Site, status: int, late_s: float
) -> None:
    site.status, site.late_s = status, late_s  # no page stays until its answer comes
    address = behind_the_endpoint(site)
    for page in range(16):
        browser.get(address)
        browser.execute_script(MANY.format(n=39, name=f"{page}-"))
    site.status, site.late_s = 200, 0.0
    browser.get(site.add("/last", head=LATER, tag=site.tag(endpoint=site.endpoint)))
    wait_for(lambda: browser.execute_script(QUEUED) == 0, 60, "an empty queue")
    told = site.events()
    assert arrive_once(told)
    assert Counter(event.kind for event in told if event.kind != "read") == {"page_view": 17, "share": 16 * 39}
    assert sum(event.props.get("dropped", 0) for event in told) == 0


#: Events that pages before have handed over, and never heard of again.
UNANSWERED = """
for (let n = 0; n < 2000; n++) {
  const id = '018f0000-0000-7000-8000-' + String(n).padStart(12, '0');
  localStorage.setItem('civicrec.q.' + id, ' {"event_id":"' + id + '"}');
}"""


def test_a_queue_without_answers_has_an_end_too(browser: webdriver.Chrome, site: Site) -> None:
    site.status = 0
    browser.get(site.add("/a", head=UNANSWERED, tag=site.tag(endpoint=site.endpoint)))
    browser.execute_script(MANY.format(n=10, name="x"))
    kept = browser.execute_script("return Object.assign({}, localStorage)")
    queued = {key.removeprefix("civicrec.q."): event for key, event in kept.items() if key.startswith("civicrec.q.")}
    assert len(queued) == 2_000
    assert min(queued) == "018f0000-0000-7000-8000-000000000011"
    told = [json.loads(event).get("props", {}).get("dropped", 0) for event in queued.values()]
    assert sum(told) + int(kept.get("civicrec.dropped", 0)) == 11


@pytest.mark.parametrize("late", ["late_s", "late_body_s"], ids=["before_an_answer", "amid_an_answer"])
def test_a_page_that_is_left_makes_the_next_wait_for_nothing(browser: webdriver.Chrome, site: Site, late: str) -> None:
    setattr(site, late, 1.0)
    head = "addEventListener('unload', () => 0)"  # such a page is not kept, and hears of a failure while it goes
    address = site.add("/a", head=head, tag=site.tag(endpoint=site.endpoint))
    for _ in range(3):
        browser.get(address)
        batches = len(site.batches)
        browser.execute_script(MANY.format(n=9, name="x"))
        wait_for(lambda n=batches: len(site.batches) > n, 10, "a batch at the endpoint")
        time.sleep(0.2)  # the head of the answer, where it comes before the body, is there
    waits = browser.execute_script("return localStorage.getItem('civicrec.wait')")
    assert waits is None, [(at, status) for at, status, _ in site.batches]


#: Events that other pages have just made.
LEFT = """
const time = Date.now().toString(16).padStart(12, '0');
for (let n = 0; n < {n}; n++) {{
  const event_id = `${{time.slice(0, 8)}}-${{time.slice(8)}}-7000-8000-${{String(n).padStart(12, '0')}}`;
  const who = {{site: '{site}', anonymous_id: 'other', session_id: 'other', consent: 'personalise'}};
  const event = {{event_id, kind: 'share', occurred_at: new Date().toISOString(), item_id: 'x' + n, ...who}};
  localStorage.setItem('civicrec.q.' + event_id, JSON.stringify(event));
}}"""


@pytest.mark.parametrize(("n", "is_many"), [(90, False), (120, True)])
def test_many_left_behind_are_taken_up_at_once(browser: webdriver.Chrome, site: Site, n: int, is_many: bool) -> None:
    browser.get(site.add("/a", head=LEFT.format(n=n, site=site.name), tag=site.tag(endpoint=site.endpoint)))
    wait_for(lambda: site.batches, 9, "a first batch")
    assert (site.batches[0][2]["events"][-1]["kind"] == "share") is is_many


@pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=NO_CHROMIUM)
def test_events_survive_the_end_of_the_browser(site: Site, tmp_path: Path) -> None:
    site.status = 0
    first = open_chromium(tmp_path)
    first.get(behind_the_endpoint(site))
    first.execute_script(MANY.format(n=25, name="x"))
    made = first.execute_script("return civicrec('id')")
    first.quit()
    assert site.events() == []
    site.status = 200
    second = open_chromium(tmp_path)
    try:
        second.get(site.add("/b", head=LATER, tag=site.tag(endpoint=site.endpoint)))
        shares = site.wait_events(25, "share", timeout_s=30)
    finally:
        second.quit()
    assert [event.item_id for event in shares] == [f"x{n}" for n in range(25)]
    assert {event.anonymous_id for event in site.events()} == {made}
    assert arrive_once(site.events())


def test_a_browser_without_keepalive_hands_over_a_beacon_and_repeats_it_later(
    browser: webdriver.Chrome, site: Site
) -> None:
    head = "delete Request.prototype.keepalive"
    open_tracked(browser, site.add("/a", head=head, tag=site.tag(endpoint=site.endpoint)))
    browser.execute_script("civicrec('event', 'share', {item_id: 'last'})")
    browser.get("about:blank")
    assert [event.item_id for event in site.wait_events(1, "share")] == ["last"]
    browser.get(site.add("/b", head=f"{head}; {LATER}", tag=site.tag(endpoint=site.endpoint)))
    wait_for(lambda: browser.execute_script(QUEUED) == 0, 15, "an empty queue")
    assert len([event for event in site.sent() if event["kind"] == "share"]) == 2
    assert len(site.events("share")) == 1


def test_two_tabs_neither_lose_nor_double_events(browser: webdriver.Chrome, site: Site) -> None:
    site.status = 0
    browser.get(behind_the_endpoint(site))
    first = browser.current_window_handle
    for tab in range(3):
        if tab:
            browser.switch_to.new_window("tab")
            browser.get(site.url + "/a")
        browser.execute_script(MANY.format(n=40, name=f"tab{tab}-"))
    time.sleep(1)
    site.status = 200
    for handle in browser.window_handles:
        browser.switch_to.window(handle)
        browser.execute_script("dispatchEvent(new Event('online'))")
    site.wait_events(120, "share", timeout_s=40)
    wait_for(lambda: browser.execute_script(QUEUED) == 0, 15, "an empty queue")
    browser.switch_to.window(first)
    told = site.events()
    assert arrive_once(told)
    assert Counter(event.item_id for event in told if event.kind == "share") == Counter(
        f"tab{tab}-{n}" for tab in range(3) for n in range(40)
    )
    assert len({event.anonymous_id for event in told}) == 1
    assert sum(event.props.get("dropped", 0) for event in told) == 0


def test_a_token_covers_only_what_its_own_page_made(browser: webdriver.Chrome, site: Site) -> None:
    site.status = 0
    browser.get(behind_the_endpoint(site, token="one.of.before"))
    browser.execute_script(MANY.format(n=3, name="old"))
    browser.get(site.add("/b", tag=site.tag(endpoint=site.endpoint)))
    time.sleep(0.5)
    site.batches.clear()
    site.status = 200
    browser.execute_script(f"{LATER}; civicrec('token', 'another.one.now')")
    browser.execute_script("civicrec('event', 'share', {item_id: 'new'}); dispatchEvent(new Event('online'))")
    wait_for(lambda: "old0" in json.dumps(site.batches), 20, "the old page's events")
    tokens = {
        event["item_id"]: body.get("subject_token", "")
        for _, _, body in site.batches
        for event in body["events"]
        if event["kind"] == "share"
    }
    assert tokens == {"old0": "", "old1": "", "old2": "", "new": "another.one.now"}


def test_what_a_wrong_clock_has_left_is_passed_over(browser: webdriver.Chrome, site: Site) -> None:
    head = "localStorage.setItem('civicrec.wait', '99999999999999'); localStorage.setItem('civicrec.session', 'x')"
    open_tracked(browser, site.add("/a", head=head, tag=site.tag(endpoint=site.endpoint)))
    browser.execute_script("civicrec('event', 'share', {item_id: 'late'})")
    assert site.wait_events(1, "share")
