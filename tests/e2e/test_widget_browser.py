"""``<civicrec-list>`` in Chromium: pages of another origin, a strict content security policy, a real stack."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from tests.collectors.tracker.conftest import CHROMIUM, DRIVER, NO_CHROMIUM
from tests.e2e.widget_portal import Portal
from tests.running import free_ports, wait_for

pytestmark = [
    pytest.mark.stack,
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=NO_CHROMIUM),
]
FALLBACK = '<ul><li><a href="/all">全部政策</a></li></ul>'
LISTS = (
    '<civicrec-list scene="home" n="6"></civicrec-list><h2>新闻</h2><civicrec-list scene="news" n="4"></civicrec-list>'
)
SHOWN = "return [...document.querySelectorAll('civicrec-list')].map((list) => list.items || [])"
#: Text and nodes without a page, and the milliseconds it takes on the machine the bound of the main thread was set on.
LOOP = """const at = performance.now(), root = document.createElement('div')
for (let n = 0; n < 20000; n++) root.appendChild(document.createElement('p')).textContent = String(n)
return performance.now() - at"""
LOOP_MS = 20
SHIFTS = """new Promise((give) => new PerformanceObserver((list) => give(list.getEntries().map((e) => e.value)))
  .observe({ type: 'layout-shift', buffered: true }) || setTimeout(() => give([]), 400))"""


def lists(browser: webdriver.Chrome) -> list[list[str]]:
    shown: list[list[str]] = browser.execute_script(SHOWN)
    return shown


def shown(browser: webdriver.Chrome, *lengths: int) -> list[list[str]]:
    wait_for(
        lambda: [len(ids) for ids in lists(browser)] == list(lengths), 20, lambda: f"{lengths}, have {lists(browser)}"
    )
    return lists(browser)


def press(browser: webdriver.Chrome, words: str) -> None:
    button = f"[...document.querySelectorAll('button')].find((one) => one.textContent === '{words}')"
    wait_for(lambda: browser.execute_script(f"return !!({button})"), 10, f"a button {words}")
    browser.execute_script(f"({button}).click()")


def said(browser: webdriver.Chrome) -> list[str]:
    return [entry["message"] for entry in browser.get_log("browser") if "favicon" not in entry["message"]]


def test_three_lines_show_lists_in_one_request_that_move_nothing(portal: Portal, browser: webdriver.Chrome) -> None:
    portal.late_s = 0.2
    browser.get(portal.add("/", LISTS))
    home, news = shown(browser, 6, 4)
    assert not set(home) & set(news)
    assert browser.find_elements(By.CLASS_NAME, "civicrec-skeleton") == []
    assert len(portal.asked) == 1
    assert [block["scene"] for block in portal.asked[0]["blocks"]] == ["home", "news"]
    assert (portal.asked[0]["mode"], portal.asked[0]["anonymous_id"]) == ("general", "")
    first = browser.find_element(By.CSS_SELECTOR, "civicrec-list a.civicrec-title")
    assert urlsplit(str(first.get_attribute("href"))).path == f"/items/{home[0]}"
    assert [first.get_attribute(f"data-civicrec-{name}") for name in ("item", "scene", "position")] == [
        home[0],
        "home",
        "0",
    ]
    assert len(str(first.get_attribute("data-civicrec-request"))) == 32
    assert "通用推荐：未使用您的浏览记录。" in browser.find_element(By.TAG_NAME, "civicrec-list").text
    assert "推荐理由：" in browser.find_element(By.TAG_NAME, "civicrec-list").text
    assert (
        browser.execute_script("return getComputedStyle(document.querySelector('ol.civicrec-list')).listStyleType")
        == "none"
    )
    assert browser.execute_async_script(f"{SHIFTS}.then(arguments[0])") == []
    assert said(browser) == []


def test_the_list_changes_after_clicks_and_every_event_names_its_list(
    portal: Portal, browser: webdriver.Chrome
) -> None:
    browser.get(portal.add("/", '<civicrec-list scene="home" n="6"></civicrec-list>'))
    (before,) = shown(browser, 6)
    press(browser, "开启个性化推荐")
    wait_for(lambda: portal.asked[-1]["mode"] == "personalised", 10, "a list of their own")
    actor = portal.asked[-1]["anonymous_id"]
    assert actor == browser.execute_script("return civicrec('id')")
    for _ in range(3):
        # In one step: the list may be renewed between two questions.
        path = browser.execute_script(
            "const link = document.querySelector('civicrec-list a.civicrec-title'); link.click(); return link.pathname"
        )
        wait_for(lambda path=path: urlsplit(browser.current_url).path == path, 10, "the item's page")
        browser.get(portal.url + "/")
        clicked = path.removeprefix("/items/")
        wait_for(lambda clicked=clicked: lists(browser)[0] and clicked not in lists(browser)[0], 30, "another list")
    assert lists(browser)[0] != before
    log = "SELECT kind, request_id FROM events WHERE anonymous_id = {actor:String} AND kind = 'click'"
    warehouse = ClickHouseWarehouse(portal.stack.settings.warehouse)
    rows = wait_for(
        lambda: (found := warehouse.rows(log, {"actor": actor})) and len(found) >= 3 and found, 30, "clicks"
    )
    assert len(rows) == 3
    assert all(len(str(row["request_id"])) == 32 for row in rows)


def test_personalisation_is_switched_off_where_the_list_stands_by_keyboard(
    portal: Portal, browser: webdriver.Chrome
) -> None:
    tag = 'data-link="/items/{id}" data-about="/about" data-settings="/me#switch"'
    browser.get(portal.add("/", '<civicrec-list n="6"></civicrec-list>', consent="personalise", tag=tag))
    shown(browser, 6)
    asked = portal.asked[-1]
    assert (asked["mode"], bool(asked["anonymous_id"])) == ("personalised", True)
    foot = browser.find_element(By.CSS_SELECTOR, ".civicrec-foot")
    links = {link.text: link.get_attribute("href") for link in foot.find_elements(By.TAG_NAME, "a")}
    assert links == {"推荐说明": f"{portal.url}/about", "推荐设置": f"{portal.url}/me#switch"}
    button = foot.find_element(By.TAG_NAME, "button")
    assert button.text == "使用通用推荐"
    button.send_keys(Keys.ENTER)
    wait_for(lambda: portal.asked[-1]["mode"] == "general", 10, "a general list")
    assert (portal.asked[-1]["anonymous_id"], portal.asked[-1]["subject_token"]) == ("", "")
    foot_now = "return document.querySelector('.civicrec-foot').innerText"
    wait_for(lambda: "开启个性化推荐" in browser.execute_script(foot_now), 10, "the way back")
    assert "通用推荐：" in browser.execute_script(foot_now)


def test_without_pages_of_its_own_a_portal_has_no_links_beside_the_list(
    portal: Portal, browser: webdriver.Chrome
) -> None:
    browser.get(portal.add("/", '<civicrec-list n="6"></civicrec-list>'))
    shown(browser, 6)
    assert browser.find_elements(By.CSS_SELECTOR, ".civicrec-foot a") == []


def test_what_is_disliked_goes_and_can_be_taken_back(portal: Portal, browser: webdriver.Chrome) -> None:
    browser.get(portal.add("/", '<civicrec-list scene="home" n="6"></civicrec-list>', consent="personalise"))
    (before,) = shown(browser, 6)
    height = browser.execute_script("return document.querySelector('#after').offsetTop")
    press(browser, "不感兴趣")
    assert browser.execute_script("return document.activeElement.textContent") == "撤销"
    assert browser.execute_script("return document.querySelector('#after').offsetTop") == height
    asked = {"site": "gz", "anonymous_id": browser.execute_script("return civicrec('id')"), "n": 6}
    url = f"{portal.stack.serving_url}/v1/recommendations"
    ids = lambda: [item["item_id"] for item in httpx.get(url, params=asked).json()["items"]]  # noqa: E731
    wait_for(lambda: before[0] not in ids(), 5, "a list without it")
    press(browser, "撤销")
    assert browser.execute_script("return document.activeElement.textContent") == "不感兴趣"
    wait_for(lambda: before[0] in ids(), 5, "a list with it")


@pytest.mark.parametrize(
    ("late_s", "answer"),
    [
        (1.0, None),
        (0.0, (503, '{"detail": "busy"}')),
        (0.0, (200, "<html>login</html>")),
        (0.0, (200, '{"blocks": [{"items": []}]}')),
    ],
    ids=["slow", "failing", "not JSON", "empty"],
)
def test_what_the_page_has_itself_stays_without_a_list_in_time(
    portal: Portal, browser: webdriver.Chrome, late_s: float, answer: tuple[int, str] | None
) -> None:
    portal.late_s, portal.answer = late_s, answer
    browser.get(portal.add("/", f"<civicrec-list>{FALLBACK}</civicrec-list>"))
    wait_for(lambda: portal.asked, 10, "a request")
    time.sleep(late_s + 0.5)
    assert browser.find_element(By.TAG_NAME, "civicrec-list").text == "全部政策"
    assert browser.execute_async_script(f"{SHIFTS}.then(arguments[0])") == []


def test_an_empty_element_without_a_list_leaves_no_hole(portal: Portal, browser: webdriver.Chrome) -> None:
    portal.answer = (503, '{"detail": "busy"}')
    browser.get(portal.add("/", LISTS))
    wait_for(lambda: browser.execute_script("return document.querySelector('civicrec-list').hidden"), 10, "it to go")
    assert said(browser)


def test_one_wrong_scene_takes_no_other_list_with_it(portal: Portal, browser: webdriver.Chrome) -> None:
    browser.get(
        portal.add("/", '<civicrec-list scene="hoem" n="3"></civicrec-list><civicrec-list n="5"></civicrec-list>')
    )
    shown(browser, 0, 5)
    wait_for(lambda: "hoem" in " ".join(said(browser)), 10, "its name on the console")


def test_items_without_an_address_are_named_and_not_shown(portal: Portal, browser: webdriver.Chrome) -> None:
    item = {"item_id": "a", "item_type": "policy", "title": "无址", "position": 0}
    evil = {**item, "item_id": "b", "url": "javascript:alert(1)"}
    deep = {**item, "item_id": "c", "url": "art/2024/c.html"}
    block = {"request_id": "0" * 32, "scene": "home", "mode": "general", "items": [item, evil, deep]}
    portal.answer = (200, json.dumps({"blocks": [block]}))
    browser.get(portal.add("/deep/page", "<civicrec-list></civicrec-list>", tag=""))
    shown(browser, 1)
    link = browser.find_element(By.CSS_SELECTOR, "a.civicrec-title")
    assert link.get_attribute("href") == f"{portal.url}/art/2024/c.html"
    assert "2 items have no url" in " ".join(said(browser))


def test_by_keyboard_the_next_items_come_and_the_focus_stays(portal: Portal, browser: webdriver.Chrome) -> None:
    browser.get(portal.add("/", "<civicrec-list n=5></civicrec-list>"))
    (first,) = shown(browser, 5)
    more = browser.find_elements(By.CSS_SELECTOR, ".civicrec-foot button")[-1]
    assert more.text == "换一批"
    more.send_keys(Keys.ENTER)
    wait_for(lambda: lists(browser)[0] != first, 10, "other items")
    assert not set(first) & set(lists(browser)[0])
    assert browser.execute_script("return document.activeElement.textContent") == "换一批"
    assert browser.find_element(By.CSS_SELECTOR, "[role=status]").get_attribute("textContent") == "已换一批，共 5 项"


def test_the_banner_asks_once_and_again_when_asked_to(portal: Portal, browser: webdriver.Chrome) -> None:
    banner = (
        "<civicrec-consent><p>本站经您同意记录浏览情况。</p></civicrec-consent><a href=# data-civicrec-consent>设置</a>"
    )
    browser.get(portal.add("/", f"<civicrec-list></civicrec-list>{banner}"))
    element = browser.find_element(By.TAG_NAME, "civicrec-consent")
    wait_for(element.is_displayed, 10, "the banner")
    assert [button.text for button in element.find_elements(By.TAG_NAME, "button")] == [
        "同意个性化推荐",
        "仅用于统计",
        "不同意",
    ]
    press(browser, "同意个性化推荐")
    assert not element.is_displayed()
    wait_for(lambda: portal.asked[-1]["mode"] == "personalised", 10, "a list of their own")
    browser.refresh()
    shown(browser, 10)
    time.sleep(0.5)
    assert not browser.find_element(By.TAG_NAME, "civicrec-consent").is_displayed()
    browser.find_element(By.CSS_SELECTOR, "[data-civicrec-consent]").click()
    assert browser.find_element(By.TAG_NAME, "civicrec-consent").is_displayed()
    press(browser, "不同意")
    wait_for(lambda: portal.asked[-1]["mode"] == "general", 10, "a general list")
    assert browser.execute_script("return civicrec('consent')") == "none"
    assert browser.execute_script("return Object.keys(localStorage).concat(Object.keys(sessionStorage))") == [
        "civicrec.consent"
    ]


def test_a_page_with_a_template_of_its_own_looks_as_it_says(portal: Portal, browser: webdriver.Chrome) -> None:
    template = '<template><b class="civicrec-type"></b><a class="civicrec-title"></a></template>'
    browser.get(portal.add("/", f'<civicrec-list n=3 target="_blank">{template}</civicrec-list>'))
    shown(browser, 3)
    card = browser.find_element(By.CSS_SELECTOR, ".civicrec-item")
    assert [child.tag_name for child in card.find_elements(By.CSS_SELECTOR, "*")] == ["b", "a"]
    link = card.find_element(By.TAG_NAME, "a")
    assert (link.get_attribute("target"), link.get_attribute("rel")) == ("_blank", "noopener")


@pytest.mark.parametrize("width", [360, 1280])
def test_no_page_gets_wider_and_large_type_is_read_whole(portal: Portal, browser: webdriver.Chrome, width: int) -> None:
    screen = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    browser.get(portal.add("/", LISTS))
    shown(browser, 6, 4)
    for size in ("100%", "200%"):
        browser.execute_script(f"document.documentElement.style.fontSize = '{size}'")
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width


def test_main_thread_is_kept_for_less_than_ten_milliseconds(portal: Portal, browser: webdriver.Chrome) -> None:
    """Of building what stands on the page: what scripts cost the page's thread with the lists and without.

    In time of the thread, which waits for no other process, and of a machine as fast as the one the bound was set on:
    a fixed loop tells how fast this one is at the moment.
    """
    browser.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})

    def script_ms(path: str) -> float:
        browser.get(portal.url + path)
        time.sleep(0.5)
        metrics = browser.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
        return next(1000 * one["value"] for one in metrics if one["name"] == "ScriptDuration")

    portal.add("/", LISTS)
    portal.pages["/without"] = portal.pages["/"].replace("civicrec-list", "div").replace("w.js", "none.js")
    rounds = [(script_ms("/"), script_ms("/without"), browser.execute_script(LOOP)) for _ in range(5)]
    shown, without, loop = (min(column) for column in zip(*rounds, strict=True))
    assert shown - without <= 10 * max(1, loop / LOOP_MS), f"{shown - without:.1f} ms, the loop {loop:.1f} ms"


def programs(folder: Path, built: Path) -> dict[str, list[str]]:
    """The programs to copy that are to be run, by language; each takes a server and parameters."""
    python = "import sys; from python_list import recommended as r; a = dict(x.split('=', 1) for x in sys.argv[2:])"
    node = "import {recommended as r} from './node_list.mjs'; const [s, ...a] = process.argv.slice(1);"
    return {
        "python": [sys.executable, "-c", f"{python}; sys.stdout.write(r(sys.argv[1], timeout_s=10, **a))"],
        "node": ["node", "--input-type=module", "-e",
                 f"{node} process.stdout.write(await r(s, a.map((x) => x.split('=')), {{timeoutMs: 10000}}))", "--"],
        "java": ["java", "-cp", str(built), "RecommendedList"],
        "php": ["php", str(folder / "php_list.php")],
    }  # fmt: skip


@pytest.mark.parametrize("language", ["python", "node", "java", "php"])
def test_the_portals_server_writes_the_list_and_the_widget_takes_it_over(
    portal: Portal, browser: webdriver.Chrome, language: str, tmp_path: Path
) -> None:
    folder = Path(__file__).parents[2] / "docs" / "senders"
    command = programs(folder, tmp_path)[language]
    if not shutil.which(command[0]):
        pytest.skip(f"needs {command[0]}")
    if language == "java":
        subprocess.run(["javac", "-d", str(tmp_path), str(folder / "RecommendedList.java")], check=True, timeout=60)

    def written(server: str) -> str:
        done = subprocess.run(
            [*command, server, "scene=latest", "n=4", "link=/items/{id}"],
            capture_output=True, text=True, timeout=60, check=True, cwd=folder,
        )  # fmt: skip
        return done.stdout

    text = written(portal.stack.serving_url)
    browser.get(portal.add("/", f"<civicrec-list scene=latest n=4 bare>{text}</civicrec-list>", consent="personalise"))
    (ids,) = shown(browser, 4)
    assert portal.asked == []
    links = browser.find_elements(By.CSS_SELECTOR, "a[data-civicrec-request]")
    assert [urlsplit(str(link.get_attribute("href"))).path for link in links] == [f"/items/{one}" for one in ids]
    # Nobody who answers instead of the list server, and nobody at all, gets into the page.
    assert written(portal.url) == ""
    (closed,) = free_ports(1)
    assert written(f"http://127.0.0.1:{closed}") == ""
