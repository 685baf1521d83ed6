"""The console's page of editorial rules: what is pinned, lifted or kept out of lists, by whom, why, and until when.

In: settings, and the query or the fields of a form. Out: a `PageAnswer`. Each rule is the registry's own, with its
audit row under the account that made it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from civicrec.catalogue.importers.dates import end_in, time_in
from civicrec.clock import PORTAL_TZ
from civicrec.editorial import LAST_POSITION, LEAST_FACTOR, MAX_TEXT, MOST_FACTOR, Rule, RuleKind, RuleState
from civicrec.errors import InvalidInput, NotFound
from civicrec.registry.catalogue import titles
from civicrec.registry.editorial import add_rule, remove_rule, rules
from civicrec.registry.tables import registry_at
from civicrec.settings import Settings
from civicrec.text import is_blank
from civicrec.web.query import whole_number
from recommender.related import RELATED
from recommender.scenes.files import SceneFiles
from serving.console.pages import PageAnswer, page, way_back
from serving.console.viewer import Viewer
from serving.links import item_path

RULES = "/console/rules"
HEADING = "置顶与屏蔽"
KINDS: dict[RuleKind, str] = {"pin": "置顶", "boost": "调整权重", "block": "屏蔽"}
STATES: dict[RuleState, str] = {"waiting": "未开始", "acting": "生效中", "expired": "已结束"}
_DONE = {"add": "规则已保存，立即生效或按开始时间生效。", "remove": "规则已撤销。"}
_MAX_NUMBER = 2**63 - 1
_MAX_WHY = 500


def rules_page(settings: Settings, query: Mapping[str, str], now: datetime, viewer: Viewer) -> PageAnswer:
    """Show the rules, those that act at the head."""
    given = {"item_id": query.get("item", "")[:128]}
    return _rules(settings, now, viewer, notice=_DONE.get(query.get("done", ""), ""), given=given)


def change_rules(settings: Settings, fields: Sequence[tuple[str, str]], now: datetime, viewer: Viewer) -> PageAnswer:
    """Add a rule, or remove one."""
    given = {name: value.strip() for name, value in fields}
    deed = given.get("deed", "")
    try:
        why = given.get("why", "")
        if is_blank(why) or len(why) > _MAX_WHY:
            raise InvalidInput(f"请填写原因（1 至 {_MAX_WHY} 个字），审计日志会保留")
        with registry_at(settings.registry_address) as registry:
            if deed == "add":
                add_rule(registry, _rule(settings, given, viewer.name, now), now)
            elif deed == "remove":
                number = whole_number(given.get("number", ""), 1, _MAX_NUMBER) or 0
                remove_rule(registry, number, who=viewer.name, why=why, now=now)
            else:
                raise InvalidInput("请选择要做的操作")
    except NotFound:
        problem = "目录中没有这个条目，请核对条目编号。" if deed == "add" else "没有这条规则，可能已被撤销。"
        return _rules(settings, now, viewer, problem=problem, given=given, status=404)
    except InvalidInput as error:
        return _rules(settings, now, viewer, problem=f"{error}。", given=given, status=error.http_status)
    return way_back(RULES, done=deed)


def _rule(settings: Settings, given: Mapping[str, str], who: str, now: datetime) -> Rule:
    """Return the rule that a form says, or raise `InvalidInput` in the words of the page."""
    kind, scene = given.get("kind", ""), given.get("scene", "")
    if kind not in KINDS:
        raise InvalidInput("请选择置顶、调整权重或屏蔽")
    if scene and scene not in _scenes(settings) and not (kind == "block" and scene == RELATED):
        raise InvalidInput("没有这个推荐位，请从列表中选择")
    position = whole_number(given.get("position") or "1", 1, LAST_POSITION + 1)
    if position is None:
        raise InvalidInput(f"位置应为 1 至 {LAST_POSITION + 1} 的整数")
    text = given.get("text", "")
    if len(text) > MAX_TEXT or not text.isprintable():
        raise InvalidInput(f"说明最多 {MAX_TEXT} 个字，且只能有一行")
    begins, until = given.get("begins", ""), given.get("until", "")
    try:
        begin = time_in("开始", begins) if begins else None
        end = end_in("结束", until) if until else None
    except InvalidInput:
        raise InvalidInput("无法识别日期，请按 2026-03-01 填写") from None
    if begin and end and begin >= end:
        raise InvalidInput("结束日期早于开始日期")
    if end and end <= now:
        raise InvalidInput("结束日期已过")
    return Rule(
        kind, given.get("item_id", ""), scene, position - 1 if kind == "pin" else 0,
        _factor(given.get("factor", "")) if kind == "boost" else 1.0, begin, end, text if kind == "pin" else "", who,
        given["why"],
    )  # fmt: skip


def _factor(text: str) -> float:
    try:
        factor = float(text)
    except ValueError:
        factor = 1.0
    if not LEAST_FACTOR <= factor <= MOST_FACTOR or factor == 1.0:
        raise InvalidInput(f"权重倍数应为 {LEAST_FACTOR:g} 至 {MOST_FACTOR:g}，且不为 1")
    return factor


def _scenes(settings: Settings) -> dict[str, str]:
    return {name: scene.title for name, scene in SceneFiles(settings.scenes_path).scenes.items()}


def _rules(
    settings: Settings, now: datetime, viewer: Viewer, *, problem: str = "", notice: str = "",
    given: Mapping[str, str], status: int = 200,
) -> PageAnswer:  # fmt: skip
    with registry_at(settings.registry_address) as registry:
        known, names = rules(registry), titles(registry)
    scenes = _scenes(settings)
    order: list[RuleState] = ["acting", "waiting", "expired"]
    known.sort(key=lambda one: (order.index(one.state(now)), -one.number))
    rows = [_shown(one, names.get(one.item_id, one.item_id), scenes, now) for one in known]
    return page(
        "rules.html", status, viewer, heading=HEADING, here=RULES, problem=problem, notice=notice, rows=rows,
        given=given, kinds=KINDS, scenes=scenes, may_change=viewer.may("editorial", "change"),
        n_acting=sum(one.state(now) == "acting" for one in known), last=LAST_POSITION + 1, max_text=MAX_TEXT,
    )  # fmt: skip


def _shown(one: Rule, title: str, scenes: Mapping[str, str], now: datetime) -> dict[str, Any]:
    does = {"pin": f"置顶在第 {one.position + 1} 位", "boost": f"权重乘以 {one.factor:g}", "block": "屏蔽"}[one.kind]
    where = "相关内容" if one.scene == RELATED else scenes.get(one.scene, one.scene) if one.scene else "全部推荐位"
    return {
        "number": one.number, "title": title, "href": item_path(one.item_id), "does": does, "where": where,
        "state": STATES[one.state(now)], "is_over": one.state(now) == "expired", "text": one.text,
        "from": _day(one.begins or one.made_at), "until": _day(one.ends) or "撤销为止", "who": one.who, "why": one.why,
    }  # fmt: skip


def _day(at: datetime | None) -> str:
    return at.astimezone(PORTAL_TZ).strftime("%Y-%m-%d %H:%M") if at else ""
