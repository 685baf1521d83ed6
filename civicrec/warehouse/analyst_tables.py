"""What analysts see: the columns of each view, where they come from, what they mean, and in which unit.

In: nothing. Out: `TABLES`. A column that is not named here is not seen: texts that visitors typed or browsers sent
(queries, titles, paths, props), ids of single events, places in the log, raw bytes. Ids of people, browsers, sessions
and lists are seen as pseudonyms of the day.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a view.

    Attributes
    ----------
    kind
        Its ClickHouse type.
    comment
        What it means, with its unit, in Chinese; `Session.explain` prints it.
    expression
        What it is of the source's columns; empty: the column of that name.
    """

    name: str
    kind: str
    comment: str
    expression: str = ""


@dataclass(frozen=True, slots=True)
class AnalystTable:
    """A view that analysts read.

    Attributes
    ----------
    source
        What follows FROM in the view.
    """

    name: str
    comment: str
    source: str
    columns: tuple[Column, ...]


def _pseudonym(column: str) -> str:
    """Return what stands for an id, its hash under the newest key, which no analyst can read; for none, nothing."""
    key = "(SELECT argMax(tuple(key_0, key_1), made_at) FROM {database}.analyst_keys)"
    return f"if({column} = '', '', hex(sipHash64Keyed({key}, {column})))"


#: The embedded engine gives statements ids of its own; the gateway writes the caller's in front, as a remark.
_QUERY_ID = "if(startsWith(query, '/* query_id '), splitByChar(' ', query)[3], query_id)"
_TEXT, _TIME = "LowCardinality(String)", "DateTime64(3, 'UTC')"
_SCENE = (
    Column("scene", _TEXT, "推荐场景名称"),
    Column("slot", _TEXT, "页面上的推荐位"),
    Column("variant", _TEXT, "实验分组；空为未参加实验"),
)
_REQUEST = Column(
    "request_id", "String", "推荐列表的代号，与另一表同名列相连；每天更换，不能与外部数据相连", _pseudonym("request_id")
)

TABLES = (
    AnalystTable(
        "events", "访问行为，一行一次，重复送达只计一次；含机器访问（bot_reason 不为空）", "{database}.events FINAL",
        (
            Column("kind", _TEXT, "行为种类，如 impression 展示、click 点击、read 阅读、service_start 开始办理"),
            Column("occurred_at", _TIME, "发生时刻，UTC，毫秒"),
            Column("received_at", _TIME, "送达时刻，UTC，毫秒"),
            Column("local_date", "Date", "发生日期，北京时间"),
            Column("site", _TEXT, "门户代号"),
            Column("channel", _TEXT, "渠道，如 web、app、wechat"),
            Column("actor", "String", "访客代号，只用于计数和排序；每天更换，不能与外部数据相连", _pseudonym("actor")),
            Column("anonymous_id", "String", "浏览器代号，每天更换；空为未带", _pseudonym("anonymous_id")),
            Column("subject_id", "String", "登录用户代号，每天更换；空为未登录", _pseudonym("subject_id")),
            Column("session_id", "String", "会话代号，每天更换；空为未带会话编号", _pseudonym("session_id")),
            Column("item_id", "String", "条目编号，与 catalogue 相连；空为不针对条目"),
            Column("item_type", _TEXT, "条目种类：news、policy、service"),
            Column("item_known", "UInt8", "送达时目录中是否有该条目，1 或 0"),
            _REQUEST,
            *_SCENE,
            Column("position", "Nullable(UInt16)", "在列表中的位置，从 0 起"),
            Column("campaign_id", "String", "推送活动编号；空为不来自推送"),
            Column("referrer_type", _TEXT, "来源种类，如 search、external、direct"),
            Column("active_ms", "Nullable(UInt32)", "有操作的阅读时间，毫秒"),
            Column("scroll_pct", "Nullable(UInt8)", "滚动到的最深处，占页长的百分数"),
            Column("value", "Nullable(Float64)", "随行为而定的数值，如评分、检索结果数"),
            Column("device", _TEXT, "设备种类，如 desktop、mobile"),
            Column("region", _TEXT, "行政区划代码"),
            Column("consent", _TEXT, "访客同意的范围：measure 统计、personalise 个性化"),
            Column("bot_reason", _TEXT, "判为机器访问的规则；空为人"),
        ),
    ),
    AnalystTable(
        "served", "给出的推荐列表，一行一个，不含访客", "{database}.served",
        (
            _REQUEST,
            Column("served_at", _TIME, "给出时刻，UTC，毫秒"),
            Column("site", _TEXT, "门户代号"),
            *_SCENE,
            Column("mode", _TEXT, "personalised 个性化或 general 通用"),
            Column("model", _TEXT, "所用模型的版本"),
            Column("degraded", "UInt8", "是否因故降级，1 或 0"),
            Column("first_position", "UInt16", "首项的位置，从 0 起"),
            Column("item_ids", "Array(String)", "条目编号，按次序"),
            Column("sources", f"Array(Array({_TEXT}))", "每项的候选来源"),
            Column("reasons", f"Array(Array({_TEXT}))", "每项的推荐理由代号"),
            Column("propensities", "Array(Float32)", "每项出现在该位的概率，0 至 1；空为未记录"),
            Column("variant_share", "Float32", "该实验分组所占访客的份额，0 至 1"),
            Column("teams", f"Array({_TEXT})", "交错比较时每项来自哪一方"),
            Column("shadow", _TEXT, "同时试算的另一方案"),
            Column("shadow_ids", "Array(String)", "另一方案会给出的条目编号，按次序"),
            Column("holdout_share", "Float64", "对照组所占份额，0 至 1；0 为未设对照组"),
        ),
    ),
    AnalystTable(
        "actor_tags", "每夜算出的访客兴趣标签，一行一日一人一标签；不含敏感标签",
        "{database}.actor_tags WHERE tag NOT IN ({sensitive})",
        (
            Column("day", "Date", "算出之日，北京时间"),
            Column("actor", "String", "访客代号，与 events 的 actor 相连；每天更换", _pseudonym("actor")),
            Column("tag", _TEXT, "标签"),
            Column("weight", "Float64", "权重，随时间衰减，无单位"),
            Column("evidence", "UInt32", "所依据的行为次数"),
            Column("confidence", "Float64", "可信程度，0 至 1；0 为旧版本未计"),
            Column("last_at", _TIME, "最近一次所依据的行为，UTC，毫秒"),
        ),
    ),
    AnalystTable(
        "catalogue", "目录，一行一个条目，截至最近一夜；events 的 item_id 与之相连",
        "{database}.catalogue WHERE day = (SELECT max(day) FROM {database}.catalogue)",
        (
            Column("item_id", "String", "条目编号"),
            Column("item_type", _TEXT, "种类：news 资讯、policy 政策、service 服务"),
            Column("title", "String", "标题"),
            Column("issuer", _TEXT, "发布机构"),
            Column("region", _TEXT, "行政区划代码"),
            Column("themes", f"Array({_TEXT})", "主题分类"),
            Column("life_events", f"Array({_TEXT})", "生命周期事件"),
            Column("audiences", f"Array({_TEXT})", "服务对象"),
            Column("published_at", f"Nullable({_TIME})", "发布时刻，UTC；空为不详"),
            Column("valid_until", f"Nullable({_TIME})", "有效期止，UTC；空为未注明"),
            Column("status", _TEXT, "online 在线、withdrawn 撤回等"),
        ),
    ),
    AnalystTable(
        "running", "正在执行的查询的进度，不含内容", "system.processes",
        (
            Column("query_id", "String", "查询编号", _QUERY_ID),
            Column("read_rows", "UInt64", "已读行数"),
            Column("total_rows", "UInt64", "预计读取的行数；0 为不详", "total_rows_approx"),
            Column("elapsed_s", "Float64", "已用时间，秒", "elapsed"),
            Column("memory_bytes", "Int64", "占用内存，字节", "memory_usage"),
        ),
    ),
    AnalystTable(
        "dropped", "未能存储的行为，不含内容", "{database}.dead_letters FINAL",
        (
            Column("seen_at", _TIME, "发现时刻，UTC，毫秒"),
            Column("reason", _TEXT, "原因代号"),
            Column("step", _TEXT, "处理到的步骤"),
            Column("version", _TEXT, "程序版本"),
            Column("n_events", "UInt32", "所代表的行为次数；0 为不详"),
        ),
    ),
)  # fmt: skip
"""Of the views that read the warehouse's tables."""
