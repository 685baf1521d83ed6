"""A copy of what is held of a person, for the person (个人信息保护法 Art. 45): JSON for programs, a table for people.

In: what the stores hold. Out: pieces of a file, made as they are sent.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from itertools import chain, islice
from typing import Any

import msgspec

from civicrec.clock import PORTAL_TZ, from_ms, rfc3339
from civicrec.items import TYPE_NAMES
from civicrec.registry.choices import ActorChoices
from civicrec.registry.notice import Entry
from civicrec.spreadsheets import cell
from profiles.online.ports import ActorState
from profiles.rules.attributes import load_attributes

_AT_ONCE = 500
#: Columns of the table: field of an event → what the person reads.
COLUMNS = {
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
#: Name of a store that holds personal data (`civicrec.erasure.PersonalStore`) → the parts of a copy that tell of it.
#: What is on its way is told once it is there, seconds later; files of ids, tables of a night and replaced parts hold
#: the same once more.
TOLD_AS: Mapping[str, tuple[str, ...]] = {
    "decisions": ("off_since", "chosen_tags", "deleted_tags"),
    "consents": ("consents",),
    "attributes": ("attributes",),
    "pushes": ("deliveries", "messages", "subscriptions"),
    "served lists on their way": ("served_lists",),
    "served lists": ("served_lists",),
    "event ids": ("events",),
    "event log": ("events",),
    "dead letters": ("refused_events",),
    "tags of nights": ("tags_by_night",),
    "members of segments": ("segments",),
    "events": ("events",),
    "online store": ("tags", "recent", "disliked", "done"),
    "tables of a night cut off": ("tags_by_night", "segments"),
    "replaced parts of the warehouse": ("events",),
}
_CONSENT_NAMES = {"none": "不同意", "measure": "仅统计", "personalise": "个性化推荐"}


def held_of(
    subject_id: str,
    decided: ActorChoices,
    state: ActorState,
    stored: Mapping[str, Iterable[Mapping[str, Any]]],
    consents: Iterable[Entry],
    attributes: Iterable[Mapping[str, Any]],
    pushes: Mapping[str, Any],
    now: datetime,
) -> dict[str, Any]:
    """Return all that is held of a person but events.

    Parameters
    ----------
    stored
        What the warehouse holds beside events (`civicrec.warehouse.personal.held_beside_events`).
    consents
        All answers of the ledger, the first at the head.
    attributes
        What they said of themselves, as `profiles.rights.attributes.told` tells it.
    pushes
        What they were sent, and which pushes they want, as `profiles.rights.pushes.pushes_of` tells it.
    """
    return {
        "subject_id": subject_id,
        "generated_at": rfc3339(now),
        "personalisation": "on" if decided.off_since is None else "off",
        "off_since": _text(decided.off_since),
        "consents": [
            {
                "purpose": one.purpose,
                "given": one.is_given,
                "notice_version": one.notice_version,
                "channel": one.channel,
                "at": _text(one.at),
            }
            for one in consents
        ],
        "chosen_tags": [{"tag": tag, "since": _text(since)} for tag, since in sorted(decided.chosen.items())],
        "deleted_tags": [{"tag": tag, "since": _text(since)} for tag, since in sorted(decided.deleted.items())],
        "attributes": list(attributes),
        **pushes,
        "tags": dict(state.tags),
        **{
            part: [{name: _text(value) for name, value in row.items()} for row in rows] for part, rows in stored.items()
        },
        "recent": [{"item_id": one.item_id, "at": rfc3339(from_ms(one.at_ms))} for one in state.recent],
        "disliked": [{"item_id": item_id, "at": rfc3339(from_ms(at))} for item_id, at in state.disliked.items()],
        "done": list(state.done),
    }


def _texts(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _text(value) for name, value in row.items()}


def as_json(held: Mapping[str, Any], events: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """Write one JSON object, its `events` last; a field that is empty is left out of an event."""
    yield msgspec.json.encode(held)[:-1] + b',"events":['
    before = b""
    for piece in _pieces(events):
        rows = ({name: _text(value) for name, value in row.items() if value not in ("", None, "{}")} for row in piece)
        yield before + b",".join(map(msgspec.json.encode, rows))
        before = b","
    yield b"]}"


def as_csv(attributes: Iterable[Mapping[str, Any]], events: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """Write a table for office software, attributes before events: a byte-order mark, CRLF, times of the portal.

    Parameters
    ----------
    attributes
        As `profiles.rights.attributes.told` tells them.
    """
    yield b"\xef\xbb\xbf" + _lines([list(COLUMNS.values())])
    for piece in _pieces(chain(map(_attribute_row, attributes), events)):
        yield _lines([[cell(_shown(name, row.get(name, ""))) for name in COLUMNS] for row in piece])


def _attribute_row(told: Mapping[str, Any]) -> Mapping[str, Any]:
    value = told["value"]
    return {
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


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        return rfc3339(value)
    return value.isoformat() if isinstance(value, date) else value


def _lines(rows: list[list[Any]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


def _pieces(events: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    rest = iter(events)
    while piece := list(islice(rest, _AT_ONCE)):
        yield piece
