"""A list asked with a token and an anonymous id uses what was done before signing in, and nothing of anybody else."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from civicrec.accounting.progress import Commit
from civicrec.clock import to_ms
from civicrec.settings import Site
from profiles.online.ports import ActorState, OnlineUpdate, RecentItem, Visit
from profiles.online.pseudonyms import digest_of
from tests.serving.conftest import NOW, Api, stocked_api

URL = "/v1/recommendations"
BROWSER = "a" * 31 + "g"
KEY = "a-key-of-both-sites-that-is-long-enough"


def ms(minutes_ago: float) -> int:
    return to_ms(NOW - timedelta(minutes=minutes_ago))


def clicked(api: Api, actor: str, *items: str, minutes_ago: float = 5, **more: Any) -> None:
    recent = {actor: [RecentItem(name, ms(minutes_ago)) for name in items]}
    first = api.store.progress("log").all_before()
    assert api.store.apply(Commit("log", first, first + 1), OnlineUpdate(recent=recent, **more))


def subject(api: Api, name: str = "u", site: str = "demo") -> tuple[str, str]:
    token = api.live.keys.sign(site, name, NOW)
    return token, api.live.keys.subject_of(token, site, NOW)


def test_what_was_done_before_signing_in_counts_from_the_first_list_on(api: Api) -> None:
    token, me = subject(api)
    clicked(api, BROWSER, "i0", "i1", disliked={BROWSER: {"i7": ms(5)}}, done={BROWSER: {"i9": ms(5)}})
    as_browser = api.get(URL, n=30, anonymous_id=BROWSER).json()
    assert as_browser["mode"] == "personalised"
    assert api.get(URL, n=30, subject_token=token).json()["mode"] == "general"
    both = api.get(URL, n=30, subject_token=token, anonymous_id=BROWSER).json()
    assert (both["mode"], both["items"]) == ("personalised", as_browser["items"])
    clicked(api, me, "i4")
    ids = api.ids(n=30, subject_token=token, anonymous_id=BROWSER)
    assert not {"i0", "i1", "i4", "i7", "i9"}.intersection(ids[: len(ids) - 3])
    assert not {"i7", "i9"}.intersection(ids)
    asked = {"blocks": [{"n": 30}], "anonymous_id": BROWSER}
    answer = api.ask("POST", URL, json=asked, headers={"authorization": f"Bearer {token}"})
    assert [item["item_id"] for item in answer.json()["blocks"][0]["items"]] == ids


def test_what_was_done_longer_ago_or_before_another_signed_in_is_not_used(api: Api) -> None:
    token, me = subject(api)
    _, other = subject(api, "other")
    clicked(api, BROWSER, "i0", minutes_ago=31)
    assert api.get(URL, subject_token=token, anonymous_id=BROWSER).json()["mode"] == "general"
    clicked(api, BROWSER, "i1", minutes_ago=10)
    alone = api.get(URL, n=30, subject_token=token, anonymous_id=BROWSER)
    assert alone.json()["mode"] == "personalised"
    clicked(api, BROWSER, signed_in={BROWSER: {digest_of(me): ms(1)}})
    assert api.get(URL, subject_token=token, anonymous_id=BROWSER).json()["mode"] == "personalised"
    clicked(api, BROWSER, signed_in={BROWSER: {digest_of(other): ms(9)}})
    assert api.get(URL, subject_token=token, anonymous_id=BROWSER).json()["mode"] == "general"
    assert api.get(URL, subject_token=subject(api, "other")[0], anonymous_id=BROWSER).json()["mode"] == "general"
    clicked(api, BROWSER, "i2", minutes_ago=8)
    assert api.get(URL, subject_token=token, anonymous_id=BROWSER).json()["mode"] == "personalised"


def test_a_subject_that_withdrew_consent_or_switched_off_gets_nothing_of_before(api: Api) -> None:
    token, me = subject(api)
    clicked(api, BROWSER, "i1", minutes_ago=10)
    asked = {"subject_token": token, "anonymous_id": BROWSER}
    for actor in (me, BROWSER):
        api.store.switch(actor, on=False)
        assert api.get(URL, **asked).json()["mode"] == "general"
        api.store.switch(actor, on=True)
        assert api.get(URL, **asked).json()["mode"] == "personalised"
    assert api.get(URL, mode="general", **asked).json()["mode"] == "general"
    api.store.withdraw(me, ms(10))
    assert api.get(URL, **asked).json()["mode"] == "general"


def test_on_a_shared_device_nothing_is_joined(api: Api, tmp_path: Path) -> None:
    token, _ = subject(api)
    clicked(api, BROWSER, "i1")
    asked = {"subject_token": token, "anonymous_id": BROWSER}
    assert api.get(URL, shared_device=1, **asked).json()["mode"] == "general"
    assert api.get(URL, shared_device=0, **asked).json()["mode"] == "personalised"
    assert api.get(URL, shared_device=1, anonymous_id=BROWSER).json()["mode"] == "personalised"
    answer = api.post(URL, {"blocks": [{}], "shared_device": True, **asked})
    assert answer.json()["blocks"][0]["mode"] == "general"
    assert api.get(URL, shared_device="perhaps", **asked).status_code == 422
    sites = {"gz": Site(key=KEY), "hall": Site(key=KEY, shared_devices=True)}
    with stocked_api(tmp_path / "two", sites=sites) as two:
        clicked(two, BROWSER, "i1")
        for site, mode in (("gz", "personalised"), ("hall", "general")):
            asked = {"subject_token": subject(two, site=site)[0], "anonymous_id": BROWSER, "site": site}
            assert two.get(URL, **asked).json()["mode"] == mode


@pytest.mark.parametrize("anonymous_id", ["王", "a b", "x" * 65])
def test_an_anonymous_id_that_is_none_is_refused_beside_a_token_too(api: Api, anonymous_id: str) -> None:
    answer = api.get(URL, subject_token=subject(api)[0], anonymous_id=anonymous_id)
    assert answer.status_code == 422
    assert "anonymous_id" in answer.text


def test_the_store_is_asked_once_for_both(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    token, me = subject(api)
    asked: list[tuple[str, ...]] = []

    async def actor(name: str) -> ActorState:
        asked.append((name,))
        return ActorState()

    async def visit(*names: str) -> Visit:
        asked.append(names)
        return Visit(ActorState(), ActorState(), 0)

    monkeypatch.setattr(api.live.reader, "actor", actor)
    monkeypatch.setattr(api.live.reader, "visit", visit)
    api.get(URL, subject_token=token, anonymous_id="f" * 32)
    api.get(URL, subject_token=token)
    api.get(URL, anonymous_id=BROWSER)
    api.get(URL, anonymous_id=BROWSER, subject_token=token, mode="general")
    assert asked == [(me, "a:" + "f" * 32), (me,), (BROWSER,)]
