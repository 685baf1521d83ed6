"""我的信息 on the page: what is asked and why, what is kept, and what is said of what cannot be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.clock import PORTAL_TZ
from civicrec.home import DEMO
from civicrec.registry.attributes import kept_of
from civicrec.registry.audit import audit_rows
from profiles.rules.attributes import Attribute, attributes_from, load_attributes
from serving.portal.mine.attribute_forms import fields_of, said_in
from serving.portal.mine.faults import FormError
from tests.serving.conftest import NOW, Api, stocked_api
from tests.serving.portal.test_my_account import actor_of, signed_in
from tests.serving.portal.test_my_settings import AGREED, PAGE, ask, key_of, page

FORM = f"{PAGE}/attributes"
TODAY = date(2026, 3, 10)
KNOWN = load_attributes()


class Citizen:
    """Somebody who is signed in on the demo's pages."""

    def __init__(self, api: Api, account: str = "person") -> None:
        self.api, self.cookies, self.actor = api, signed_in(api, account=account), actor_of(api, account)

    def send(self, attribute: str, *values: str, act: str = "save", **more: str) -> httpx.Response:
        fields: dict[str, Any] = key_of(self.api, self.cookies) | {"act": act, "attribute": attribute} | more
        return ask(self.api, "POST", FORM, self.cookies, data=fields | ({"value": list(values)} if values else {}))

    def says(self, attribute: str, *values: str, **more: str) -> str:
        """Send a form that is taken; return the page it leads to."""
        answer = self.send(attribute, *values, **more)
        assert answer.status_code == 303, answer.text
        return page(self.api, self.cookies, answer.headers["location"])

    def held(self) -> dict[str, Any]:
        token = {"Authorization": f"Bearer {self.cookies['civicrec_subject']}"}
        told = self.api.ask("GET", "/v1/me/attributes", headers=token).json()["attributes"]
        return {one["attribute"]: one["value"] for one in told if one["state"] == "in_force"}


@pytest.fixture
def city(tmp_path: Path) -> Iterator[Api]:
    DEMO.of(tmp_path).touch()
    with stocked_api(tmp_path) as opened:
        yield opened


@pytest.fixture
def citizen(city: Api) -> Citizen:
    return Citizen(city)


def asked(text: str) -> list[str]:
    return re.findall(r'<section class="attribute" aria-labelledby="(\w+)-title">', text)


def test_a_person_is_asked_what_persons_have_a_firm_what_firms_have_each_with_its_reason(city: Api) -> None:
    person, firm = Citizen(city), Citizen(city, "firm")
    assert asked(page(city, person.cookies)) == ["audience", "region"]
    shown = person.says("audience", "自然人")
    assert asked(shown) == ["audience", "groups", "region", "age", "life_events"]
    assert asked(firm.says("audience", "企业法人")) == [
        "audience", "industry", "scale", "region", "years", "qualification"
    ]  # fmt: skip
    for name in asked(shown):
        assert f"为什么问：{KNOWN[name].why}" in shown
    assert "已保存您填报的信息。" in shown
    assert "<strong>自然人</strong>（本人填报，2026-03-10 起，有效期至 2029-03-10）" in shown


def test_what_is_saved_is_changed_taken_back_and_deleted_with_its_history(citizen: Citizen) -> None:
    citizen.says("audience", "自然人")
    citizen.says("age", "66", until="2026-06-30")
    assert citizen.held() == {"audience": "自然人", "age": 66}
    [kept] = [row for row in kept_of(citizen.api.registry, citizen.actor) if row.attribute == "age"]
    assert kept.valid_until == datetime(2026, 7, 1, tzinfo=PORTAL_TZ)
    assert "有效期至 2026-06-30）" in page(citizen.api, citizen.cookies)
    shown = citizen.says("age", "67")
    assert "<strong>67</strong>" in shown
    assert "年龄：历史记录（1 条）与删除" in shown
    assert "66（本人填报，2026-03-10 至 2026-03-10，已更正或撤回）" in shown
    shown = citizen.says("age", act="end")
    assert "已撤回这项信息，不再使用。" in shown
    assert (citizen.held(), "年龄：历史记录（2 条）" in shown) == ({"audience": "自然人"}, True)
    shown = citizen.says("age", act="forget")
    assert "年龄：历史记录" not in shown
    assert {row.attribute for row in kept_of(citizen.api.registry, citizen.actor)} == {"audience"}


def test_a_contradiction_is_said_in_chinese_at_the_field_and_what_was_typed_stands_there_still(
    citizen: Citizen,
) -> None:
    citizen.says("audience", "自然人")
    citizen.says("age", "40")
    answer = citizen.send("groups", "老年人")
    assert answer.status_code == 422
    says = "“人群：老年人”与“年龄：40”不能同时成立：老年人须年满六十周岁。请更正其中一项，或先撤回另一项。"
    assert answer.text.count(says) == 2  # at the head of the page, and beside the field
    assert (
        '<fieldset id="groups" tabindex="-1" aria-invalid="true" aria-describedby="groups-fault" autofocus>'
        in answer.text
    )
    assert '<a href="#groups">' in answer.text
    assert '<input type="checkbox" name="value" value="老年人" checked>' in answer.text
    assert "<title>错误：我的推荐设置" in answer.text
    assert answer.text.count("autofocus") == 1
    assert citizen.held() == {"audience": "自然人", "age": 40}
    other = citizen.send("audience", "企业法人").text
    assert "“年龄：40”与“服务对象：企业法人”不能同时成立" in other or "“服务对象：企业法人”与“年龄：40”" in other


def test_what_is_sensitive_takes_a_consent_of_its_own(citizen: Citizen) -> None:
    citizen.says("audience", "自然人")
    answer = citizen.send("groups", "残疾人", "高校毕业生")
    assert answer.status_code == 422
    assert "“残疾人”属于敏感个人信息。" in answer.text
    assert 'id="groups-consent" name="consent" value="yes" aria-invalid="true"' in answer.text
    assert "groups" not in citizen.held()
    shown = citizen.says("groups", "残疾人", "高校毕业生", consent="yes")
    assert citizen.held()["groups"] == ["残疾人", "高校毕业生"]
    assert "已单独同意" in shown
    # Saved again without the tick, the consent does not go on by itself.
    assert citizen.send("groups", "残疾人").status_code == 422
    acts = [row.action for row in audit_rows(citizen.api.registry)]
    assert acts.count("sensitive_consent_given") == 1


@pytest.mark.parametrize(
    ("attribute", "values", "until", "field", "says"),
    [
        ("audience", [], "", "audience", "请选择服务对象。"),
        ("region", ["广州"], "", "region", "六位行政区划代码"),
        ("region", ["４４０１０６"], "", "region", "六位行政区划代码"),
        ("age", ["六十"], "", "age", "0 到 130 的整数"),
        ("age", ["131"], "", "age", "0 到 130 的整数"),
        ("age", ["-1"], "", "age", "0 到 130 的整数"),
        ("age", ["13"], "", "age", "未满十四周岁"),
        ("groups", ["赌徒"], "", "groups", "不能识别"),
        ("age", ["40"], "明年", "age-until", "有效期应为日期"),
        ("age", ["40"], "2026-03-10", "age-until", "明天以后、十年以内"),
        ("age", ["40"], "2037-01-01", "age-until", "明天以后、十年以内"),
    ],
)
def test_what_cannot_be_kept_is_said_at_its_field(
    citizen: Citizen, attribute: str, values: list[str], until: str, field: str, says: str
) -> None:
    citizen.says("audience", "自然人")
    answer = citizen.send(attribute, *values, until=until)
    assert answer.status_code == 422
    assert f'href="#{field}"' in answer.text
    assert says in answer.text
    assert re.search(rf'id="{field}"[^>]* autofocus', answer.text)
    assert citizen.held() == {"audience": "自然人"}


@pytest.mark.parametrize(
    "fields",
    [{"act": "save", "attribute": "height", "value": "180"}, {"act": "burn", "attribute": "age"}, {"attribute": "age"}],
)
def test_a_form_that_is_not_the_pages_changes_nothing(citizen: Citizen, fields: dict[str, str]) -> None:
    fields = key_of(citizen.api, citizen.cookies) | fields
    assert ask(citizen.api, "POST", FORM, citizen.cookies, data=fields).status_code == 422
    assert ask(citizen.api, "POST", FORM, AGREED, data=fields).status_code == 422  # nobody signed in
    assert kept_of(citizen.api.registry, citizen.actor) == []


def test_what_an_office_told_stands_with_its_purpose_and_can_be_taken_back(citizen: Citizen) -> None:
    told = {
        "attribute": "scale", "value": "小型企业", "state": "in_force", "source": "imported", "purpose": "惠企政策匹配",
        "catalogue_id": "440100-0123", "said_at": "2026-03-01T00:00:00.000Z", "valid_until": "2027-03-01T00:00:00.000Z",
        "ended_at": None, "sensitive_consent_at": None,
    }  # fmt: skip
    names = [field.attribute.name for field in fields_of([told])]
    assert names == ["audience", "industry", "scale", "region", "years", "qualification"]
    [field] = [field for field in fields_of([told]) if field.attribute.name == "scale"]
    assert field.current is not None
    assert (field.current.is_imported, field.current.purpose) == (True, "惠企政策匹配")
    assert field.chosen == ["小型企业"]


def typed_for(attribute: Attribute) -> st.SearchStrategy[list[str]]:
    match attribute.kind:
        case "number":
            return st.integers(14, 130).map(lambda n: [str(n)])
        case "region":
            return st.from_regex(r"[1-9][0-9]{5}", fullmatch=True).map(lambda code: [code])
        case "choice":
            return st.sampled_from(attribute.options).map(lambda word: [word])
        case "set":
            return st.lists(st.sampled_from(attribute.options), unique=True)


@given(st.data())
def test_what_the_page_offers_can_be_kept_by_every_rule(data: st.DataObject) -> None:
    attribute = data.draw(st.sampled_from(list(KNOWN.values())))
    values = data.draw(typed_for(attribute))
    days = data.draw(st.integers(1, 3_652))
    until = (TODAY + timedelta(days=days)).isoformat()
    said = said_in(attribute, [("value", one) for one in values] + [("until", until), ("consent", "yes")], TODAY)
    assert set(said.values) == {attribute.name}
    attributes_from(said.values)
    assert said.valid_until == datetime.fromisoformat(f"{until}T00:00:00+08:00") + timedelta(days=1)
    assert said.valid_until > NOW


@given(
    st.sampled_from(list(KNOWN.values())),
    st.lists(st.tuples(st.sampled_from(["value", "until", "consent"]), st.text(max_size=12)), max_size=4),
)
def test_whatever_is_typed_is_kept_or_said_at_a_field_of_the_form(
    attribute: Attribute, fields: list[tuple[str, str]]
) -> None:
    fault: FormError | None = None
    try:
        said = said_in(attribute, fields, TODAY)
    except FormError as error:
        fault = error
    if fault is None:
        attributes_from(said.values)
    else:
        assert fault.field in {attribute.name, f"{attribute.name}-until", f"{attribute.name}-consent"}
        assert fault.says.endswith("。")
