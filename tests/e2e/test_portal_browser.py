"""The demo portal in a real browser, on a real stack: consent, three clicks, another list, every event once."""

from __future__ import annotations

import csv
import io
import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.ui import WebDriverWait

from civicrec.clock import utc_now
from civicrec.home import DEMO
from civicrec.items import Item
from civicrec.registry.accounts import FIRST_NAME
from civicrec.registry.catalogue import upsert_items
from civicrec.registry.first_account import first_password
from civicrec.registry.tables import open_registry
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from operations.demo.catalogue import demo_items
from tests.running import RunningStack, running_stack, settings_on_free_ports, wait_for

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

pytestmark = [
    pytest.mark.stack,
    pytest.mark.browser,
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER),
        reason="needs chromium and chromedriver (Debian: apt-get install chromium chromium-driver)",
    ),
]

UNREADABLE = Path(__file__).with_name("unreadable.js").read_text()

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1200,1600",
)  # fmt: skip


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    home = tmp_path_factory.mktemp("portal")
    settings = settings_on_free_ports(home)
    DEMO.of(home).touch()
    upsert_items(open_registry(settings.registry_address), demo_items(utc_now()))
    origins = json.dumps([f"http://127.0.0.1:{settings.serving.port}"])
    with running_stack(home, settings=settings, env={"CIVICREC_COLLECTOR__ORIGINS": origins}) as stack:
        yield stack


@contextmanager
def a_browser(folder: Path, *, javascript: bool = True) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f"--user-data-dir={folder}"):
        options.add_argument(flag)
    if not javascript:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))  # a path given: nothing is downloaded
    try:
        yield driver
    finally:
        driver.quit()


def cards(driver: webdriver.Chrome) -> list[WebElement]:
    return driver.find_elements(By.CSS_SELECTOR, ".recommended ol.civicrec-list > li")


def links(driver: webdriver.Chrome) -> list[WebElement]:
    return driver.find_elements(By.CSS_SELECTOR, ".recommended [data-civicrec-item]")


def item_ids(driver: webdriver.Chrome) -> list[str]:
    # In one step: the widget may replace the list between two questions.
    found: list[str] = driver.execute_script(
        "return [...document.querySelectorAll('.recommended [data-civicrec-item]')].map((n) => n.dataset.civicrecItem)"
    )
    return found


def press(driver: webdriver.Chrome, css: str) -> None:
    follow(driver, driver.find_element(By.CSS_SELECTOR, css))


def follow(driver: webdriver.Chrome, link: WebElement) -> None:
    """Click what leads to another page and wait until that page is there; a click alone returns too early."""
    left = driver.find_element(By.TAG_NAME, "html")
    link.click()
    # Chromium may say in other words that a page is gone, just as it goes.
    WebDriverWait(driver, 20, ignored_exceptions=[WebDriverException]).until(staleness_of(left))
    WebDriverWait(driver, 20).until(lambda _: driver.find_elements(By.TAG_NAME, "footer"))


def requested(driver: webdriver.Chrome) -> list[str]:
    """Every address the browser asked for."""
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]


def events_of(stack: RunningStack, actor: str) -> list[dict[str, object]]:
    """All rows of an actor as they lie in the warehouse, retries not yet merged away."""
    return ClickHouseWarehouse(stack.settings.warehouse).rows(
        "SELECT kind, item_id, request_id, scene, position, consent, active_ms, toString(event_id) AS event_id "
        "FROM events WHERE anonymous_id = {actor:String}",
        {"actor": actor},
    )


def wait_until_settled(stack: RunningStack, actor: str, enough: Callable[[Counter[object]], bool]) -> Counter[object]:
    """Wait until the kinds of the actor's events are enough, and no more come in for a while."""
    kinds: Counter[object] = Counter()

    def is_settled() -> bool:
        before = Counter(kinds)
        kinds.clear()
        kinds.update(event["kind"] for event in events_of(stack, actor))
        time.sleep(1.0)
        return enough(kinds) and kinds == before

    wait_for(is_settled, 40, f"the tracker's events (so far {kinds})")
    return kinds


def three_of_one_need() -> list[Item]:
    """Three items about getting a child into school."""
    found = [item for item in demo_items(utc_now()) if "升学" in item.life_events and item.item_type != "topic"]
    open_now = [item for item in found if not item.valid_until or item.valid_until > utc_now()]
    return open_now[:3]


def test_clicks_change_the_list_with_a_true_reason_and_every_event_arrives_once(
    portal: RunningStack, tmp_path: Path
) -> None:
    clicked = three_of_one_need()
    assert len(clicked) == 3
    with a_browser(tmp_path) as driver:
        driver.get(f"{portal.serving_url}/portal/")
        assert driver.find_element(By.ID, "for-you").text == "为您推荐"
        assert driver.get_cookies() == []
        assert "没有使用您的浏览记录" in driver.find_element(By.CSS_SELECTOR, ".recommended .label").text

        press(driver, ".consent button[value=personalise]")
        assert driver.find_elements(By.CSS_SELECTOR, ".consent") == []
        actor = str(driver.get_cookie("civicrec_aid")["value"])  # type: ignore[index]
        before = item_ids(driver)
        assert len(before) == 8
        time.sleep(1.5)  # an impression is a second in view

        for item in clicked:
            link = open_list_until(driver, portal, item)
            follow(driver, link)
            assert driver.find_element(By.TAG_NAME, "h1").text == item.title
            time.sleep(1.2)  # some engaged time

        words = [*(item.title[:8] for item in clicked), *(tag for item in clicked for tag in item.life_events)]

        def home_refers_to_clicks() -> bool:
            driver.get(f"{portal.serving_url}/portal/")
            reasons = [node.text for node in driver.find_elements(By.CSS_SELECTOR, ".recommended .reason")]
            assert reasons
            return any(word in reason for reason in reasons for word in words)

        wait_for(home_refers_to_clicks, 20, "a reason that refers to the clicks")
        after = item_ids(driver)
        assert after != before
        assert not {item.item_id for item in clicked} & set(after)
        assert "根据您在本站的浏览记录" in driver.find_element(By.CSS_SELECTOR, ".recommended .label").text

        kinds = wait_until_settled(
            portal, actor, lambda found: found["click"] >= 3 and found["read"] >= 3 and found["impression"] >= 8
        )
        addresses = requested(driver)
        faults = [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]

        # The switch acts on the very next page.
        driver.get(f"{portal.serving_url}/portal/")
        press(driver, ".recommended .label button[value=general]")
        assert "没有使用您的浏览记录" in driver.find_element(By.CSS_SELECTOR, ".recommended .label").text
        with httpx.Client() as stranger:
            general = stranger.get(f"{portal.serving_url}/portal/").text
        assert all(f'data-civicrec-item="{item_id}"' in general for item_id in item_ids(driver))

    stored = events_of(portal, actor)
    assert len({event["event_id"] for event in stored}) == len(stored)
    assert kinds["click"] == 3
    assert Counter(event["item_id"] for event in stored if event["kind"] == "click") == Counter(
        item.item_id for item in clicked
    )
    assert kinds["page_view"] >= 8
    assert {event["item_id"] for event in stored if event["kind"] == "read"} >= {item.item_id for item in clicked}
    first_list = [event for event in stored if event["kind"] == "impression" and event["scene"] == "home"]
    assert {event["item_id"] for event in first_list} >= set(before[:5])
    assert all(event["request_id"] for event in first_list)
    assert max(Counter((e["request_id"], e["item_id"]) for e in first_list).values()) == 1
    assert {event["consent"] for event in stored if event["kind"] == "click"} == {"personalise"}

    assert {urlsplit(address).hostname for address in addresses if address.startswith("http")} == {"127.0.0.1"}
    assert faults == []


def open_list_until(driver: webdriver.Chrome, portal: RunningStack, item: Item) -> WebElement:
    """Page through the item's type list, as a visitor would, until the item's link is there."""
    driver.get(f"{portal.serving_url}/portal/lists/{item.item_type}")
    while True:
        found = driver.find_elements(By.CSS_SELECTOR, f'a[data-civicrec-item="{item.item_id}"]')
        if found:
            return found[0]
        press(driver, "a[rel=next]")


def test_the_widget_renews_the_list_of_an_open_page_after_a_click(portal: RunningStack, tmp_path: Path) -> None:
    with a_browser(tmp_path) as driver:
        driver.get(f"{portal.serving_url}/portal/")
        press(driver, ".consent button[value=personalise]")
        first = item_ids(driver)[0]
        follow(driver, links(driver)[0])
        # Go back before the stream can know of the click, so that only the widget can bring the new list.
        driver.back()
        driver.execute_script("window.stillTheSamePage = true")
        wait_for(lambda: first not in item_ids(driver), 20, "a list without what was read")
        assert driver.execute_script("return window.stillTheSamePage")
        renewed = driver.execute_script(
            "return [...document.querySelectorAll('.recommended ol.civicrec-list > li')].map((n) => "
            "({...n.querySelector('a').dataset, path: n.querySelector('a').pathname, "
            "day: n.querySelector('time').textContent}))"
        )
        assert [int(link["civicrecPosition"]) for link in renewed] == list(range(8))
        for link in renewed:
            assert link["civicrecScene"] == "home"
            assert len(link["civicrecRequest"]) == 32
            assert link["path"] == f"/portal/items/{link['civicrecItem']}"
            assert len(link["day"]) == 10
        faults = [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
        assert faults == []


def test_the_console_shows_what_the_visitors_clicked_and_read(portal: RunningStack) -> None:
    stored = {
        str(event["event_id"]): event
        for event in ClickHouseWarehouse(portal.settings.warehouse).rows(
            "SELECT toString(event_id) AS event_id, kind, item_id FROM events WHERE bot_reason = '' AND item_id != ''"
        )
    }
    clicks = Counter(event["item_id"] for event in stored.values() if event["kind"] == "click")
    assert clicks
    known = (FIRST_NAME, first_password(portal.settings))
    page = httpx.get(f"{portal.serving_url}/console/", timeout=60, auth=known)
    assert page.status_code == 200
    assert "数据新鲜度：最新数据到达于" in page.text
    assert "<svg" in page.text
    answer = httpx.get(f"{portal.serving_url}/console/items.csv", timeout=60, auth=known)
    rows = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert {row["条目编号"]: int(row["全部点击"]) for row in rows if row["访客"] and row["全部点击"] != "0"} == clicks


def test_the_portal_works_without_javascript(portal: RunningStack, tmp_path: Path) -> None:
    with a_browser(tmp_path, javascript=False) as driver:
        driver.get(f"{portal.serving_url}/portal/")
        assert len(item_ids(driver)) == 8
        press(driver, ".consent button[value=personalise]")
        assert driver.find_elements(By.CSS_SELECTOR, ".consent") == []
        press(driver, ".recommended ol.civicrec-list a")
        assert driver.find_element(By.TAG_NAME, "h1").text
        press(driver, "header .tools button")
        assert driver.find_elements(By.CSS_SELECTOR, "html.elder")


def test_a_visitor_who_refuses_is_not_recorded_and_still_served(portal: RunningStack, tmp_path: Path) -> None:
    with a_browser(tmp_path) as driver:
        driver.get(f"{portal.serving_url}/portal/")
        press(driver, ".consent button[value=none]")
        assert driver.get_cookie("civicrec_aid") is None
        assert len(item_ids(driver)) == 8
        time.sleep(1.5)
        follow(driver, links(driver)[0])
        time.sleep(0.5)
        asked = requested(driver)
        assert [address for address in asked if f":{portal.settings.collector.port}" in address] == []
        assert driver.execute_script("return localStorage.length + sessionStorage.length") == 0


@pytest.mark.parametrize("width", [390, 1200])
def test_no_page_is_wider_than_the_screen(portal: RunningStack, tmp_path: Path, width: int) -> None:
    with a_browser(tmp_path) as driver:
        driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        for path in ("", "about", "lists/policy", f"items/{three_of_one_need()[0].item_id}"):
            driver.get(f"{portal.serving_url}/portal/{path}")
            assert driver.execute_script("return document.documentElement.scrollWidth") <= width, path


def test_every_page_can_be_used_by_keyboard_and_read_aloud(portal: RunningStack, tmp_path: Path) -> None:
    with a_browser(tmp_path) as driver:
        for path in ("", "about", "lists/policy", f"items/{three_of_one_need()[0].item_id}"):
            driver.get(f"{portal.serving_url}/portal/{path}")
            assert driver.execute_script(UNREADABLE) == [], path
            assert driver.execute_script("return document.documentElement.lang") == "zh-CN"
