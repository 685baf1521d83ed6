"""The consent ledger over HTTP: what is told, what is refused, and what the next list makes of an answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from civicrec.erasure import Person as Erased
from civicrec.errors import Unavailable
from civicrec.registry import ledger
from civicrec.registry.choices import choices
from civicrec.registry.consents import entries_of
from civicrec.registry.erasures import finish_erasure, refused_until, request_erasure
from civicrec.settings import ConsentSettings, Site
from tests.serving.conftest import NOW, Api, stocked_api
from tests.serving.test_my_choices import Person, ids

NOTICE = ConsentSettings(notice_version="2026-1", purposes=("personalise", "push"))
GIVEN = {"given": True, "notice_version": "2026-1", "channel": "mini"}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with stocked_api(tmp_path, consent=NOTICE) as opened:
        yield opened


@pytest.fixture
def person(api: Api) -> Person:
    me = Person(api)
    me.read("i0", "i5")
    return me


def put(person: Person, purpose: str = "personalise", **body: Any) -> dict[str, Any]:
    answer = person.ask("PUT", f"consents/{purpose}", json=body)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def states(person: Person) -> dict[str, tuple[str, bool]]:
    told = person.ask("GET", "consents").json()
    return {one["purpose"]: (one["state"], one["ask_now"]) for one in told["consents"]}


def test_before_any_answer_the_portal_may_ask_for_each_purpose(person: Person) -> None:
    nothing = {"state": "none", "notice_version": "", "at": None, "ask_now": True, "ask_again_at": None, "history": []}
    assert person.ask("GET", "consents").json() == {
        "notice_version": "2026-1", "is_required": False,
        "consents": [{"purpose": "personalise", **nothing}, {"purpose": "push", **nothing}],
    }  # fmt: skip


def test_consent_is_told_with_version_time_and_channel_and_not_asked_for_again(person: Person, api: Api) -> None:
    said = {"given": True, "notice_version": "2026-1", "channel": "mini", "at": "2026-03-10T04:00:00Z"}
    for _ in range(2):  # a retry enters nothing
        assert put(person, **GIVEN) == {
            "purpose": "personalise", "state": "given", "notice_version": "2026-1", "at": "2026-03-10T04:00:00Z",
            "ask_now": False, "ask_again_at": None, "history": [said],
        }  # fmt: skip
    assert states(person) == {"personalise": ("given", False), "push": ("none", True)}
    assert [entry.site for entry in entries_of(api.registry, person.actor)] == ["demo"]


def test_withdrawn_the_next_list_is_general_and_what_was_known_is_gone(person: Person, api: Api) -> None:
    put(person, **GIVEN)
    assert person.list()["mode"] == "personalised"
    told = put(person, given=False)
    assert (told["state"], told["ask_now"], told["ask_again_at"]) == ("withdrawn", False, "2026-09-06T04:00:00Z")
    assert [one["given"] for one in told["history"]] == [True, False]
    assert ids(person.list()) == ids(api.get("/v1/recommendations").json())
    assert person.list()["mode"] == "general"
    assert choices(api.registry).off == {person.actor}
    state = api.store.actor(person.actor)
    assert (state.recent, state.is_off) == ((), True)


def test_the_switch_cannot_stand_in_for_consent_that_was_withdrawn(person: Person) -> None:
    put(person, **GIVEN)
    put(person, given=False)
    assert person.switch("on").json()["personalisation"] == "off"
    assert person.list(recent="i1,i2")["mode"] == "general"
    put(person, **GIVEN)
    assert person.list(recent="i1,i2")["mode"] == "personalised"
    person.switch("off")
    put(person, **GIVEN)
    assert person.list(recent="i1,i2")["mode"] == "general"


def test_who_was_erased_comes_back_by_consenting_anew_and_not_while_it_is_done(person: Person, api: Api) -> None:
    keys = api.live.keys
    name, digest = keys.audit_name(person.actor), keys.erased_digest(person.actor)
    who = Erased("demo", person.actor)
    number = request_erasure(api.registry, who, name, [digest], due=date(2026, 3, 31), by="subject", now=NOW).number
    answer = person.ask("PUT", "consents/personalise", json=GIVEN)
    assert (answer.status_code, f"erasure {number} of this user is under way" in answer.json()["detail"]) == (422, True)
    assert put(person, given=False)["state"] == "refused"  # to refuse is always possible
    finish_erasure(api.registry, number, "signed.counts.here", NOW)
    put(person, "push", **GIVEN)
    assert refused_until(api.registry) == {digest: None}
    put(person, **GIVEN)
    assert refused_until(api.registry) == {digest: NOW}


def test_another_purpose_changes_no_list(person: Person, api: Api) -> None:
    put(person, "push", given=False)
    assert states(person) == {"personalise": ("none", True), "push": ("refused", False)}
    assert person.list()["mode"] == "personalised"
    assert choices(api.registry).off == frozenset()


@pytest.mark.parametrize(
    ("purpose", "body", "says"),
    [
        ("scoring", GIVEN, "got purpose 'scoring'; expected 'personalise' or 'push'"),
        ("scoring", {"given": False}, "got purpose 'scoring'; expected 'personalise' or 'push'"),
        ("personalise", GIVEN | {"notice_version": "2025-9"}, "got notice_version '2025-9'; expected '2026-1': show"),
        ("personalise", {"given": True}, "got notice_version ''; expected '2026-1'"),
        ("personalise", {"given": False, "notice_version": "x"}, "leave notice_version out to refuse or withdraw"),
        ("personalise", {"given": "yes"}, "Expected `bool`, got `str` - at `$.given`"),
        ("personalise", GIVEN | {"channel": "fax"}, "Invalid enum value 'fax' - at `$.channel`"),
        ("personalise", GIVEN | {"colour": "red"}, "unknown field `colour`"),
        ("personalise", {}, "missing required field `given`"),
    ],
)
def test_what_cannot_be_entered_is_said_and_changes_nothing(
    person: Person, api: Api, purpose: str, body: dict[str, Any], says: str
) -> None:
    answer = person.ask("PUT", f"consents/{purpose}", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert says in answer.json()["detail"]
    assert (entries_of(api.registry, person.actor), person.list()["mode"]) == ([], "personalised")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nonsense"}])
def test_nobody_answers_for_another(api: Api, headers: dict[str, str]) -> None:
    assert api.ask("GET", "/v1/me/consents", headers=headers).status_code == 401
    assert api.ask("PUT", "/v1/me/consents/personalise", headers=headers, json=GIVEN).status_code == 401


def test_where_no_notice_is_named_nobody_agrees_and_everybody_can_refuse(tmp_path: Path) -> None:
    with stocked_api(tmp_path) as api:
        person = Person(api)
        answer = person.ask("PUT", "consents/personalise", json=GIVEN)
        assert (answer.status_code, "CIVICREC_CONSENT__NOTICE_VERSION" in answer.json()["detail"]) == (422, True)
        assert states(person) == {"personalise": ("none", False)}
        assert put(person, given=False)["state"] == "refused"


def test_a_notice_that_tells_more_asks_anew_and_what_it_no_longer_asks_can_be_withdrawn(tmp_path: Path) -> None:
    with stocked_api(tmp_path, consent=NOTICE) as api:
        put(Person(api), **GIVEN)
        put(Person(api), "push", **GIVEN)
    second = ConsentSettings(notice_version="2026-2", details=("region",))
    with stocked_api(tmp_path, consent=second) as api:
        person = Person(api)
        assert states(person) == {"personalise": ("outdated", True), "push": ("outdated", False)}
        assert put(person, **GIVEN | {"notice_version": "2026-2"})["state"] == "given"
        assert put(person, "push", given=False, notice_version="2026-1")["state"] == "withdrawn"
    with stocked_api(tmp_path, consent=ConsentSettings(notice_version="2026-3")) as api:  # tells less
        assert states(Person(api))["personalise"] == ("given", False)


@pytest.mark.parametrize("is_given", [True, False])
def test_while_the_online_store_is_away_nothing_becomes_more_personal(
    person: Person, api: Api, monkeypatch: pytest.MonkeyPatch, is_given: bool
) -> None:
    put(person, given=False)

    def away(*_: object, **__: object) -> None:
        raise Unavailable("away")

    monkeypatch.setattr(api.store, "switch", away)
    body = GIVEN if is_given else {"given": False}
    answer = person.ask("PUT", "consents/personalise", json=body)
    assert (answer.status_code, bool(answer.headers["retry-after"])) == (503, True)
    monkeypatch.undo()
    assert person.list()["mode"] == "general"


REQUIRED = ConsentSettings(notice_version="2026-1", ledger_sites=("demo",), timeout_ms=60_000)


@pytest.fixture
def required(tmp_path: Path) -> Iterator[Api]:
    with stocked_api(tmp_path, consent=REQUIRED) as opened:
        yield opened


_acts = st.lists(st.sampled_from(["give", "withdraw", "list", "page", "fragment", "feedback"]), max_size=12)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=_acts)
def test_where_the_ledger_is_required_no_list_is_personal_without_an_entry(required: Api, acts: list[str]) -> None:
    person, agreed = Person(required, uuid4().hex), False
    for act in acts:
        if act in ("give", "withdraw"):
            agreed = act == "give"
            assert put(person, **GIVEN if agreed else {"given": False})["state"] != "none"
        elif act == "feedback":
            body = {"kind": "dislike", "item_id": "i7", "consent": "personalise"}
            answer = required.ask("POST", "/v1/feedback", headers=person.headers, json=body)
            assert (answer.status_code, answer.json().get("acts")) == ((202, True) if agreed else (503, None))
        elif act == "fragment":
            query = {"recent": "i0,i5"}
            page = required.ask("GET", "/v1/recommendations.html", headers=person.headers, params=query)
            assert agreed or page.text.count("看过") == 0
        else:
            body = {"blocks": [{"scene": "home", "n": 4}, {"scene": "policies", "n": 2}], "recent": ["i3"]}
            answer = required.ask("POST", "/v1/recommendations", headers=person.headers, json=body)
            modes = {block["mode"] for block in answer.json()["blocks"]}
            modes = modes if act == "page" else {person.list(recent="i0,i5")["mode"]}
            assert modes == {"personalised" if agreed else "general"}


def test_a_visitor_without_an_account_keeps_the_consent_of_the_browser(required: Api) -> None:
    for query in ({"recent": "i0,i5"}, {"anonymous_id": "visitor-1", "recent": "i0,i5"}):
        assert required.get("/v1/recommendations", **query).json()["mode"] == "personalised"
    body = {"kind": "dislike", "item_id": "i7", "anonymous_id": "visitor-1", "consent": "personalise"}
    assert required.post("/v1/feedback", body).json()["acts"] is True


def test_a_list_in_which_nothing_may_be_used_is_that_of_a_stranger_and_the_portal_is_told_why(tmp_path: Path) -> None:
    site = Site(key=SecretStr("k" * 32), api_key=SecretStr("a" * 16))
    required = ConsentSettings(notice_version="2026-1", ledger_sites=("demo",), timeout_ms=60_000)
    with stocked_api(tmp_path, consent=required, sites={"demo": site}) as api:
        person = Person(api)
        person.read("i0", "i5")
        made = person.list()
        assert (made["mode"], ids(made)) == ("general", ids(api.get("/v1/recommendations").json()))
        headers = person.headers | {"X-API-Key": "a" * 16}
        told = api.ask("GET", "/v1/recommendations", headers=headers, params={"debug": "1"}).json()["debug"]
        assert "the site requires the consent ledger" in told["general_because"]
        assert person.ask("GET", "consents").json()["is_required"] is True
        put(person, **GIVEN)
        assert person.list()["mode"] == "personalised"


def test_while_the_ledger_cannot_be_read_lists_are_general_and_it_is_counted(
    required: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = Person(required)
    put(person, **GIVEN)

    def away(*_: object) -> None:
        raise Unavailable("away")

    monkeypatch.setattr(ledger, "latest", away)
    assert person.list(recent="i0,i5")["mode"] == "general"
    assert 'civicrec_refresh_faults_total{what="consents"} 1.0' in required.get("/metrics").text


def test_two_serving_processes_obey_one_answer(tmp_path: Path) -> None:
    with stocked_api(tmp_path, consent=REQUIRED) as one, stocked_api(tmp_path, consent=REQUIRED) as two:
        there, here = Person(one), Person(two)
        for is_given in (True, False, True, False):
            assert put(there, **GIVEN if is_given else {"given": False})["state"] in ("given", "withdrawn")
            made = [person.list(recent="i0,i5")["mode"] for person in (here, there)]
            assert made == ["personalised" if is_given else "general"] * 2
