"""The tracker never throws into the page, never delays it, and works under a strict content policy."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import httpx
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.collectors.tracker.site import Site

pytestmark = [pytest.mark.stack, pytest.mark.browser]

LISTEN = """
window.faults = [];
addEventListener('error', (event) => faults.push(event.message));
addEventListener('unhandledrejection', (event) => faults.push(String(event.reason)));
const thrower = (name) => () => { throw new Error(name + ' is broken'); };
const spoil = (object, name, value) => Object.defineProperty(object, name, {get: () => value, configurable: true});
const forbid = (object, name) => Object.defineProperty(object, name, {get: thrower(name), configurable: true});
"""

#: What breaks, and whether events can still arrive.
BROKEN = {
    "localStorage forbidden": ("forbid(window, 'localStorage'); forbid(window, 'sessionStorage')", True),
    "localStorage null": ("spoil(window, 'localStorage', null); spoil(window, 'sessionStorage', null)", True),
    "localStorage full": ("Storage.prototype.setItem = thrower('setItem')", True),
    "storage unreadable": ("Storage.prototype.getItem = Storage.prototype.removeItem = thrower('getItem')", False),
    "IntersectionObserver missing": ("delete window.IntersectionObserver", True),
    "IntersectionObserver throws": ("window.IntersectionObserver = thrower('IntersectionObserver')", True),
    "MutationObserver missing": ("delete window.MutationObserver", True),
    "fetch missing": ("delete window.fetch; window.fetch = undefined", True),
    "fetch throws": ("window.fetch = thrower('fetch')", True),
    "fetch rejects": ("window.fetch = () => Promise.reject(new Error('no'))", False),
    "fetch answers nonsense": ("window.fetch = () => Promise.resolve({})", False),
    "fetch and beacon throw": ("window.fetch = thrower('fetch'); navigator.sendBeacon = thrower('beacon')", False),
    "crypto missing": ("spoil(window, 'crypto', undefined)", True),
    "crypto throws": ("crypto.getRandomValues = thrower('crypto')", True),
    "performance broken": ("performance.now = thrower('now')", False),
    "history sealed": ("Object.freeze(history)", True),
    "history missing": ("spoil(window, 'history', undefined)", True),
    "dataset unreadable": ("forbid(HTMLElement.prototype, 'dataset')", False),
    "closest missing": ("delete Element.prototype.closest", True),
    "timers throw": ("window.setInterval = thrower('setInterval')", True),
    "URLSearchParams missing": ("delete window.URLSearchParams", True),
    "Blob missing": ("delete window.Blob", True),
    "Request missing": ("delete window.Request", True),
    "Map of the page's own": ("Map.prototype.get = thrower('get')", False),
    "Date broken": ("Date.now = thrower('now')", False),
    "hasFocus missing": ("delete Document.prototype.hasFocus", True),
    "title unreadable": ("forbid(Document.prototype, 'title')", True),
    "navigator signals throw": ("forbid(navigator, 'globalPrivacyControl')", False),
    "tracker's own name taken": ("window.civicrec = 7", True),
}
BODY = '<form data-civicrec-form="x"><input id="field"></form><a id="it" href="#x" data-civicrec-item="a1">x</a>'
USE = """
window.clicks = 0;
const link = document.getElementById('it');
link.addEventListener('click', () => { clicks += 1; });
link.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}));
document.body.append(link.cloneNode(true));
document.getElementById('field').dispatchEvent(new Event('input', {bubbles: true}));
if (window.history) { history.pushState({}, '', '/moved'); history.replaceState({}, '', '/moved?x'); }
dispatchEvent(new Event('scroll')); dispatchEvent(new Event('online')); dispatchEvent(new Event('pagehide'));
civicrec('event', 'share', {item_id: 'own'}); civicrec('id'); civicrec('token', 'x'); civicrec('flush');
return clicks;
"""


@pytest.mark.parametrize("what", BROKEN)
def test_a_browser_that_breaks_never_breaks_the_page(browser: webdriver.Chrome, site: Site, what: str) -> None:
    spoil, can_arrive = BROKEN[what]
    browser.get(site.add("/a", BODY, head=LISTEN + spoil, tag=site.tag(search_param="q")) + "?q=x")
    assert browser.execute_script(USE) == 1
    time.sleep(0.2)
    browser.execute_script("civicrec('consent', 'none'); civicrec('consent', 'personalise'); civicrec('flush')")
    assert browser.execute_script("return faults") == []
    assert browser.execute_script("return location.pathname") == ("/a" if what == "history missing" else "/moved")
    if can_arrive:
        # On a busy machine tries may fail: the pauses between them grow to 16 s within half a minute.
        assert site.wait_events(1, timeout_s=60)


def test_an_error_of_the_pages_own_navigation_stays_the_pages(browser: webdriver.Chrome, site: Site) -> None:
    browser.get(site.add("/a"))
    said = browser.execute_script(
        "try { history.pushState({}, '', 'http://elsewhere.invalid/') } catch (error) { return error.name }"
    )
    assert said == "SecurityError"


def test_a_strict_content_policy_is_enough(browser: webdriver.Chrome, site: Site) -> None:
    collector = site.stack.collector_url
    policy = f"default-src 'none'; script-src {collector}; connect-src {collector}"
    browser.get(site.add("/a", BODY, headers={"Content-Security-Policy": policy}))
    browser.find_element(By.ID, "it").click()
    site.wait_events(1, "click")
    time.sleep(1.2)
    site.wait_events(1, "impression", browser=browser)
    assert [entry for entry in browser.get_log("browser") if "Content Security" in entry["message"]] == []


def test_every_listener_is_passive(browser: webdriver.Chrome, site: Site) -> None:
    head = (
        "window.added = []; const add = EventTarget.prototype.addEventListener;"
        "EventTarget.prototype.addEventListener = function (name, work, options) {"
        " added.push([name, !!(options && (options.passive || options.once))]);"
        " return add.call(this, name, work, options) }"
    )
    browser.get(site.add("/a", head=head))
    site.wait_events(1, browser=browser)
    added = browser.execute_script("return added")
    assert {"scroll", "wheel", "touchmove", "click"} <= {name for name, _ in added}
    assert [name for name, is_passive in added if not is_passive] == []


def test_starting_takes_less_than_five_milliseconds(
    browser: webdriver.Chrome, site: Site, record_property: Callable[[str, object], None]
) -> None:
    # The script runs as it is put in: reading, compiling and starting are all in the time.
    put_in = (
        "const began = performance.now(), script = document.createElement('script'); script.textContent = arguments[0];"
        f"Object.assign(script.dataset, {{site: '{site.name}', consent: 'personalise', endpoint: '{site.endpoint}'}});"
        "document.head.append(script); return performance.now() - began"
    )
    tracker = httpx.get(f"{site.stack.collector_url}/c.js").text
    cards = "".join(f'<p data-civicrec-item="i{n}">{n}</p>' for n in range(200))
    # Nearly as much work as starting is: where this takes long, too, it is the machine that is slow.
    work = "const seen = {}; for (let n = 0; n < 20000; n++) seen['k' + n % 997] = JSON.stringify({n}).length"
    cpu_ms, wall_ms, work_ms = [], [], []
    # Time on the processor, and the best of nine, so that the neighbours of this machine do not count.
    browser.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
    for n in range(9):
        browser.get(site.add(f"/{n}", cards, tag=""))
        before = busy_ms(browser)
        browser.execute_script(put_in, f"/*{tracker[2:].replace('*/', '')}*/")
        between = busy_ms(browser)
        wall_ms.append(browser.execute_script(put_in, tracker))
        cpu_ms.append(busy_ms(browser) - between - (between - before))
        before = busy_ms(browser)
        browser.execute_script(put_in, f"{{{work}}}")
        work_ms.append(busy_ms(browser) - before)
    browser.execute_cdp_cmd("Performance.disable", {})
    record_property("start_ms", {"processor": median(cpu_ms), "clock": median(wall_ms)})
    # Starting takes 0.8 of this work, and 3 ms where that takes 4.
    assert min(cpu_ms) < 5 or median(cpu_ms) < 1.3 * median(work_ms), (cpu_ms, wall_ms, work_ms)


def busy_ms(browser: webdriver.Chrome) -> float:
    """What the page's main thread has worked so far."""
    metrics = browser.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return 1000 * next(float(metric["value"]) for metric in metrics if metric["name"] == "TaskDuration")
