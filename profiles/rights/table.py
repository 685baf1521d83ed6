"""A copy of what is held of a person as a table for office software: Chinese heads, one row for each thing held.

In: what `profiles.rights.export.held_of` returns, and events. Out: pieces of a file, made as they are sent.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import chain
from typing import Any

from civicrec.clock import PORTAL_TZ
from civicrec.items import TYPE_NAMES
from civicrec.spreadsheets import cell
from profiles.rights.export import pieces
from profiles.rules.attributes import load_attributes

#: Columns of the table: field → what the person reads. What no column is for is written out in 信息内容.
COLUMNS = {
    "part": "类别",
    "occurred_at": "时间",
    "kind": "行为",
    "item_type": "内容类型",
    "title": "页面标题",
    "item_id": "内容编号",
    "query": "搜索词",
    "url_path": "页面地址",
    "site": "站点",
    "channel": "渠道",
    "scene": "栏目",
    "active_ms": "阅读时长（毫秒）",
    "scroll_pct": "阅读深度（%）",
    "value": "评分",
    "device": "设备",
    "region": "地区",
    "consent": "同意范围",
    "anonymous_id": "浏览器编号",
    "event_id": "记录编号",
    "attribute": "信息项",
    "attribute_value": "信息内容",
    "state": "信息状态",
    "valid_until": "有效期至",
    "purpose": "共享用途",
    "catalogue_id": "共享目录编号",
}
_STATE_NAMES = {"in_force": "有效", "replaced": "已更正或撤回", "expired": "已过期"}
_SOURCE_NAMES = {"declared": "本人填报", "imported": "部门共享"}
KIND_NAMES = {
    "page_view": "打开页面",
    "impression": "看到推荐",
    "click": "点击",
    "read": "阅读",
    "search": "搜索",
    "favourite": "收藏",
    "share": "转发",
    "download": "下载",
    "dislike": "不感兴趣",
    "undislike": "取消不感兴趣",
    "rate": "评分",
    "subscribe": "订阅",
    "unsubscribe": "退订",
    "service_start": "开始办理",
    "service_submit": "提交办理",
    "service_complete": "办结",
    "push_sent": "推送已发送",
    "push_delivered": "推送已送达",
    "push_open": "打开推送",
    "consent_given": "同意",
    "consent_withdrawn": "撤回同意",
}

_CONSENT_NAMES = {"none": "不同意", "measure": "仅统计", "personalise": "个性化推荐"}
#: Part of a copy → its name in the table and the field that holds its time; events and attributes have columns.
PARTS: Mapping[str, tuple[str, str]] = {
    "off_since": ("个性化推荐已关闭", "at"),
    "consents": ("同意记录", "at"),
    "chosen_tags": ("选用的标签", "since"),
    "deleted_tags": ("删除的标签", "since"),
    "tags": ("当前标签", ""),
    "tags_by_night": ("每晚的标签", "last_at"),
    "segments": ("所属人群", "day"),
    "deliveries": ("推送记录", "at"),
    "messages": ("站内信", "at"),
    "subscriptions": ("推送订阅", "since"),
    "served_lists": ("推荐列表", "served_at"),
    "refused_events": ("不合格的行为记录", "seen_at"),
    "recent": ("最近浏览", "at"),
    "disliked": ("不感兴趣的内容", "at"),
    "done": ("已办结的事项", ""),
}
#: Fields of these parts, and of those of `COLUMNS` that are written out.
FIELD_NAMES: Mapping[str, str] = {
    "purpose": "用途",
    "given": "同意",
    "notice_version": "告知书版本",
    "channel": "渠道",
    "tag": "标签",
    "weight": "权重",
    "evidence": "依据次数",
    "confidence": "置信度",
    "day": "统计日",
    "segment": "人群",
    "campaign_id": "推送编号",
    "state": "状态",
    "id": "消息编号",
    "read_at": "已读时间",
    "topic": "主题",
    "on": "已订阅",
    "request_id": "请求编号",
    "site": "站点",
    "scene": "栏目",
    "slot": "位置",
    "mode": "版式",
    "item_id": "内容编号",
    "item_ids": "内容编号",
    "reasons": "推荐理由",
    "reason": "原因",
    "event": "原始记录",
}


def as_csv(held: Mapping[str, Any], events: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """Write all that is held, events last: a byte-order mark, CRLF, times of the portal.

    Parameters
    ----------
    held
        As `profiles.rights.export.held_of` returns it.
    """
    attributes = map(_attribute_row, held["attributes"])
    others = chain.from_iterable(_rows_of(part, held[part]) for part in PARTS)
    acts = ({"part": "行为记录", **one} for one in events)
    yield b"\xef\xbb\xbf" + _lines([list(COLUMNS.values())])
    for piece in pieces(chain(attributes, others, acts)):
        yield _lines([[cell(_shown(name, row.get(name, ""))) for name in COLUMNS] for row in piece])


def _rows_of(part: str, held: Any) -> Iterator[Mapping[str, Any]]:
    """Write the rows of one part, each in its time and one text that says the rest."""
    name, time_field = PARTS[part]
    for one in _records(part, held):
        at = one.get(time_field)
        told = [
            f"{FIELD_NAMES.get(field, field)}：{_plain(value)}" for field, value in one.items() if field != time_field
        ]
        yield {"part": name, "occurred_at": _when(at), "attribute_value": "；".join(told)}


def _records(part: str, held: Any) -> Iterable[Mapping[str, Any]]:
    if part == "off_since":
        return [{"at": held}] if held else []
    if part == "tags":
        return [{"tag": tag, "weight": weight} for tag, weight in sorted(held.items())]
    return ({"item_id": one} for one in held) if part == "done" else held


def _when(at: str | None) -> Any:
    """Return the moment that a text tells; a day stays a text."""
    return datetime.fromisoformat(at) if at and "T" in at else at


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return "是" if value else "否"
    return "、".join(map(str, value)) if isinstance(value, list) else "" if value is None else value


def _attribute_row(told: Mapping[str, Any]) -> Mapping[str, Any]:
    value = told["value"]
    return {
        "part": "填报的信息",
        "occurred_at": datetime.fromisoformat(told["said_at"]),
        "kind": _SOURCE_NAMES[told["source"]],
        "attribute": load_attributes()[told["attribute"]].label,
        "attribute_value": "、".join(value) if isinstance(value, list) else value,
        "state": _STATE_NAMES[told["state"]],
        "valid_until": datetime.fromisoformat(told["valid_until"]),
        "purpose": told["purpose"],
        "catalogue_id": told["catalogue_id"],
    }


def _shown(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(PORTAL_TZ).strftime("%Y-%m-%d %H:%M:%S")
    names: Mapping[str, Mapping[Any, str]] = {
        "kind": KIND_NAMES, "item_type": TYPE_NAMES, "consent": _CONSENT_NAMES
    }  # fmt: skip
    return names[name].get(value, value) if name in names else value


def _lines(rows: list[list[Any]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()
