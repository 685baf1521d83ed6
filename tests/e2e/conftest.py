"""One stack, one Chromium and one Firefox for all tests of the widget; each test finds nothing that another left."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from selenium import webdriver

from civicrec.clock import utc_now
from civicrec.registry.catalogue import upsert_items
from civicrec.registry.tables import open_registry
from operations.demo.catalogue import demo_items
from tests.collectors.tracker.conftest import CHROMIUM, DRIVER, NO_CHROMIUM, open_chromium
from tests.collectors.tracker.site import serving
from tests.e2e.widget_portal import KEY, Portal
from tests.running import RunningStack, free_ports, running_stack, settings_on_free_ports


@pytest.fixture(scope="session")
def city_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningStack, tuple[int, int]]]:
    """The whole stack with the catalogue of the invented city, and the ports of a portal's pages and of the door."""
    home = tmp_path_factory.mktemp("city")
    page, door = free_ports(2)
    sites = json.dumps({"gz": {"key": KEY, "origins": [f"http://127.0.0.1:{page}"]}})
    settings = settings_on_free_ports(home)
    upsert_items(open_registry(settings.registry_address), demo_items(utc_now()))
    with running_stack(home, settings=settings, env={"CIVICREC_SITES": sites}) as running:
        yield running, (page, door)


@pytest.fixture(scope="session")
def one_portal(city_stack: tuple[RunningStack, tuple[int, int]]) -> Iterator[Portal]:
    """The portal of all tests: a browser keeps its connections, and would find the pages of an earlier one there."""
    running, (page, door) = city_stack
    portal = Portal(running, page, door)
    with serving(page, portal.page), serving(door, portal.pass_on):
        yield portal


@pytest.fixture
def portal(one_portal: Portal) -> Portal:
    """The portal without a page, its door open."""
    one_portal.empty()
    return one_portal


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    if not (CHROMIUM and DRIVER):
        pytest.skip(NO_CHROMIUM)
    driver = open_chromium(tmp_path_factory.mktemp("chromium"))
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium: webdriver.Chrome, portal: Portal) -> Iterator[webdriver.Chrome]:
    """The Chromium of all tests, as new: no storage of the portal's pages, no emulation, nothing said."""
    chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    chromium.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": portal.url, "storageTypes": "all"})
    chromium.get_log("browser")
    yield chromium
    chromium.get("about:blank")  # a page that is left open goes on asking, in the next test
