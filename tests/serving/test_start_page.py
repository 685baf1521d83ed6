"""``/`` and the pages below ``/portal/``: an installation is itself, and only the demo's home is the invented city."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from civicrec.home import DEMO
from civicrec.registry.catalogue import upsert_items
from civicrec.settings import Site
from profiles.online.memory import MemoryOnlineStore
from tests.serving.conftest import Api, items, open_api

CITY = "云澜市"
PAGES = ["/", "/portal/", "/portal/items/i0", "/portal/lists/policy", "/portal/about", "/portal/items/nothing"]
SITE = Site(key=SecretStr("k" * 32), origins=("https://www.example.gov.cn",))
AGREED = {"Cookie": "civicrec_consent=personalise; civicrec_aid=A1b2C3d4E5f6G7h8I9j0"}


@pytest.mark.parametrize("path", PAGES)
def test_an_installation_shows_no_invented_city(api: Api, path: str) -> None:
    api.live.refresh()
    assert CITY not in api.get(path).text
    assert "演示" not in api.get(path).text


@pytest.mark.parametrize("path", PAGES[1:])
def test_the_home_of_the_demo_shows_the_city_and_says_that_it_is_invented(api: Api, path: str) -> None:
    DEMO.of(api.settings.home).touch()
    assert "虚构的城市" in api.get(path).text


def test_the_start_page_leads_to_all_there_is(api: Api) -> None:
    api.live.refresh()
    page = api.get("/")
    assert page.status_code == 200
    links = [part.split('"')[0] for part in page.text.split('href="')[1:]]
    assert {"/console/", "/portal/", "/docs", "/readyz"} <= set(links)
    assert {link: api.get(link).status_code for link in links if link != "/console/"} == {
        link: 200 for link in links if link != "/console/"
    }
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_the_start_page_says_what_is_missing_until_it_is_there(tmp_path: Path) -> None:
    empty = open_api(tmp_path / "empty", MemoryOnlineStore())
    empty.live.refresh()
    text = empty.get("/").text
    assert all(what in text for what in ("civicrec catalog import", "civicrec site add", "civicrec nightly"))
    upsert_items(empty.registry, items())
    empty.live.refresh()
    assert "civicrec catalog import" not in empty.get("/").text
    empty.registry.dispose()
    configured = open_api(tmp_path / "configured", MemoryOnlineStore(), sites={"gz": SITE})
    configured.live.refresh()
    assert "civicrec site add" not in configured.get("/").text
    configured.registry.dispose()


@pytest.mark.parametrize(("sites", "is_tracked"), [({}, True), ({"gz": SITE}, False)])
def test_a_preview_is_no_visit_to_a_portal_that_is_configured(
    tmp_path: Path, sites: dict[str, Site], is_tracked: bool
) -> None:
    opened = open_api(tmp_path, MemoryOnlineStore(), sites=sites)
    upsert_items(opened.registry, items())
    opened.live.refresh()
    page = opened.ask("GET", "/portal/items/i0", headers=AGREED)
    assert page.status_code == 200
    assert ("/c.js" in page.text) == is_tracked
    opened.registry.dispose()
