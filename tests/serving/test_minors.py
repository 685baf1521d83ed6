"""Minors get general lists and leave nothing behind: by a token that says so, and on a portal for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from civicrec.accounting.progress import Commit
from civicrec.clock import to_ms
from civicrec.settings import Site
from profiles.online.ports import OnlineUpdate, RecentItem
from serving.live import Caller, Page
from serving.portal.visitor import CONSENT_COOKIE, ID_COOKIE
from tests.serving.conftest import NOW, Api, stocked_api

URL = "/v1/recommendations"
SITES = {
    "gz": Site(key=SecretStr("g" * 32)),
    "school": Site(key=SecretStr("s" * 32), minors=True),
}


@pytest.fixture
def portals(tmp_path: Path) -> Iterator[Api]:
    with stocked_api(tmp_path, sites=SITES) as opened:
        yield opened


def known(api: Api, actor: str) -> None:
    recent = [RecentItem(item_id, to_ms(NOW)) for item_id in ("i0", "i3")]
    api.store.apply(Commit("log", 0, 1), OnlineUpdate(recent={actor: recent}))


@pytest.mark.parametrize(("site", "minor", "mode"), [
    ("gz", False, "personalised"), ("gz", True, "general"), ("school", False, "general"), ("school", True, "general"),
])  # fmt: skip
def test_a_minors_list_is_everybodys(portals: Api, site: str, minor: bool, mode: str) -> None:
    keys = portals.live.keys
    known(portals, keys.subject_id(site, "u"))
    token = keys.sign(site, "u", NOW, minor=minor)
    asked = {"site": site, "n": 5, "subject_token": token}
    general = [item["item_id"] for item in portals.get(URL, site=site, n=5, mode="general").json()["items"]]
    of_page = portals.post(URL, {"site": site, "subject_token": token, "blocks": [{"scene": "home", "n": 5}]})
    for answer in (portals.get(URL, **asked).json(), of_page.json()["blocks"][0]):
        assert answer["mode"] == mode
        assert ([item["item_id"] for item in answer["items"]] == general) is (mode == "general")


def test_a_name_and_a_history_make_no_difference_on_a_portal_for_minors(portals: Api) -> None:
    known(portals, "anon:a")
    answer = portals.get(URL, site="school", n=5, anonymous_id="a", recent="i6").json()
    assert (answer["mode"], answer["items"]) == (
        "general", portals.get(URL, site="school", n=5, mode="general").json()["items"]
    )  # fmt: skip


def test_what_a_minor_refuses_is_not_kept(portals: Api) -> None:
    keys = portals.live.keys
    for minor in (True, False):
        token = keys.sign("gz", "u", NOW, minor=minor)
        portals.post("/v1/feedback", {"site": "gz", "kind": "dislike", "item_id": "i0", "subject_token": token})
        disliked = portals.store.actor(keys.subject_id("gz", "u")).disliked
        assert ("i0" in disliked) is not minor


@pytest.mark.parametrize(("minors", "mode"), [(True, "general"), (False, "personalised")])
def test_pages_of_a_portal_for_minors_have_general_lists(
    tmp_path: Path, minors: bool, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stocked_api(tmp_path, sites={"own": Site(key=SecretStr("o" * 32), minors=minors)}) as api:
        callers: list[Caller] = []
        page = api.live.page

        async def noted(caller: Caller, *given: Any, **named: Any) -> Page:
            callers.append(caller)
            return await page(caller, *given, **named)

        monkeypatch.setattr(api.live, "page", noted)
        cookie = f"{CONSENT_COOKIE}=personalise; {ID_COOKIE}={uuid4().hex}"
        assert api.ask("GET", "/portal/", headers={"cookie": cookie}).status_code == 200
        assert {caller.mode for caller in callers} == {mode}
        assert all(bool(caller.actor) is not minors for caller in callers)
