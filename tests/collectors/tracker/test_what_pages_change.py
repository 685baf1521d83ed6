"""Pages that changed the browser's own parts before the tracker came, old browsers that lack them, and odd tags."""

from __future__ import annotations

import json

import pytest
from selenium import webdriver

from tests.collectors.tracker.conftest import console_lines
from tests.collectors.tracker.site import Site
from tests.collectors.tracker.test_built_file import SCRIPT
from tests.running import wait_for

pytestmark = [pytest.mark.stack, pytest.mark.browser]

#: What frameworks of 2007 to 2015 do to the page they are in.
CHANGED = {
    "Array.from without a function": "Array.from = (list) => [].slice.call(list)",
    "toJSON on every prototype": (
        "for (const kind of [Array, String, Number, Date, Object]) "
        "kind.prototype.toJSON = function () { return '\"' + this + '\"' }"
    ),
    "toISOString in quotation marks": (
        "const written = Date.prototype.toISOString;"
        "Date.prototype.toISOString = function () { return '\"' + written.call(this).slice(0, 19) + 'Z\"' }"
    ),
    "Date.now as a date": "Date.now = () => new Date()",
    "Date.now in seconds": "Date.now = () => Math.round(new Date() / 1000)",
    "Map and Set of the page's own": (
        "window.Map = function () { this.put = this.size = () => 0 }; window.Set = function () {}"
    ),
    "Element of the page's own": "window.Element = window.Event = function () {}",
    "reduce, find and keys of the page's own": (
        "Array.prototype.reduce = Array.prototype.find = Array.prototype.includes = () => 0;"
        "const keys = Object.keys; Object.keys = (it) => keys(it).concat('each'); "
    ),
    "methods on Object": "Object.prototype.each = function () {}",
    "navigation is a list": "var navigation = ['home', 'news']",
    "a form named as the document's parts": "",
}
#: The page clicks by itself: the driver's own scripts would stumble over some of this.
DEEDS = """
addEventListener('click', function (event) { event.preventDefault() });
addEventListener('load', function () { setTimeout(function () {
  document.getElementById('it').click(); %s; civicrec('flush') }, 100) });
"""
NAMED = "".join(f'<img name="{name}">' for name in ("title", "referrer", "characterSet", "currentScript"))


@pytest.mark.parametrize("what", CHANGED)
def test_a_page_that_changed_the_browser_is_tracked_all_the_same(
    browser: webdriver.Chrome, site: Site, what: str
) -> None:
    named = NAMED if what.startswith("a form") else ""
    body = f'{named}<main data-civicrec-page-item="p1"></main><a id="it" href="#x" data-civicrec-item="a1">x</a>'
    rate = "civicrec('event', 'rate', {item_id: 'a1', value: 4, props: {rating_scale: 5}})"
    browser.get(site.add("/a", body, head=DEEDS % rate + CHANGED[what]))
    told = {event.kind: event for event in site.wait_events(3)}
    assert told.keys() >= {"page_view", "click", "rate"}
    assert (told["page_view"].title, told["page_view"].item_id, told["page_view"].referrer_type) == (
        "/a",
        "p1",
        "direct",
    )
    assert (told["rate"].value, told["rate"].props) == (4, {"rating_scale": 5})
    assert console_lines(browser) == []


#: What Chromium 49 and its kin have not; `closest`, `fetch` and the like came before it.
NEWER = (
    "for (const name of ['URL', 'URLSearchParams', 'IntersectionObserver', 'navigation', 'WeakRef', 'queueMicrotask', "
    "'structuredClone', 'AbortController', 'globalThis', 'ResizeObserver']) { delete window[name]; };"
    "for (const name of ['from', 'includes', 'flat', 'flatMap', 'at', 'values']) delete Array.prototype[name];"
    "delete Array.from; for (const name of ['padStart', 'padEnd', 'matchAll', 'replaceAll', 'trimStart', 'at']) "
    "delete String.prototype[name]; for (const name of ['entries', 'values', 'fromEntries', "
    "'getOwnPropertyDescriptors']) delete Object[name]; delete NodeList.prototype.forEach; "
    "delete Request.prototype.keepalive; delete Promise.prototype.finally; delete Promise.allSettled; "
    "for (const name of ['checkVisibility', 'append', 'replaceWith']) delete Element.prototype[name];"
)


def test_a_browser_without_the_newer_parts_is_tracked(browser: webdriver.Chrome, site: Site) -> None:
    faults = "window.faults = []; addEventListener('error', (event) => faults.push(event.message));"
    body = (
        '<form data-civicrec-form="f"><input id="field"></form><a id="it" href="/x.pdf" data-civicrec-item="a1">x</a>'
    )
    begin = "document.getElementById('field').dispatchEvent(new Event('input', {bubbles: true}));"
    report = "document.title = faults.length + ' faults'"
    head = faults + DEEDS % (begin + report) + NEWER
    browser.get(site.add("/a", body, head=head, tag=site.tag(search_param="q")) + "?q=%E7%A4%BE+%E4%BF%9D")
    told = site.wait_events(5)
    assert {event.kind for event in told} >= {"page_view", "search", "click", "download", "service_start"}
    assert [event.query for event in told if event.kind == "search"] == ["社 保"]
    assert browser.title == "0 faults"


ODD_TAGS = {
    "module": '<script type="module" src="{src}" data-site="{site}" data-consent="personalise"></script>',
    "put in as text": (
        "<script>fetch('/c.txt').then((answer) => answer.text()).then((text) => {{"
        "const tag = document.createElement('script'); tag.text = text;"
        "Object.assign(tag.dataset, {{site: '{site}', consent: 'personalise', endpoint: '{endpoint}'}});"
        "document.head.append(tag) }})</script>"
    ),
    "run as text beside a tag": (
        '<script type="text/plain" src="{src}" data-site="{site}" data-consent="personalise"></script>'
        "<script>fetch('/c.txt').then((answer) => answer.text()).then((text) => (0, eval)(text))</script>"
    ),
}


@pytest.mark.parametrize("how", ODD_TAGS)
def test_the_tag_is_found_however_it_was_put_in(browser: webdriver.Chrome, site: Site, how: str) -> None:
    site.pages["/c.txt"] = (SCRIPT.read_text(), {})
    site.pages["/collect/c.js"] = (SCRIPT.read_text(), {})
    endpoint = f"{site.stack.collector_url}/v1/events"
    script = {"module": f"{site.url}/collect/c.js"}.get(how, f"{site.stack.collector_url}/c.js?v=/2#x")
    browser.get(site.add("/a", tag=ODD_TAGS[how].format(src=script, site=site.name, endpoint=endpoint)))
    if how != "module":
        site.wait_events(1, "page_view")
        return
    asked = "civicrec('flush'); return performance.getEntriesByType('resource').map((entry) => entry.name)"
    own_path = f"{site.url}/collect/v1/events"
    wait_for(lambda: own_path in browser.execute_script(asked), 10, "a request to the collector under its path")


def test_a_script_that_finds_no_tag_says_so_once(browser: webdriver.Chrome, site: Site) -> None:
    site.pages["/c.txt"] = (SCRIPT.read_text(), {})
    browser.get(site.add("/a", tag="<script></script>"))
    browser.execute_script(f"(0, eval)({json.dumps(SCRIPT.read_text())}); civicrec('event', 'share', {{}})")
    (words,) = console_lines(browser)
    assert "data-site" in words
