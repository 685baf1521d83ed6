"""What the page calls things: Chinese for the words of vocabulary, ledger, erasure and complaints."""

from __future__ import annotations

DIMENSION_NAMES = {
    "theme": "主题",
    "life_event": "人生事件",
    "audience": "服务对象",
    "group": "人群",
    "industry": "行业",
    "scale": "企业规模",
}
#: A purpose of the portal's own is shown by its word.
PURPOSE_NAMES = {"personalise": "个性化推荐", "push": "消息推送"}
STATE_NAMES = {
    "none": "尚无记录",
    "given": "已同意",
    "outdated": "告知内容有增加，原同意不再有效",
    "refused": "不同意",
    "withdrawn": "已撤回",
}
KIND_NAMES = {
    "recommendation": "推荐内容不当",
    "personal_data": "个人信息",
    "accessibility": "无障碍、适老",
    "other": "其他",
}
#: Channels of pushes.
CHANNEL_NAMES = {"inbox": "站内信", "webhook": "短信等其他渠道"}
ERASURE_STATE_NAMES = {"open": "正在办理", "overdue": "已超期", "done": "已删除"}
#: Stores of an erasure (`streaming.erasing.stores`).
STORE_NAMES = {
    "event log": "事件日志",
    "served lists": "推荐列表记录",
    "served lists on their way": "待入库的推荐列表记录",
    "tables of a night cut off": "中断的夜间任务留下的表",
    "members of segments": "人群名单",
    "pushes": "消息推送记录",
    "dead letters": "不合格的行为记录",
    "tags of nights": "每晚的兴趣标签",
    "events": "统计库的行为记录",
    "replaced parts of the warehouse": "统计库待清理的部分",
    "online store": "在线画像",
    "event ids": "去重用的记录编号",
    "decisions": "开关和标签设置",
    "consents": "同意记录",
    "attributes": "填报的信息",
}
#: What was done, as the page says it afterwards.
DONE = {
    "on": "已开启个性化推荐，从下一个列表起生效。",
    "off": "已关闭个性化推荐，从下一个列表起生效。",
    "agree": "已同意，从下一个列表起生效。",
    "withdraw": "已撤回，从下一个列表起生效。",
    "delete": "已删除，不会再用于推荐。",
    "choose": "已添加，从下一个列表起用于推荐。",
    "subscribed": "已恢复推送，从下一条消息起生效。",
    "unsubscribed": "已退订，从下一条消息起生效。",
    "saved": "已保存您填报的信息。",
    "ended": "已撤回这项信息，不再使用。",
    "forgotten": "已删除这项信息及其历史。",
    "erase": "已收到删除请求。从现在起不再记录您的行为，办理结果见“删除我的数据”。",
}
