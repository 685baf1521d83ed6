"""Chromium and Firefox behind the four things a test of a page asks of a browser, and axe-core in its pages.

axe-core comes from npm, under its own licence (MPL 2.0), for tests alone.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Protocol

import pytest
from selenium import webdriver

from tests.collectors.tracker.firefox import Firefox

AXE = "axe-core@4.14.1"
HEIGHT = 800
_RUN_AXE = """
return axe.run(document, {resultTypes: ["violations"]}).then(({violations, passes}) => JSON.stringify({
  passed: passes.length,
  wrong: violations.filter((one) => ["serious", "critical"].includes(one.impact))
    .map((one) => [one.id, one.help, ...one.nodes.map((node) => node.html)].join(" | ")),
}));
"""
_RUN_WCAG = """
return axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], resultTypes: ["violations"]})
  .then(({violations, passes}) => JSON.stringify({
    passed: passes.length,
    wrong: violations.flatMap((one) => one.nodes.map((node) => [one.id, one.help, node.html].join(" | "))),
  }));
"""


class Tab(Protocol):
    """A tab of a browser."""

    def get(self, url: str) -> None: ...

    def run(self, body: str) -> Any:
        """Run the body of a function in the page; return what it returns, a plain value or the promise of one."""

    def set_width(self, width: int) -> None: ...


class ChromiumTab:
    """Over WebDriver and Chromium's own protocol."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def get(self, url: str) -> None:
        self.driver.get(url)

    def run(self, body: str) -> Any:
        return self.driver.execute_script(body)

    def set_width(self, width: int) -> None:
        screen = {"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)


class FirefoxTab:
    """Over WebDriver BiDi."""

    def __init__(self, firefox: Firefox) -> None:
        self._firefox = firefox

    def get(self, url: str) -> None:
        self._firefox.get(url)

    def run(self, body: str) -> Any:
        return self._firefox.execute_script(body)

    def set_width(self, width: int) -> None:
        self._firefox.resize(width, HEIGHT)


@cache
def axe_script() -> str:
    """Return axe-core; skips the test where npm does not bring it."""
    if not shutil.which("npm"):
        pytest.skip("needs npm, for axe-core")
    folder = Path(mkdtemp())
    try:
        done = subprocess.run(
            ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", AXE],
            cwd=folder, capture_output=True, text=True, check=False, timeout=200,
        )  # fmt: skip
        if done.returncode:
            pytest.skip(f"npm does not bring {AXE}: {done.stderr[-200:]}")
        return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text()
    finally:
        shutil.rmtree(folder)


def wcag_faults(tab: Tab) -> list[str]:
    """Return whatever axe finds in the page against WCAG 2.1 at level AA, of any weight."""
    tab.run(f"{axe_script()}; return 1")
    found = json.loads(tab.run(_RUN_WCAG))
    assert found["passed"], found
    return list(found["wrong"])


def serious_faults(tab: Tab) -> list[str]:
    """Return what axe finds in the page that keeps people from using it, serious or critical."""
    tab.run(f"{axe_script()}; return 1")
    found = json.loads(tab.run(_RUN_AXE))
    assert found["passed"], found
    return list(found["wrong"])
