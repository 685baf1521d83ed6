"""A draft of the impact assessment that the law asks for before automated decisions (PIPL 55, 56), from what runs.

In: what `/v1/transparency` tells, settings, what `doctor --security` found. Out: Markdown in Chinese, with
places in 【】 for whoever assesses: whether a purpose is proper and a risk acceptable, no program can say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from civicrec.clock import local_date
from civicrec.settings import Settings
from operations.stack.security.openings import SecurityReport
from profiles.rights.words import COLUMNS, KIND_NAMES

_GRADES = {"hole": "须立即处理", "advice": "建议改进", "unknown": "未能检查"}
#: Fields of ``data`` in `/v1/transparency` → what they keep.
_KEPT = {
    "recent_items_days": "最近浏览的内容", "seen_items_days": "看过的内容", "shown_items_days": "展示过的内容",
    "tags_days": "标签", "dislikes_days": "不感兴趣的内容", "done_services_days": "已办结的服务",
    "signed_in_days": "浏览器的登录时间",
}  # fmt: skip
_RISKS = (
    ("因推荐漏看应知政策", "列表不替代公开目录；通用模式和检索始终可用"),
    ("由浏览行为推知敏感信息", "敏感标签不由行为推断，不作为推荐理由"),
    ("共用设备上看到他人推荐", "登录与未登录分开保存；可随时关闭个性化推荐"),
    ("数据泄露", "以化名保存，不存姓名、证件号和 IP 地址；另见下列检查结果"),
)


def assessment(told: Mapping[str, Any], settings: Settings, report: SecurityReport, now: datetime) -> str:
    """Return the draft.

    Parameters
    ----------
    told
        The answer of ``GET /v1/transparency``.
    """
    parts = (_head(now), _activity(told), _data(told, settings), _consent(settings), _risks(report), _conclusion())
    return "\n".join(line for part in parts for line in part)


def _head(now: datetime) -> Iterator[str]:
    yield "# 个人信息保护影响评估（草稿）\n"
    yield f"依据《个人信息保护法》第五十五条、第五十六条，按 {local_date(now)} 的运行配置生成。【】处由评估人填写。"
    yield "评估报告和处理情况记录至少保存三年。\n"
    yield "个人信息处理者：【单位名称】　评估人：【姓名】　评估日期：【日期】\n"


def _activity(told: Mapping[str, Any]) -> Iterator[str]:
    yield "## 一、处理目的与方式\n"
    yield f"- 目的：{told['purpose']}。"
    yield f"- 先行规则：{told['rules_first']}。"
    yield f"- 算法备案编号：{told['filing_number'] or '【未填写，如属应备案的算法须先备案】'}"
    model = told["model"]
    yield f"- 模型：{model['run']}（{model['day']}）" if model else "- 模型：尚未训练，列表由规则和热度产生。"
    yield "\n| 栏目 | 个性化 | 依据 |\n|---|---|---|"
    for scene in told["scenes"]:
        says = "；".join(source["says"] for source in scene["sources"])
        yield f"| {scene['title']} | {'是' if scene['personalised'] else '否'} | {says} |"
    yield "\n目的、方式是否合法、正当、必要：【意见】\n"


def _data(told: Mapping[str, Any], settings: Settings) -> Iterator[str]:
    kept = told["data"]
    yield "## 二、个人信息的种类与保存期限\n"
    yield f"- 行为记录的信息项：{'、'.join(COLUMNS.values())}。"
    yield f"- 记录的行为：{'、'.join(KIND_NAMES.values())}；用于画像的行为：" + "、".join(
        KIND_NAMES[kind] for kind in kept["behaviours"]
    ) + "。"  # fmt: skip
    yield "\n| 信息 | 保存期限 |\n|---|---|"
    yield f"| 行为记录 | {settings.warehouse.keep_days} 天 |"
    yield f"| 已返回的列表 | {settings.serving.served_keep_days} 天 |"
    yield f"| 采集日志 | 入库后 {settings.collector.log_keep_days} 天 |"
    for field, name in _KEPT.items():
        yield f"| {name} | 最后一次变化后 {kept[field]} 天 |"
    yield ""


def _consent(settings: Settings) -> Iterator[str]:
    minors = [site for site, known in settings.sites.items() if known.minors]
    yield "## 三、同意与个人权利\n"
    yield "- 未同意个性化的访客：只计数，不画像；不影响使用任何服务。"
    ledger = settings.consent.ledger_sites
    yield f"- 登录用户的同意台账：{'、'.join(ledger) if ledger else '未启用'}；"
    yield f"  告知书版本：{settings.consent.notice_version or '【未填写】'}"
    yield f"- 未成年人频道：{'、'.join(minors) or '无'}；登录凭证标明未成年人的，一律通用列表、只计数。"
    yield "- 查阅、复制、更正、删除、关闭、异议、投诉：见“我的推荐设置”和 `/v1/me`。\n"


def _risks(report: SecurityReport) -> Iterator[str]:
    yield "## 四、对个人权益的影响、安全风险与保护措施\n"
    yield "| 风险 | 已有措施 | 剩余风险 |\n|---|---|---|"
    for risk, measure in _RISKS:
        yield f"| {risk} | {measure} | 【高/中/低】 |"
    yield "\n安全检查（`civicrec doctor --security`）：" + ("" if report.openings else "未发现问题。")
    for one in report.openings:
        yield f"- {_GRADES[one.grade]}：{one.found}"
    yield f"\n已通过的检查：{'、'.join(report.closed) or '无'}\n"


def _conclusion() -> Iterator[str]:
    yield "## 五、结论\n"
    yield "保护措施是否合法、有效并与风险程度相适应：【意见】\n"
    yield "个人信息保护负责人：【签字】　日期：【日期】"
