"""投诉 on the page: a receipt, the day of the answer, and what became of it; no account is needed."""

from __future__ import annotations

import re

import pytest

from civicrec.registry.complaints import answer as reply_to
from civicrec.registry.complaints import list_complaints
from tests.serving.conftest import NOW, Api
from tests.serving.portal.test_my_settings import PAGE, ask, key_of, page

FORM = f"{PAGE}/complaints"


def send(api: Api, **fields: str) -> tuple[int, str, str]:
    answer = ask(api, "POST", FORM, {}, data=key_of(api, {}) | fields)
    return answer.status_code, answer.headers.get("location", ""), answer.text


def test_a_stranger_gets_a_receipt_a_due_day_and_later_the_answer(api: Api) -> None:
    status, location, _ = send(api, kind="accessibility", text="  按钮太小\x00  ")
    assert status == 303
    [kept] = list_complaints(api.registry)
    assert (kept.kind, kept.text, kept.site) == ("accessibility", "按钮太小", "demo")
    first = page(api, {}, location)
    assert "已收到您的投诉" in first
    assert kept.receipt in first
    assert re.search(r"2026-03-17</time> 前答复", first)  # five working days after Tuesday 10 March
    assert "按钮太小" not in first  # who finds the number does not read the words
    reply_to(api.registry, kept.receipt, "已放大。", who="editor", now=NOW)
    later = page(api, {}, f"{FORM}?receipt={kept.receipt.lower()}")
    assert ("已收到您的投诉" in later, "已放大。" in later, "已答复" in later) == (False, True, True)


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({"kind": "other"}, "complaint-text", "请写明投诉内容。"),
        ({"kind": "other", "text": " \x00 "}, "complaint-text", "请写明投诉内容。"),
        ({"kind": "other", "text": "字" * 1_901}, "complaint-text", "1901 字"),
        ({"kind": "rumour", "text": "有误"}, "complaint-kind", "请选择投诉事项。"),
    ],
)
def test_what_lacks_is_said_at_its_field_and_the_words_stay(
    api: Api, fields: dict[str, str], field: str, says: str
) -> None:
    status, _, text = send(api, **fields)
    assert (status, list_complaints(api.registry)) == (422, [])
    assert says in text
    assert re.search(rf'id="{field}"[^>]* autofocus', text)
    assert fields.get("text", "").strip("\x00 ") in text


def test_a_receipt_that_is_none_is_told_and_asked_for_again(api: Api) -> None:
    answer = ask(api, "GET", f"{FORM}?receipt=NO<b>", {})
    assert (answer.status_code, "没有查到这个回执编号" in answer.text) == (404, True)
    assert 'value="NO&lt;B&gt;"' in answer.text
