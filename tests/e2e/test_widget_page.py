"""What a portal puts into a page in an afternoon, in Chromium and Firefox, on a telephone and on a desk.

A static page of another origin with a strict policy and three lines of HTML shows a list that changes after clicks.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from selenium import webdriver

from civicrec.clock import utc_now
from civicrec.security.tokens import Keys
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from tests.collectors.tracker.firefox import FIREFOX, NO_FIREFOX, open_firefox
from tests.e2e.browsers import ChromiumTab, FirefoxTab, Tab, serious_faults
from tests.e2e.widget_portal import KEY, Portal
from tests.running import wait_for

pytestmark = [pytest.mark.stack, pytest.mark.browser]
#: Told to wait longer than a page would: on a crowded machine a list takes its time.
LIST = '<civicrec-list scene="home" n="6" wait="9000"><a href="/policies">查看全部政策</a></civicrec-list>'
BANNER = (
    "<civicrec-consent><p>经您同意，本站会记录您在本站的浏览情况，用于统计或为您推荐政策和服务。</p></civicrec-consent>"
    '<p><a href="#" data-civicrec-consent>浏览记录设置</a></p>'
)
SHOWN = "return document.querySelector('civicrec-list').items"
TITLES = "return Array.from(document.querySelectorAll('civicrec-list a.civicrec-title'), (one) => one.textContent)"
BUTTON = "Array.from(document.querySelectorAll('button')).find((one) => one.textContent === '{}' && one.offsetHeight)"
FORGET = "localStorage.clear(); sessionStorage.clear()"


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FirefoxTab]:
    if not FIREFOX:
        pytest.skip(NO_FIREFOX)
    with open_firefox(tmp_path_factory.mktemp("firefox")) as running:
        yield FirefoxTab(running)


@pytest.fixture(params=["chromium", "firefox"])
def tab(request: pytest.FixtureRequest, portal: Portal) -> Iterator[Tab]:
    if request.param == "chromium":
        yield ChromiumTab(request.getfixturevalue("browser"))
        return
    firefox: Tab = request.getfixturevalue("firefox")
    firefox.get(f"{portal.url}/empty")
    firefox.run(FORGET)
    yield firefox
    firefox.get("about:blank")  # a page that is left open goes on asking, in the next test


def press(tab: Tab, words: str) -> None:
    button = BUTTON.format(words)
    wait_for(lambda: tab.run(f"return !!{button}"), 10, f"a button {words}")
    tab.run(f"{button}.click()")


def shown(tab: Tab) -> list[str]:
    return list(tab.run(SHOWN) or [])


def fits(tab: Tab, width: int) -> bool:
    return bool(tab.run("return document.documentElement.scrollWidth") <= width)


@pytest.mark.parametrize(
    ("width", "is_signed_in"),
    [
        (360, False),
        (1280, True),
        pytest.param(360, True, marks=pytest.mark.slow),
        pytest.param(1280, False, marks=pytest.mark.slow),
    ],
)
def test_three_lines_show_a_list_that_changes_after_clicks(
    portal: Portal, tab: Tab, width: int, is_signed_in: bool
) -> None:
    token = Keys(b"", {"gz": KEY}).sign("gz", f"user-{width}", utc_now()) if is_signed_in else ""
    tab.set_width(width)
    tab.get(portal.add("/", LIST + BANNER, token=token))
    general = wait_for(lambda: len(shown(tab)) == 6 and shown(tab), 20, "a list")
    assert portal.asked[-1]["mode"] == "general"
    assert {portal.asked[-1][who] for who in ("anonymous_id", "subject_token")} == {""}
    press(tab, "同意个性化推荐")
    wait_for(lambda: portal.asked[-1]["mode"] == "personalised", 10, "a list of their own")
    assert portal.asked[-1]["subject_token"] == token
    read = "const link = document.querySelector('civicrec-list a.civicrec-title'); link.click(); return link.pathname"
    for _ in range(2):
        path = tab.run(read)
        wait_for(lambda path=path: tab.run("return location.pathname") == path, 10, "the item's page")
        tab.get(f"{portal.url}/")
        clicked = path.removeprefix("/items/")
        wait_for(lambda clicked=clicked: (now := shown(tab)) and clicked not in now, 30, "another list")
    assert shown(tab) != general
    assert fits(tab, width)
    assert "您看过的《" in tab.run("return document.querySelector('civicrec-list').innerText")
    sql = "SELECT subject_id FROM events WHERE site = 'gz' AND kind = 'click' AND anonymous_id = {who:String}"
    who, warehouse = tab.run("return civicrec('id')"), ClickHouseWarehouse(portal.stack.settings.warehouse)
    rows = wait_for(lambda: len(rows := warehouse.rows(sql, {"who": who})) >= 2 and rows, 30, "the clicks")
    warehouse.close()
    assert len(rows) == 2
    assert all(bool(row["subject_id"]) is is_signed_in for row in rows)


@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing_serious_in_any_state_of_the_page(portal: Portal, tab: Tab, width: int) -> None:
    tab.set_width(width)
    tag = 'data-link="/items/{id}" data-about="/about" data-settings="/me"'
    tab.get(portal.add("/", LIST + BANNER, tag=tag))
    wait_for(lambda: len(shown(tab)) == 6 and tab.run(f"return !!{BUTTON.format('不同意')}"), 20, "list and banner")
    assert serious_faults(tab) == []
    press(tab, "同意个性化推荐")
    press(tab, "不感兴趣")
    wait_for(lambda: tab.run(f"return !!{BUTTON.format('撤销')}"), 10, "a way back")
    assert serious_faults(tab) == []


def test_axe_sees_what_it_is_asked_to_see(portal: Portal, browser: webdriver.Chrome) -> None:
    tab = ChromiumTab(browser)
    portal.pages["/bad"] = '<!doctype html><html><title>x</title><main><img src="/x.png"><a href="/y"></a></main>'
    tab.get(f"{portal.url}/bad")
    assert [fault.partition(" ")[0] for fault in serious_faults(tab)] == ["html-has-lang", "image-alt", "link-name"]


@pytest.fixture(scope="module")
def deaf_firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FirefoxTab]:
    if not FIREFOX:
        pytest.skip(NO_FIREFOX)
    with open_firefox(tmp_path_factory.mktemp("deaf"), javascript_enabled=False) as running:
        yield FirefoxTab(running)


@pytest.fixture(params=["chromium", "firefox"])
def deaf_tab(request: pytest.FixtureRequest) -> Tab:
    """A tab whose pages run no script."""
    if request.param == "firefox":
        return request.getfixturevalue("deaf_firefox")  # type: ignore[no-any-return]
    driver: webdriver.Chrome = request.getfixturevalue("browser")
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    return ChromiumTab(driver)


@pytest.mark.parametrize("width", [360, 1280])
def test_without_scripts_the_list_of_the_portals_server_is_read_and_followed(
    portal: Portal, deaf_tab: Tab, width: int
) -> None:
    asked = {"scene": "home", "n": 6, "link": "/items/{id}", "site": "gz"}
    written = httpx.get(f"{portal.stack.serving_url}/v1/recommendations.html", params=asked)
    deaf_tab.set_width(width)
    deaf_tab.get(portal.add("/", f'<civicrec-list scene="home" n="6">{written.text}</civicrec-list>{BANNER}'))
    titles = deaf_tab.run(TITLES)
    assert len(titles) == 6
    assert all(titles)
    assert deaf_tab.run(SHOWN) is None  # nothing ran
    assert portal.asked == []
    assert fits(deaf_tab, width)
    path = deaf_tab.run("const link = document.querySelector('a.civicrec-title'); link.click(); return link.pathname")
    assert path.startswith("/items/")
    wait_for(lambda: urlsplit(deaf_tab.run("return location.href")).path == path, 10, "the item's page")


@pytest.mark.parametrize("width", [360, 1280])
def test_without_scripts_a_static_page_keeps_its_own_content(portal: Portal, deaf_tab: Tab, width: int) -> None:
    deaf_tab.set_width(width)
    deaf_tab.get(portal.add("/", LIST))
    assert deaf_tab.run("return document.querySelector('civicrec-list').innerText.trim()") == "查看全部政策"
    assert fits(deaf_tab, width)
