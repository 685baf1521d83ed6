"""Chinese for what a copy of a person's data names: kinds of events, heads of columns, parts and their fields."""

from __future__ import annotations

from collections.abc import Mapping

#: Fields of events, then of attributes → heads of their columns. Other parts are written out in 信息内容.
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
STATE_NAMES = {"in_force": "有效", "replaced": "已更正或撤回", "expired": "已过期"}
SOURCE_NAMES = {"declared": "本人填报", "imported": "部门共享"}
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
CONSENT_NAMES = {"none": "不同意", "measure": "仅统计", "personalise": "个性化推荐"}
#: Part of a copy → its name and the field that holds its time; events and attributes have columns instead.
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
#: Fields of these parts. A purpose and a state are not those of an attribute.
FIELD_NAMES: Mapping[str, str] = {
    **{field: COLUMNS[field] for field in ("channel", "site", "scene", "item_id")},
    "purpose": "用途",
    "given": "同意",
    "notice_version": "告知书版本",
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
    "slot": "位置",
    "mode": "版式",
    "item_ids": "内容编号",
    "reasons": "推荐理由",
    "reason": "原因",
    "event": "原始记录",
}
