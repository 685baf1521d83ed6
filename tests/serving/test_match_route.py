"""``POST /v1/match`` over HTTP: what fits, by which clauses, the question, and what is refused."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from civicrec.items import StatedRule
from civicrec.registry.catalogue import upsert_items
from tests.item_builders import an_item
from tests.serving.conftest import NOW, Api


@pytest.fixture
def policies(api: Api) -> Api:
    facts: list[dict[str, Any]] = [
        {"audiences": ("企业法人",), "enterprise_scales": ("小型企业", "微型企业"), "region_code": "440100"},
        {"audiences": ("自然人",), "person_groups": ("高校毕业生",)},
        {"audiences": ("企业法人",), "status": "draft"},
    ]
    upsert_items(
        api.registry,
        [an_item(f"m{n}", item_type="topic", title=f"政策{n}", **one) for n, one in enumerate(facts)],
    )
    api.live.refresh()
    return api


def ask(api: Api, **attributes: Any) -> dict[str, Any]:
    answer = api.post("/v1/match", {"attributes": attributes, "types": ["topic"]})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ids(answer: dict[str, Any], group: str) -> list[str]:
    return [one["item_id"] for one in answer[group]["items"]]


def test_one_question_after_the_other_leads_to_what_fits(policies: Api) -> None:
    first = ask(policies)
    assert (first["fits"]["n"], first["not_known"]["n"]) == (0, 2)  # a draft is told to nobody
    assert first["question"]["attribute"] == "audience"
    assert "企业法人" in first["question"]["options"]
    second = ask(policies, audience="企业")
    assert (ids(second, "does_not_fit"), second["does_not_fit"]["items"][0]["clauses"]) == (
        ["m1"],
        ["服务对象：自然人"],
    )
    assert second["not_known"]["items"][0]["clauses"] == ["企业规模：小型企业、微型企业", "适用地区：440100"]
    last = ask(policies, audience="企业法人", scale="微型", region="440106")
    assert (ids(last, "fits"), last["question"]) == (["m0"], None)
    assert last["fits"]["items"][0]["clauses"][0] == "服务对象：企业法人"
    assert last["notice"] == "匹配结果仅供参考，以主管部门认定为准。"


def test_a_stated_condition_decides_and_is_quoted(policies: Api) -> None:
    quote = "成立满两年且不足十年的企业"
    rule = {"all": [{"attribute": "years", "at_least": 2}, {"not": {"attribute": "years", "at_least": 10}}]}
    item = an_item("m9", item_type="topic", title="成长补贴", conditions=(StatedRule(rule, quote),))
    upsert_items(policies.registry, [item])
    policies.live.refresh()
    said = {"audience": "事业法人", "groups": [], "region": "440300", "scale": "大型企业"}
    asked = ask(policies, **said)
    assert (asked["question"]["attribute"], asked["question"]["decides"]) == ("years", 1)
    for years, group in ((1, "does_not_fit"), (2, "fits"), (9.9, "fits"), (10, "does_not_fit")):
        [told] = [one for one in ask(policies, **said, years=years)[group]["items"] if one["item_id"] == "m9"]
        assert told["clauses"] == [quote]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"attributes": {"height": 1}}, "unknown attribute 'height'"),
        ({"attributes": {"": {}}}, "unknown attribute ''"),
        ({"attributes": {"scale": "巨型"}}, "expected one of 大型企业"),
        ({"attributes": {"region": "44"}}, "six digits"),
        ({"attributes": {"age": "六十"}}, "a number"),
        ({"attributes": []}, "attributes"),
        ({"n": 101}, "n"),
        ({"types": ["book"]}, "types"),
        (b"{", "cannot be read"),
    ],
)
def test_what_nobody_can_say_is_refused_by_name(policies: Api, body: Any, says: str) -> None:
    answer = policies.post("/v1/match", body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert says in answer.json()["detail"]


def kept(api: Api, **query: Any) -> httpx.Response:
    token = api.live.keys.sign("demo", "wang", NOW)
    return api.ask("GET", "/v1/match", headers={"Authorization": f"Bearer {token}"}, params=query)


def test_what_is_kept_of_the_signed_in_user_is_matched_as_if_it_was_said(policies: Api) -> None:
    headers = {"Authorization": f"Bearer {policies.live.keys.sign('demo', 'wang', NOW)}"}
    said = {"audience": "企业法人", "scale": "微型企业"}
    assert kept(policies, types="topic").json() == ask(policies)
    policies.ask("PUT", "/v1/me/attributes", headers=headers, json={"attributes": said})
    answer = kept(policies, types="topic")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "private, no-store")
    assert answer.json() == ask(policies, **said)
    assert answer.json()["question"]["attribute"] == "region"
    policies.ask("PUT", "/v1/me/attributes", headers=headers, json={"attributes": {"region": "440106"}})
    told = kept(policies, types="topic", n=1).json()
    assert (ids(told, "fits"), told["question"]) == (["m0"], None)
    by_address = policies.get("/v1/match", types="topic", n=1, subject_token=headers["Authorization"].split()[1])
    assert by_address.json() == told
    policies.ask("DELETE", "/v1/me/attributes", headers=headers)
    assert kept(policies, types="topic").json() == ask(policies)


def test_without_types_policies_and_services_are_matched(policies: Api) -> None:
    everything = kept(policies).json()
    assert everything == policies.post("/v1/match", {"attributes": {}}).json()
    assert everything["fits"]["n"] > 0


def test_nobody_is_matched_without_their_token(policies: Api) -> None:
    for query in ({}, {"subject_token": "nonsense"}):
        assert policies.get("/v1/match", **query).status_code == 401
    for query in ({"types": "book"}, {"n": 101}, {"anonymous_id": "a"}):
        assert kept(policies, **query).status_code == 422


def test_nothing_of_what_was_said_is_kept(policies: Api) -> None:
    before = {path: path.read_bytes() for path in policies.settings.home.rglob("*") if path.is_file()}
    ask(policies, audience="自然人", groups=["残疾人"], age=61)
    after = {path: path.read_bytes() for path in policies.settings.home.rglob("*") if path.is_file()}
    assert after == before
