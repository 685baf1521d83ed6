"""Large type, the switch and minors, each on every page: what is shown, how much of it, and for whom it is made."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from civicrec.accounting.progress import Commit
from civicrec.clock import to_ms
from civicrec.settings import Site
from profiles.online.ports import OnlineUpdate, RecentItem
from tests.serving.conftest import NOW, Api, stocked_api
from tests.serving.portal.test_my_settings import AGREED, AID, page

ELDER = {"civicrec_elder": "1"}
PAGES = ("", "items/i1", "items/i3", "lists/service", "lists/policy")
LISTS = re.compile(r"<ol[^>]*>(.*?)</ol>", re.DOTALL)
ITEM = re.compile(r'data-civicrec-item="([^"]+)" data-civicrec-type="([^"]+)" data-civicrec-scene="([^"]+)"')


@pytest.fixture
def read(api: Api) -> Api:
    """The portal of a visitor who read two items."""
    api.store.apply(
        Commit("log", 0, 1), OnlineUpdate(recent={AID: [RecentItem(name, to_ms(NOW)) for name in ("i0", "i5")]})
    )
    return api


def lists(text: str) -> list[list[tuple[str, str, str]]]:
    """Return (item, type, scene) of each list on a page."""
    return [found for block in LISTS.findall(text) if (found := ITEM.findall(block))]


@pytest.mark.parametrize("cookies", [ELDER, AGREED | ELDER])
def test_large_type_shows_six_at_most_and_services_first(read: Api, cookies: dict[str, str]) -> None:
    for path in PAGES:
        text = page(read, cookies, f"/portal/{path}")
        found = lists(text)
        assert found, path
        assert max(map(len, found)) <= 6, path
        menu = re.findall(r'<li><a href="(/portal/[^"]*)"', text[text.index('aria-label="主导航"') :])
        assert menu[:2] == ["/portal/", "/portal/lists/service"]
    recommended = lists(page(read, cookies, "/portal/"))[0]
    assert {scene for _, _, scene in recommended} == {"elder"}
    types = [kind in ("service", "guide") for _, kind, _ in recommended]
    assert types == sorted(types, reverse=True)
    assert types[0]
    # The same of the pages without large type is longer: it is the mode that shortens them.
    assert max(map(len, lists(page(read, AGREED, "/portal/lists/policy")))) > 6


def test_the_elder_scene_is_never_longer_than_six_and_begins_with_services(read: Api) -> None:
    for query in ({"n": 50}, {"n": 50, "mode": "general"}, {"n": 50, "anonymous_id": AID}):
        items = read.get("/v1/recommendations", scene="elder", **query).json()["items"]
        assert 0 < len(items) <= 6
        types = [item["item_type"] == "service" for item in items]
        assert types == sorted(types, reverse=True)


@pytest.mark.parametrize(
    ("cookies", "headers"),
    [
        (AGREED | {"civicrec_mode": "general"}, {}),
        (AGREED | {"civicrec_consent": "measure"}, {}),
        (AGREED | {"civicrec_consent": "none"}, {}),
        (AGREED, {"sec-gpc": "1"}),
    ],
)
def test_general_pages_show_everybodys_lists(read: Api, cookies: dict[str, str], headers: dict[str, str]) -> None:
    cookie = {"cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
    for path in ("", "items/i1"):
        theirs = lists(read.ask("GET", f"/portal/{path}", headers=cookie | headers).text)
        assert theirs == lists(page(read, {}, f"/portal/{path}"))
    assert lists(page(read, AGREED, "/portal/")) != lists(page(read, {}, "/portal/"))  # their own differ


def test_pages_of_a_minor_are_everybodys_with_large_type_or_without(tmp_path: Path) -> None:
    with stocked_api(tmp_path, sites={"gz": Site(key=SecretStr("g" * 32))}) as api:
        keys = api.live.keys
        actor = keys.subject_id("gz", "child")
        api.store.apply(Commit("log", 0, 1), OnlineUpdate(recent={actor: [RecentItem("i0", to_ms(NOW))]}))
        for more in ({}, ELDER):
            grown = AGREED | more | {"civicrec_subject": keys.sign("gz", "child", NOW)}
            child = AGREED | more | {"civicrec_subject": keys.sign("gz", "child", NOW, minor=True)}
            assert lists(page(api, child, "/portal/")) == lists(page(api, more, "/portal/"))
            assert lists(page(api, grown, "/portal/")) != lists(page(api, more, "/portal/"))
