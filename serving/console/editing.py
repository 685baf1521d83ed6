"""The console's pages on which people decide: suggested tags, and complaints.

In: settings, and the query or the fields of a form. Out: a `PageAnswer`: a page, or after a decision the way to one.
Each decision is the registry's own, with its audit row; a form that is wrong changes nothing and comes back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from civicrec.clock import local_date
from civicrec.errors import InvalidInput
from civicrec.registry.complaints import Complaint, ComplaintKind, answer, list_complaints
from civicrec.registry.suggested_tags import Decision, count_suggestions, decide, suggestions
from civicrec.registry.tables import registry_at
from civicrec.settings import Settings
from civicrec.tags import split_tag
from civicrec.web.query import whole_number
from serving.console.pages import PageAnswer, page, way_back
from serving.console.viewer import Viewer
from serving.links import item_path

TAGS, COMPLAINTS = "/console/tags", "/console/complaints"
#: Rows of one page of suggestions, and complaints on one page.
PAGE_ROWS = 100
MAX_PAGE = 99_999
_DECISIONS = {"accepted": "采纳", "refused": "拒绝"}
KINDS: dict[ComplaintKind, str] = {
    "recommendation": "推荐内容", "personal_data": "个人信息", "accessibility": "无障碍使用", "other": "其他",
}  # fmt: skip


def tags_page(settings: Settings, query: Mapping[str, str], now: datetime, viewer: Viewer) -> PageAnswer:
    """Show the open suggestions, the surest first; `now` is not looked at."""
    decision, n = _DECISIONS.get(query.get("done", "")), whole_number(query.get("n", ""), 0, MAX_PAGE)
    return _tags(settings, query, viewer, notice=f"已{decision} {n} 条建议。" if decision else "")


def decide_tags(settings: Settings, fields: Sequence[tuple[str, str]], now: datetime, viewer: Viewer) -> PageAnswer:
    """Accept or refuse the suggestions that were ticked."""
    given, pairs = dict(fields), [value for name, value in fields if name == "pair"]
    try:
        if given.get("decision") not in _DECISIONS:
            raise InvalidInput("请选择“采纳所选”或“拒绝所选”")
        if not pairs:
            raise InvalidInput("没有选择任何建议，请先勾选")
        asked = [(item_id, tag) for item_id, _, tag in (pair.partition(" ") for pair in pairs)]
        with registry_at(settings.registry_address) as registry:
            done = decide(
                registry, asked, cast(Decision, given["decision"]), who=viewer.name, why="内容运营台", now=now
            )
    except InvalidInput as error:
        return _tags(settings, {}, viewer, problem=str(error), ticked=pairs, status=error.http_status)
    return way_back(TAGS, done=given["decision"], n=str(len(done)))


def complaints_page(settings: Settings, query: Mapping[str, str], now: datetime, viewer: Viewer) -> PageAnswer:
    """Show the complaints that wait for an answer, the one due first at the head; all of them on demand."""
    return _complaints(settings, query, now, viewer, notice="答复已提交。" if query.get("done") else "")


def answer_complaint(
    settings: Settings, fields: Sequence[tuple[str, str]], now: datetime, viewer: Viewer
) -> PageAnswer:
    """Answer a complaint, once."""
    given = dict(fields)
    try:
        with registry_at(settings.registry_address) as registry:
            answer(
                registry,
                given.get("receipt", ""),
                given.get("reply", "").replace("\r\n", "\n"),
                who=viewer.name,
                now=now,
            )
    except InvalidInput as error:
        return _complaints(settings, {}, now, viewer, problem=str(error), given=given, status=error.http_status)
    return way_back(COMPLAINTS, done="1")


def _tags(
    settings: Settings, query: Mapping[str, str], viewer: Viewer, *, problem: str = "", notice: str = "",
    ticked: Sequence[str] = (), status: int = 200,
) -> PageAnswer:  # fmt: skip
    number = whole_number(query.get("page", ""), 1, MAX_PAGE) or 1
    with registry_at(settings.registry_address) as registry:
        found = suggestions(registry, n=PAGE_ROWS + 1, skip=(number - 1) * PAGE_ROWS)
        counts = count_suggestions(registry)
    is_all = query.get("all") == "1"
    pairs = [f"{one.item_id} {one.tag}" for one in found]
    rows = [
        {
            "title": one.title, "href": item_path(one.item_id), "word": split_tag(one.tag)[1], "pair": pair,
            "confidence": one.confidence, "is_ticked": is_all or pair in ticked,
        }
        for one, pair in zip(found[:PAGE_ROWS], pairs, strict=False)
    ]  # fmt: skip
    return page(
        "tags.html", status, viewer, heading="标签建议", here=TAGS, problem=problem, notice=notice,
        counts=counts, rows=rows, number=number, is_all=is_all, has_next=len(found) > PAGE_ROWS,
    )  # fmt: skip


def _complaints(
    settings: Settings, query: Mapping[str, str], now: datetime, viewer: Viewer, *, problem: str = "", notice: str = "",
    given: Mapping[str, str] | None = None, status: int = 200,
) -> PageAnswer:  # fmt: skip
    given, is_all, today = given or {}, query.get("all") == "1", local_date(now)
    with registry_at(settings.registry_address) as registry:
        found = list_complaints(registry, only_open=not is_all)
    waiting = [one for one in found if one.answered_at is None]
    return page(
        "complaints.html", status, viewer, heading="投诉", here=COMPLAINTS, problem=problem, notice=notice,
        is_all=is_all, n_open=len(waiting),
        n_overdue=sum(one.is_overdue(today) for one in waiting), more=max(0, len(found) - PAGE_ROWS),
        found=[_shown(one, now, given) for one in found[:PAGE_ROWS]],
    )  # fmt: skip


def _shown(one: Complaint, now: datetime, given: Mapping[str, str]) -> dict[str, Any]:
    today = local_date(now)
    state = "" if one.answered_at else "已逾期" if one.is_overdue(today) else "今日到期" if one.due == today else ""
    return {
        "receipt": one.receipt, "kind": KINDS[one.kind], "state": state, "text": one.text, "due": one.due,
        "received": local_date(one.received_at), "item_id": one.item_id, "reply": one.reply,
        "href": item_path(one.item_id) if one.item_id else "", "answered_by": one.answered_by,
        "answered": local_date(one.answered_at) if one.answered_at else "",
        "draft": given.get("reply", "") if given.get("receipt") == one.receipt else "",
    }  # fmt: skip
