"""The page of pins and blocks: what a form does to lists, under whose name, and for whom."""

from __future__ import annotations

from datetime import timedelta
from html import unescape

import httpx
import pytest

from civicrec.permissions import Role
from civicrec.registry.audit import audit_rows
from civicrec.registry.editorial import rules
from civicrec.security.session_ids import form_token
from serving.console.rules import change_rules
from tests.account_builders import EVERYBODY, cookie_header, signed_in_as
from tests.serving.conftest import NOW, Api

PIN = {
    "deed": "add", "kind": "pin", "item_id": "i7", "position": "1", "text": "本周重点", "why": "局长办公会决定",
}  # fmt: skip


def send(api: Api, fields: dict[str, str], role: Role = "owner") -> httpx.Response:
    session_id = signed_in_as(api.registry, NOW, [role], name=role)
    given = {"token": form_token(session_id), **fields}
    return api.ask("POST", "/console/rules", data=given, headers=cookie_header(session_id))


def see(api: Api, role: Role = "owner", query: str = "") -> str:
    headers = cookie_header(signed_in_as(api.registry, NOW, [role], name=role))
    return unescape(api.ask("GET", f"/console/rules{query}", headers=headers).text)


def test_a_pin_leads_lists_until_it_is_removed_and_both_are_recorded(api: Api) -> None:
    assert "还没有规则" in see(api)
    assert send(api, PIN).headers["location"] == "/console/rules?done=add"
    page = see(api, query="?done=add")
    for words in (
        "规则已保存",
        "置顶在第 1 位",
        "第7号事项",
        "本周重点",
        "owner：局长办公会决定",
        "全部推荐位",
        "生效中",
    ):
        assert words in page
    api.live.refresh()
    assert api.ids(scene="home", n=5)[0] == "i7"
    (rule,) = rules(api.registry)
    removal = {"deed": "remove", "number": str(rule.number), "why": "活动结束"}
    assert send(api, removal, "editor").status_code == 303
    api.live.refresh()
    assert rules(api.registry) == []
    acts = [(row.who, row.action, row.facts["why"]) for row in audit_rows(api.registry, object_id="i7")]
    assert acts[:2] == [("editor", "editorial_removed", "活动结束"), ("owner", "editorial_pin", "局长办公会决定")]


def test_a_block_of_some_days_in_one_place(api: Api) -> None:
    first, last = NOW.date() + timedelta(days=1), NOW.date() + timedelta(days=2)
    fields = {**PIN, "kind": "block", "scene": "home", "begins": f"{first}", "until": f"{last}"}
    assert send(api, fields).status_code == 303
    (rule,) = rules(api.registry)
    assert (rule.kind, rule.scene, rule.text, rule.position) == ("block", "home", "", 0)
    assert rule.begins is not None
    assert rule.ends is not None
    assert (rule.state(NOW), rule.ends - rule.begins) == ("waiting", timedelta(days=2)), "both days count"
    assert "未开始" in see(api)


def test_a_weight_is_multiplied(api: Api) -> None:
    assert send(api, {**PIN, "kind": "boost", "factor": "0.5"}).status_code == 303
    assert [(one.kind, one.factor) for one in rules(api.registry)] == [("boost", 0.5)]
    assert "权重乘以 0.5" in see(api)


@pytest.mark.parametrize(
    ("wrong", "said", "status"),
    [({"item_id": "nothing"}, "目录中没有这个条目", 404), ({"why": " "}, "请填写原因", 422),
     ({"kind": "king"}, "请选择置顶", 422),
     ({"position": "0"}, "位置应为", 422), ({"position": "x"}, "位置应为", 422),
     ({"scene": "moon"}, "没有这个推荐位", 422),
     ({"scene": "related"}, "没有这个推荐位", 422), ({"kind": "boost", "factor": "1"}, "权重倍数应为", 422),
     ({"kind": "boost", "factor": "nan"}, "权重倍数应为", 422), ({"begins": "bald"}, "无法识别日期", 422),
     ({"until": "2026-01-01"}, "结束日期已过", 422), ({"text": "长" * 41}, "说明最多", 422),
     ({"begins": "2026-05-02", "until": "2026-05-01"}, "早于开始", 422),
     ({"deed": "remove", "number": "7"}, "没有这条规则", 404), ({"deed": ""}, "请选择要做的操作", 422)],
)  # fmt: skip
def test_a_wrong_form_changes_nothing_and_comes_back_as_it_was(
    api: Api, wrong: dict[str, str], said: str, status: int
) -> None:
    answer = change_rules(api.settings, list({**PIN, **wrong}.items()), NOW, EVERYBODY)
    text = answer.body.decode()
    assert (answer.status, said in text) == (status, True)
    assert rules(api.registry) == []
    if "text" not in wrong:
        assert 'value="本周重点"' in text


@pytest.mark.parametrize("role", ["analyst", "admin"])
def test_who_may_not_decide_neither_sees_nor_changes(api: Api, role: Role) -> None:
    send(api, PIN)
    assert "局长办公会决定" not in see(api, role)
    assert send(api, {**PIN, "item_id": "i8"}, role).status_code == 403
    assert len(rules(api.registry)) == 1
