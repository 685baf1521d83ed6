"""What signed-in people and firms say of themselves over HTTP, and what a portal's server imports of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from civicrec.registry.attributes import kept_of
from civicrec.registry.audit import audit_rows
from civicrec.registry.chain import Link
from serving.api.attributes import OwnAttributes
from tests.serving.conftest import NOW, Api, stocked_api

URL = "/v1/me/attributes"
KEY = "i" * 32
IMPORT = {"purpose": "惠企政策匹配", "catalogue_id": "440100-0123"}


class Person:
    """A signed-in user of a portal."""

    def __init__(self, api: Api, name: str = "wang", site: str = "demo") -> None:
        self.api = api
        self.site = site
        self.actor = api.live.keys.subject_id(site, name)
        self.headers = {"Authorization": f"Bearer {api.live.keys.sign(site, name, NOW)}"}

    def ask(self, method: str, path: str = "", headers: dict[str, str] | None = None, **given: Any) -> httpx.Response:
        query = {} if self.site == "demo" else {"site": self.site}
        return self.api.ask(method, f"{URL}{path}", headers=self.headers | (headers or {}), **{"params": query} | given)

    def say(self, how: dict[str, Any] | None = None, **attributes: Any) -> httpx.Response:
        return self.ask("PUT", json={"attributes": attributes} | (how or {}))

    def held(self) -> dict[str, Any]:
        told = self.ask("GET").json()["attributes"]
        return {one["attribute"]: one["value"] for one in told if one["state"] == "in_force"}


@pytest.fixture
def person(api: Api) -> Person:
    return Person(api)


def test_what_is_said_is_told_with_source_validity_and_history(person: Person) -> None:
    assert person.ask("GET").json() == {"attributes": []}
    answer = person.say(audience="个人", age=66, region="440106")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "private, no-store")
    assert person.ask("GET").json() == answer.json()
    assert answer.json()["attributes"][1] == {
        "attribute": "age", "value": 66, "state": "in_force", "source": "declared", "purpose": "", "catalogue_id": "",
        "said_at": "2026-03-10T04:00:00.000Z", "valid_until": "2027-03-11T04:00:00.000Z", "ended_at": None,
        "sensitive_consent_at": None,
    }  # fmt: skip
    person.say(age=67, region=None)
    assert person.held() == {"audience": "自然人", "age": 67}
    told = person.say({"valid_until": "2026-04-01T00:00:00+08:00"}, life_events=["退休"]).json()
    assert [(one["attribute"], one["state"]) for one in told["attributes"]] == [
        ("audience", "in_force"), ("age", "replaced"), ("region", "replaced"), ("age", "in_force"),
        ("life_events", "in_force"),
    ]  # fmt: skip
    assert told["attributes"][-1]["valid_until"] == "2026-03-31T16:00:00.000Z"
    msgspec.convert(told, OwnAttributes, strict=True)


def test_two_that_contradict_are_refused_naming_both_and_nothing_changes(person: Person) -> None:
    person.say(audience="自然人", age=40)
    before = person.ask("GET").json()
    for said, both in (
        ({"scale": "小型企业", "region": "440106"}, ('audience="自然人"', 'scale="小型企业"')),
        ({"groups": ["老年人"]}, ('groups=["老年人"]', "age=40")),
    ):
        answer = person.say(**said)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
        assert all(one in answer.json()["detail"] for one in both)
    assert person.ask("GET").json() == before
    assert person.say(audience="企业法人", age=None, scale="小型企业").status_code == 200


def test_a_sensitive_value_waits_for_its_own_consent_and_stands_nowhere_in_the_home(person: Person, api: Api) -> None:
    answer = person.say(groups=["残疾人"], region="440106")
    assert (answer.status_code, "sensitive_consent" in answer.json()["detail"]) == (422, True)
    assert person.held() == {}
    assert person.say({"sensitive_consent": True}, groups=["残疾人"]).status_code == 200
    assert person.held() == {"groups": ["残疾人"]}
    assert person.ask("GET").json()["attributes"][0]["sensitive_consent_at"] == "2026-03-10T04:00:00.000Z"
    [row] = audit_rows(api.registry, action="sensitive_consent_given")  # the proof outlasts the value
    assert (row.object_id, row.facts) == (api.live.keys.audit_name(person.actor), {"attributes": ["groups"]})
    files = [path for path in api.settings.home.rglob("*") if path.is_file()]
    assert any(person.actor.encode() in path.read_bytes() for path in files)  # the row is there
    spellings = ["残疾人".encode(), "残疾人".encode("utf-16-le"), b"\\u6b8b\\u75be"]
    assert [path for path in files for word in spellings if word in path.read_bytes()] == []


def test_deleted_it_is_gone_with_its_history(person: Person, api: Api) -> None:
    other = Person(api, "li")
    for one in (person, other):
        one.say(age=40, region="440106")
        one.say(age=41)
    answer = person.ask("DELETE", "/age")
    assert (answer.status_code, answer.json()) == (200, {"deleted": 2})
    assert person.ask("DELETE", "/age").json() == {"deleted": 0}
    assert [row.attribute for row in kept_of(api.registry, person.actor)] == ["region"]
    assert person.ask("DELETE").json() == {"deleted": 1}
    assert kept_of(api.registry, person.actor) == []
    assert other.held() == {"age": 41, "region": "440106"}
    unknown = person.ask("DELETE", "/height")
    assert (unknown.status_code, "unknown attribute" in unknown.json()["detail"]) == (422, True)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"attributes": {"height": 1}}, "unknown attribute 'height'"),
        ({"attributes": {"age": "六十"}}, "a number"),
        ({"attributes": {}}, "attributes"),
        ({}, "attributes"),
        ({"attributes": {"age": 40}, "valid_until": "2026-01-01T00:00:00Z"}, "valid_until"),
        ({"attributes": {"age": 40}, "valid_until": "tomorrow"}, "valid_until"),
        ({"attributes": {"age": 40}, "source": "imported"}, "source"),
        ({"attributes": {"scale": "小型企业"}, "imported": {"catalogue_id": "1"}}, "purpose"),
        ({"attributes": {"scale": "小型企业"}, "imported": {"purpose": "", "catalogue_id": "1"}}, "purpose"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(person: Person, api: Api, body: Any, says: str) -> None:
    answer = person.ask("PUT", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert says in answer.json()["detail"]
    assert kept_of(api.registry, person.actor) == []


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("PUT", ""), ("DELETE", ""), ("DELETE", "/age")])
def test_nobody_sees_or_changes_anothers(person: Person, api: Api, method: str, path: str) -> None:
    person.say(age=40)
    body = {"json": {"attributes": {"age": 1}}} if method == "PUT" else {}
    for headers in ({}, {"Authorization": "Bearer nonsense"}):
        assert api.ask(method, f"{URL}{path}", headers=headers, **body).status_code == 401
    assert person.held() == {"age": 40}


def test_of_minors_nothing_is_kept(api: Api) -> None:
    token = api.live.keys.sign("demo", "xiao", NOW, minor=True)
    body = {"attributes": {"age": 15}}
    answer = api.ask("PUT", URL, headers={"Authorization": f"Bearer {token}"}, json=body)
    assert (answer.status_code, kept_of(api.registry, api.live.keys.subject_id("demo", "xiao"))) == (403, [])


def test_what_is_read_writes_no_attribute(person: Person, api: Api) -> None:
    for item_id in ("i0", "i3"):
        body = {"kind": "dislike", "item_id": item_id, "consent": "personalise"}
        api.ask("POST", "/v1/feedback", headers=person.headers, json=body)
    api.ask("GET", "/v1/recommendations", headers=person.headers)
    api.ask("PUT", "/v1/me/tags/theme:住房保障", headers=person.headers)
    assert kept_of(api.registry, person.actor) == []


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[Api]:
    named = {
        "gz": {"key": "g" * 32, "api_key": KEY, "scopes": ["attributes"]},
        "sz": {"key": "s" * 32, "api_key": "t" * 32, "scopes": ["events", "catalogue"]},
    }
    with stocked_api(tmp_path, sites=named) as opened:
        yield opened


def imports_of(api: Api) -> list[Link]:
    return audit_rows(api.registry, action="attributes_imported")


def test_an_import_names_its_duty_and_is_recorded_by_no_name_of_the_person(sites: Api) -> None:
    me = Person(sites, site="gz")
    me.say(scale="小型企业")
    body = {"attributes": {"scale": "大型企业", "qualification": ["高新技术企业"]}, "imported": IMPORT}
    answer = me.ask("PUT", headers={"X-API-Key": KEY}, json=body)
    assert answer.status_code == 200, answer.text
    assert me.held() == {"scale": "小型企业", "qualification": ["高新技术企业"]}  # what they said themselves stays
    last = answer.json()["attributes"][-1]
    assert (last["source"], last["purpose"], last["catalogue_id"]) == ("imported", "惠企政策匹配", "440100-0123")
    [row] = imports_of(sites)
    assert (row.who, row.action, row.object_id) == (
        "site:gz", "attributes_imported", sites.live.keys.audit_name(me.actor)
    )  # fmt: skip
    assert row.facts == IMPORT | {"attributes": ["qualification", "scale"]}


def test_only_a_server_of_the_site_with_the_scope_imports(sites: Api) -> None:
    body = {"attributes": {"qualification": ["高新技术企业"]}, "imported": IMPORT}
    for site, key, status in (("gz", "", 401), ("gz", "x" * 32, 401), ("sz", "t" * 32, 403), ("sz", KEY, 403)):
        me = Person(sites, site=site)
        answer = me.ask("PUT", headers={"X-API-Key": key}, json=body)
        assert (answer.status_code, kept_of(sites.registry, me.actor)) == (status, []), answer.text
    assert imports_of(sites) == []


def test_no_import_brings_a_sensitive_value(sites: Api) -> None:
    me = Person(sites, site="gz")
    body = {"attributes": {"groups": ["低收入人口"]}, "sensitive_consent": True, "imported": IMPORT}
    answer = me.ask("PUT", headers={"X-API-Key": KEY}, json=body)
    assert (answer.status_code, "only the person" in answer.json()["detail"]) == (422, True)
    assert (kept_of(sites.registry, me.actor), imports_of(sites)) == ([], [])


def test_values_that_were_changed_on_the_disk_are_not_told_and_can_be_deleted(person: Person, api: Api) -> None:
    person.say(age=40)
    with api.registry.begin() as connection:
        connection.exec_driver_sql("UPDATE attributes SET sealed = x'00112233'")
    answer = person.ask("GET")
    assert (answer.status_code, "not set up well" in answer.json()["detail"]) == (503, True)
    assert person.ask("DELETE").json() == {"deleted": 1}
    assert person.ask("GET").status_code == 200
