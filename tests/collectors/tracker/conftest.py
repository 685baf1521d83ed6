"""One collector process and one Chromium for all tests here; each test has a site, and so an origin, of its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from tests.collectors.tracker.site import Site, a_site
from tests.running import RunningStack, free_ports, running_stack, wait_for

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
NO_CHROMIUM = "needs chromium and chromedriver (Debian: apt-get install chromium chromium-driver)"

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1000,800",
)  # fmt: skip


@pytest.fixture(scope="session")
def collecting_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningStack, Iterator[int]]]:
    """A collector, and ports whose origins it lets in."""
    ports = free_ports(400)
    origins = json.dumps([f"http://127.0.0.1:{port}" for port in ports])
    home = tmp_path_factory.mktemp("tracked")
    with running_stack(home, only=("collect",), env={"CIVICREC_COLLECTOR__ORIGINS": origins}) as stack:
        yield stack, iter(ports)


@pytest.fixture
def site(collecting_stack: tuple[RunningStack, Iterator[int]], request: pytest.FixtureRequest) -> Iterator[Site]:
    stack, ports = collecting_stack
    # Letters only: a number of eleven digits may be a telephone's, and the collector masks those.
    name = sha256(request.node.nodeid.encode()).hexdigest()[:12].translate(str.maketrans("0123456789", "ghijklmnop"))
    with a_site(name, stack, ports) as site:
        yield site


def open_chromium(folder: Path) -> webdriver.Chrome:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f"--user-data-dir={folder}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service(DRIVER))  # a path given: nothing is downloaded


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    if not (CHROMIUM and DRIVER):
        pytest.skip(NO_CHROMIUM)
    driver = open_chromium(tmp_path_factory.mktemp("chromium"))
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium: webdriver.Chrome) -> Iterator[webdriver.Chrome]:
    """Chromium with one empty tab."""
    yield chromium
    first, *others = chromium.window_handles
    for handle in others:
        chromium.switch_to.window(handle)
        chromium.close()
    chromium.switch_to.window(first)
    chromium.get("about:blank")
    chromium.get_log("browser")


def console_lines(browser: webdriver.Chrome) -> list[str]:
    """What the tracker has said in the console since this was last asked."""
    return [entry["message"] for entry in browser.get_log("browser") if "civicrec:" in entry["message"]]


def open_tracked(browser: webdriver.Chrome, address: str) -> None:
    """Open a page and wait until its tracker has run; on a busy machine the page may be there before."""
    browser.get(address)

    def has_run() -> bool:
        return bool(browser.execute_script("return typeof window.civicrec === 'function'"))

    wait_for(has_run, 20, lambda: f"the tracker of {address}; the browser said: {browser.get_log('browser')}")
