"""Pages on which people decide: what a form does, for whom, and that no other site and nobody else can do it."""

from __future__ import annotations

import re
from datetime import date, timedelta
from html import unescape

import httpx
import pytest

from civicrec.registry.audit import audit_rows
from civicrec.registry.catalogue import Kept, upsert_items
from civicrec.registry.complaints import complaint, receive
from civicrec.registry.suggested_tags import suggest, suggestions
from civicrec.security.session_ids import form_token
from serving.console.editing import PAGE_ROWS
from tests.account_builders import cookie_header, signed_in_as
from tests.item_builders import an_item
from tests.serving.conftest import NOW, Api

JOBS = "theme:就业创业"
SAME_ORIGIN = {"origin": "http://test", "sec-fetch-site": "same-origin"}


def signed_in(api: Api, **more: str) -> dict[str, str]:
    return {**cookie_header(signed_in_as(api.registry, NOW)), **more}


def see(api: Api, path: str) -> str:
    answer = api.ask("GET", f"/console/{path}", headers=signed_in(api))
    assert answer.status_code == 200, answer.text
    return unescape(answer.text)


def send(api: Api, path: str, fields: dict[str, object], **headers: str) -> httpx.Response:
    given = {"token": form_token(signed_in_as(api.registry, NOW)), **fields}
    return api.ask("POST", f"/console/{path}", data=given, headers=signed_in(api, **(headers or SAME_ORIGIN)))


def suggested(api: Api, n: int = 2) -> list[str]:
    items = [an_item(f"s-{k:03}", title=f"<b>失业登记{k}") for k in range(n)]
    upsert_items(api.registry, items)
    suggest(api.registry, {item.item_id: {JOBS: 0.9 - k / 1000} for k, item in enumerate(items)}, NOW)
    return [f"{item.item_id} {JOBS}" for item in items]


def complained(api: Api, due: date, text: str = "推荐的政策已过期") -> str:
    return receive(api.registry, "gz", "recommendation", "i1", text, due, NOW).receipt


def states(api: Api) -> dict[str, str]:
    return {one.item_id: one.state for one in suggestions(api.registry, None)}


def test_ticked_suggestions_are_accepted_and_the_rest_stays_open(api: Api) -> None:
    pairs = suggested(api, 3)
    answer = send(api, "tags", {"pair": pairs[:2], "decision": "accepted", "who": "somebody else"})
    assert answer.status_code == 303
    after = see(api, answer.headers["location"].removeprefix("/console/"))
    assert "已采纳 2 条建议。" in after
    assert states(api) == {"s-000": "accepted", "s-001": "accepted", "s-002": "open"}
    assert Kept(api.registry).named(["s-000"])["s-000"].theme == ("就业创业",)
    [row] = audit_rows(api.registry, object_id="s-000", action="tag_accepted")
    assert (row.who, row.at) == ("li", NOW), "who has signed in, whatever a form says"


def test_refused_ones_leave_the_page(api: Api) -> None:
    pairs = suggested(api)
    send(api, "tags", {"pair": pairs, "decision": "refused"})
    assert "没有待处理的标签建议" in see(api, "tags")
    assert set(states(api).values()) == {"refused"}


def test_a_whole_page_is_ticked_by_a_link_and_sent_at_once(api: Api) -> None:
    suggested(api, PAGE_ROWS + 1)
    assert see(api, "tags").count(" checked") == 0
    page = see(api, "tags?page=1&all=1")
    ticked = re.findall(r'name="pair" value="([^"]+)" checked', page)
    assert len(ticked) == PAGE_ROWS
    assert "下一页" in page
    assert see(api, "tags?page=2").count('name="pair"') == 1
    send(api, "tags", {"pair": ticked, "decision": "accepted"})
    assert list(states(api).values()).count("accepted") == PAGE_ROWS


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"pair": []}, "没有选择任何建议"), ({"decision": "all"}, "请选择"),
     ({"pair": ["s-000 theme:税务"]}, "was not suggested")],
)  # fmt: skip
def test_a_wrong_form_changes_nothing_and_comes_back_with_what_was_ticked(
    api: Api, wrong: dict[str, object], said: str
) -> None:
    pairs = suggested(api)
    answer = send(api, "tags", {"pair": pairs[:1], "decision": "accepted", "who": "li", **wrong})
    assert answer.status_code in (404, 422)
    assert said in unescape(answer.text)
    assert set(states(api).values()) == {"open"}
    if "pair" not in wrong:
        assert f'value="{pairs[0]}" checked' in unescape(answer.text)


def test_what_an_item_says_is_no_markup(api: Api) -> None:
    suggested(api)
    complained(api, NOW.date(), "<script>alert(1)</script>")
    for path in ("tags", "complaints"):
        text = api.ask("GET", f"/console/{path}", headers=signed_in(api)).text
        assert "<b>失业" not in text
        assert "<script" not in text


def test_complaints_stand_by_their_day_and_say_what_is_late(api: Api) -> None:
    today = NOW.date()
    later, late, now = (complained(api, today + timedelta(days=k)) for k in (3, -1, 0))
    page = see(api, "complaints")
    assert [page.index(f"c-{one}") for one in (late, now, later)] == sorted(
        page.index(f"c-{one}") for one in (late, now, later)
    )
    assert "待答复 3 件，其中已逾期 1 件" in page
    assert (page.count("已逾期</strong>"), page.count("今日到期</strong>")) == (1, 1)


def test_a_complaint_is_answered_once_and_its_answer_is_read_by_receipt(api: Api) -> None:
    receipt = complained(api, NOW.date())
    long = "已更正。\r\n" + "长" * 1_900
    answer = send(api, "complaints", {"receipt": receipt, "reply": long})
    assert answer.status_code == 303
    done = complaint(api.registry, receipt)
    assert (done.reply, done.answered_by) == (long.replace("\r\n", "\n"), "li")
    assert api.get(f"/v1/complaints/{receipt}").json()["reply"] == done.reply
    assert "没有待答复的投诉" in see(api, "complaints")
    assert "（li，" in see(api, "complaints?all=1")
    again = send(api, "complaints", {"receipt": receipt, "reply": "再答"})
    assert again.status_code == 422
    assert complaint(api.registry, receipt) == done
    assert [row.who for row in audit_rows(api.registry, action="complaint_answered")] == ["li"]


def test_a_reply_that_is_refused_is_not_typed_again(api: Api) -> None:
    receipt = complained(api, NOW.date())
    answer = send(api, "complaints", {"receipt": receipt, "reply": "长" * 2_001})
    assert answer.status_code == 422
    assert f">{'长' * 2_001}</textarea>" in answer.text
    assert complaint(api.registry, receipt).reply == ""


@pytest.mark.parametrize("path", ["tags", "complaints"])
@pytest.mark.parametrize(
    "headers",
    [{"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"},
     {"origin": "http://test", "sec-fetch-site": "same-site"}],
)  # fmt: skip
def test_a_form_of_another_site_does_nothing(api: Api, path: str, headers: dict[str, str]) -> None:
    pairs, receipt = suggested(api), complained(api, NOW.date())
    fields = {"pair": pairs, "decision": "accepted", "receipt": receipt, "reply": "x"}
    answer = send(api, path, fields, **headers)
    assert answer.status_code == 403
    assert (set(states(api).values()), complaint(api.registry, receipt).reply) == ({"open"}, "")


@pytest.mark.parametrize("path", ["tags", "complaints"])
def test_who_has_not_signed_in_sees_and_changes_nothing(api: Api, path: str) -> None:
    pairs, receipt = suggested(api), complained(api, NOW.date())
    page = api.ask("GET", f"/console/{path}")
    assert "口令" in page.text
    assert "失业登记" not in page.text
    assert receipt not in page.text
    fields = {"pair": pairs, "decision": "accepted", "receipt": receipt, "reply": "x"}
    assert api.ask("POST", f"/console/{path}", data=fields, headers=SAME_ORIGIN).status_code == 403
    assert (set(states(api).values()), complaint(api.registry, receipt).reply) == ({"open"}, "")


def test_every_field_has_a_name_and_the_page_of_now_is_marked(api: Api) -> None:
    suggested(api)
    complained(api, NOW.date())
    for path in ("tags", "complaints"):
        page = see(api, path)
        shown = re.findall(r"<(?:input|textarea)(?![^>]*type=\"(?:hidden|checkbox)\")[^>]* ?id=\"([^\"]+)\"", page)
        assert shown or path == "tags"
        assert [one for one in shown if f'<label for="{one}"' not in page] == []
        assert page.count("checkbox") == page.count('class="tick"')
        assert re.findall(r'<a href="([^"]+)" aria-current="page"', page) == [f"/console/{path}"]
