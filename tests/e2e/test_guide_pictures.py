"""Pictures of docs/add-to-your-portal.md, made from a real run in the invented city.

``make test ARGS="-n 0 -m '' tests/e2e/test_guide_pictures.py"`` makes them anew; otherwise they are looked at only.
"""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import pytest
from PIL import Image
from selenium import webdriver

from tests.e2e.browsers import ChromiumTab
from tests.e2e.test_widget_page import BANNER, LIST, press, shown
from tests.e2e.widget_portal import Portal
from tests.running import wait_for

DOCS = Path(__file__).parents[2] / "docs"
MOST_BYTES = 60_000
COLOURS = 48
STYLE = """
body { margin: 0; font: 16px/1.6 sans-serif; color: #222; background: #fff }
main { max-width: 44rem; margin: 0 auto; padding: 0 1rem 1rem } h1 { font-size: 1.4rem }
civicrec-list { display: block; min-height: 39em } a { color: #0b4f9e } #after { display: none }
"""
FOLLOW = """const links = Array.from(document.querySelectorAll('a.civicrec-title'));
const link = links.find((one) => one.textContent.includes('WORD')) || links[0]; link.click(); return link.pathname"""


def keep(driver: webdriver.Chrome, name: str) -> None:
    """Write what the tab shows, in few colours: it is text."""
    taken = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"]
    picture = Image.open(io.BytesIO(base64.b64decode(taken))).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(DOCS / "images" / name, optimize=True)


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.stack
@pytest.mark.parametrize("width", [360, 1280])
def test_pictures_are_made(portal: Portal, browser: webdriver.Chrome, width: int) -> None:
    tab = ChromiumTab(browser)
    portal.style = STYLE.encode()
    tab.set_width(width)
    tab.get(portal.add("/", LIST + BANNER))
    wait_for(lambda: len(shown(tab)) == 6, 20, "a list")
    keep(browser, f"guide-asked-{width}.png")
    press(tab, "同意个性化推荐")
    for word in ("招聘", "求职", "就业"):  # the reader looks for work
        path = tab.run(FOLLOW.replace("WORD", word))
        wait_for(lambda path=path: tab.run("return location.pathname") == path, 10, "the item's page")
        tab.get(f"{portal.url}/")
        clicked = path.removeprefix("/items/")
        wait_for(lambda clicked=clicked: (now := shown(tab)) and clicked not in now, 30, "another list")
    text = "return document.querySelector('civicrec-list').innerText"
    wait_for(lambda: "您看过的《" in tab.run(text), 30, "a reason")
    keep(browser, f"guide-changed-{width}.png")


def test_pictures_of_the_guide_are_there_small_and_as_wide_as_said() -> None:
    guide = (DOCS / "add-to-your-portal.md").read_text()
    named = re.findall(r"images/(guide-[a-z]+-(\d+)\.png)", guide)
    assert sorted(name for name, _ in named) == sorted(path.name for path in (DOCS / "images").glob("guide-*.png"))
    assert {width for _, width in named} == {"360", "1280"}
    for name, width in named:
        path = DOCS / "images" / name
        assert path.stat().st_size <= MOST_BYTES
        with Image.open(path) as picture:
            assert picture.width == int(width)
