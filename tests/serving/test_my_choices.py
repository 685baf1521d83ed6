"""What signed-in people decide about their own recommendations, over HTTP; every list obeys from the next one on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from civicrec.accounting.progress import Commit
from civicrec.clock import to_ms
from civicrec.errors import Unavailable
from civicrec.registry.choices import choices
from profiles.online.ports import OnlineUpdate, RecentItem
from tests.serving.conftest import NOW, Api, stocked_api


class Person:
    """A signed-in user of the demo portal."""

    def __init__(self, api: Api, name: str = "wang") -> None:
        self.api = api
        self.actor = api.live.keys.subject_id("demo", name)
        self.headers = {"Authorization": f"Bearer {api.live.keys.sign('demo', name, NOW)}"}

    def ask(self, method: str, path: str, **given: Any) -> httpx.Response:
        return self.api.ask(method, f"/v1/me/{path}", headers=self.headers, **given)

    def switch(self, way: str) -> httpx.Response:
        return self.ask("PUT", "personalisation", json={"personalisation": way})

    def read(self, *item_ids: str) -> None:
        items = [RecentItem(item_id, to_ms(NOW) - 1_000 * n) for n, item_id in enumerate(item_ids)]
        self.api.store.apply(Commit(f"log-{self.actor}", 0, 1), OnlineUpdate(recent={self.actor: items}))

    def list(self, **query: Any) -> dict[str, Any]:
        answer = self.api.ask("GET", "/v1/recommendations", headers=self.headers, params=query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
def person(api: Api) -> Person:
    me = Person(api)
    me.read("i0", "i5")
    return me


def ids(made: dict[str, Any]) -> list[str]:
    return [item["item_id"] for item in made["items"]]


def test_switched_off_the_next_list_is_that_of_a_stranger(person: Person, api: Api) -> None:
    before = person.list()
    assert before["mode"] == "personalised"
    assert person.ask("GET", "personalisation").json() == {"personalisation": "on", "off_since": None}
    answer = person.switch("off")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "private, no-store")
    assert answer.json() == {"personalisation": "off", "off_since": "2026-03-10T04:00:00Z"}
    assert person.ask("GET", "personalisation").json() == answer.json()
    general = api.get("/v1/recommendations").json()
    for query in ({}, {"recent": "i1,i2"}):
        made = person.list(**query)
        assert (made["mode"], ids(made)) == ("general", ids(general))
    assert choices(api.registry).off == {person.actor}
    assert person.switch("on").json() == {"personalisation": "on", "off_since": None}
    assert ids(person.list()) == ids(before)
    assert choices(api.registry).off == frozenset()


_ways = st.sampled_from(["on", "off", "clear", "list", "page", "fragment"])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(done=st.lists(_ways, max_size=12))
def test_no_list_by_any_way_is_personal_while_it_is_off(person: Person, api: Api, done: list[str]) -> None:
    person.switch("on")
    is_off = False
    for way in done:
        if way in ("on", "off"):
            assert person.switch(way).status_code == 200
            is_off = way == "off"
        elif way == "clear":
            api.store.clear()
            person.read("i0", "i5")
        elif way == "fragment":
            page = api.ask("GET", "/v1/recommendations.html", headers=person.headers)
            if is_off:
                assert "看过" not in page.text
        else:
            body = {"blocks": [{"scene": "home", "n": 4}, {"scene": "policies", "n": 2}], "recent": ["i3"]}
            answer = api.ask("POST", "/v1/recommendations", headers=person.headers, json=body)
            modes = {block["mode"] for block in answer.json()["blocks"]} if way == "page" else {person.list()["mode"]}
            assert modes == ({"general"} if is_off else {"personalised"})


def test_one_switch_is_one_persons(person: Person, api: Api) -> None:
    other = Person(api, "li")
    other.read("i0", "i5")
    person.switch("off")
    assert (person.list()["mode"], other.list()["mode"]) == ("general", "personalised")


def test_tags_are_told_with_what_they_rest_on(person: Person, api: Api) -> None:
    api.store.put_tags(
        "run", [(person.actor, {"theme:就业创业": 1.25, "theme:住房保障": 0.5, "theme:不再使用的词": 9.0})]
    )
    told = person.ask("GET", "tags").json()
    first, second = told["tags"]
    assert first == {
        "tag": "theme:就业创业", "word": "就业创业", "dimension": "theme", "sentence": "您近期关注就业创业方面的内容",
        "kind": "behavioural", "weight": 1.25,
        "evidence": [{"item_id": "i0", "title": "第0号事项"}, {"item_id": "i5", "title": "第5号事项"}],
    }  # fmt: skip
    assert (second["tag"], second["evidence"]) == ("theme:住房保障", [])
    assert told["deleted"] == []
    assert told["vocabulary"]


def test_what_was_just_read_is_told_before_any_night_and_goes_when_it_is_deleted(person: Person, api: Api) -> None:
    def told() -> dict[str, float]:
        return {one["tag"]: one["weight"] for one in person.ask("GET", "tags").json()["tags"]}

    first = told()
    assert first["theme:就业创业"] == 2.0  # two items of today, a click each
    api.store.put_tags("run", [(person.actor, {"theme:就业创业": 0.75})])
    assert told() == {**first, "theme:就业创业": 0.75}  # the night knows more of it
    person.ask("DELETE", "tags/theme:就业创业")
    assert "theme:就业创业" not in told()
    person.switch("off")
    assert told() == {}
    assert Person(api, "another").ask("GET", "tags").json()["tags"] == []


def test_what_was_read_brings_no_word_of_a_deleted_tag_back(person: Person) -> None:
    def by_tag() -> list[str]:
        return [item["item_id"] for item in person.list(n="30", explain="1")["items"] if "tags" in item["parts"]]

    before = by_tag()
    assert before
    person.ask("DELETE", "tags/theme:就业创业")
    assert by_tag() == []
    person.ask("PUT", "tags/theme:就业创业")
    assert by_tag() == before


def test_a_deleted_tag_is_used_no_more_and_a_chosen_one_from_now_on(person: Person, api: Api) -> None:
    api.store.put_tags("run", [(person.actor, {"theme:就业创业": 1.25})])
    for _ in range(2):  # said twice
        answer = person.ask("DELETE", "tags/theme:就业创业")
        assert (answer.status_code, answer.json()) == (200, {"tag": "theme:就业创业", "decision": "deleted"})
    assert (api.store.actor(person.actor).tags, api.store.actor(person.actor).deleted_tags) == (
        {}, {"theme:就业创业"},
    )  # fmt: skip
    told = person.ask("GET", "tags").json()
    assert (told["tags"], [one["word"] for one in told["deleted"]]) == ([], ["就业创业"])
    assert person.ask("PUT", "tags/theme:住房保障").json() == {"tag": "theme:住房保障", "decision": "chosen"}
    assert person.ask("PUT", "tags/theme:就业创业").status_code == 200
    told = person.ask("GET", "tags").json()
    assert {(one["tag"], one["kind"]) for one in told["tags"]} == {
        ("theme:住房保障", "chosen"), ("theme:就业创业", "chosen")
    }  # fmt: skip
    assert told["deleted"] == []


@pytest.mark.parametrize(
    ("method", "tag", "says"),
    [
        ("PUT", "theme:赌博", "'赌博' is blocked"),
        ("PUT", "theme:钓鱼", "unknown tag"),
        ("PUT", "爱好:钓鱼", "expected <dimension>:<word>"),
        ("DELETE", "随便写写", "unknown tag"),
        ("PUT", "group:残疾人", "separate consent"),
        ("PUT", "group:妇女", "who somebody is"),
        ("PUT", "theme:其他", "too wide"),
    ],
)
def test_only_governed_words_that_are_not_sensitive_can_be_chosen(
    person: Person, api: Api, method: str, tag: str, says: str
) -> None:
    before = choices(api.registry)
    answer = person.ask(method, f"tags/{tag}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert says in answer.json()["detail"]
    assert choices(api.registry) == before


@pytest.mark.parametrize("path", ["personalisation", "tags", "tags/theme:就业创业"])
def test_nobody_decides_for_another(api: Api, path: str) -> None:
    method = "PUT" if "theme" in path else "GET"
    other_site = {"Authorization": f"Bearer {api.live.keys.sign('other', 'wang', NOW)}"}
    for headers in ({}, {"Authorization": "Bearer nonsense"}, other_site):
        answer = api.ask(method, f"/v1/me/{path}", headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    pseudonym = api.ask(method, f"/v1/me/{path}?anonymous_id={api.live.keys.subject_id('demo', 'wang')}")
    assert pseudonym.status_code in (401, 422)
    assert choices(api.registry).off == frozenset()


def test_without_the_online_store_nothing_is_changed_and_no_list_is_personal(
    person: Person, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise Unavailable("away")

    for name in ("switch", "actor"):
        monkeypatch.setattr(api.store, name, away)
    answer = person.switch("off")
    assert (answer.status_code, bool(answer.headers["retry-after"])) == (503, True)
    assert choices(api.registry).off == frozenset()
    made = person.list(recent="i1,i2")
    assert (made["mode"], made["degraded"]) == ("general", True)


@pytest.fixture
def of_two_sites(tmp_path: Path) -> Iterator[Api]:
    sites = {name: {"key": name * 16, "origins": [f"https://{name}.example"]} for name in ("east", "west")}
    with stocked_api(tmp_path, sites=sites) as opened:
        yield opened


def test_pages_of_the_portal_may_ask_and_pages_of_others_may_not(of_two_sites: Api) -> None:
    asked = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization"}
    answer = of_two_sites.ask("OPTIONS", "/v1/me/personalisation", headers={"Origin": "https://east.example", **asked})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "https://east.example")
    assert "PUT" in answer.headers["access-control-allow-methods"]
    answer = of_two_sites.ask("OPTIONS", "/v1/me/personalisation", headers={"Origin": "https://bad.example", **asked})
    assert answer.status_code == 400
