"""Format `zwfw-services`: 政务服务事项 as a provincial service platform exports them.

In: one row with keys such as ``TASK_CODE`` and ``theme_category``. Out: a service `Item`; its id is ``TASK_CODE``.
The source mixes themes, life events and groups of people in one list, and its type codes differ between provinces,
so words are mapped by name, never by number.
"""

from __future__ import annotations

from typing import Any

from civicrec.catalogue.importers.fields import Note, is_placeholder, link_in, summary_of, text_in, texts_in, words_in
from civicrec.errors import InvalidInput
from civicrec.items import Item, item_from

_LIFE_EVENTS = frozenset({"生小孩", "升学", "找工作", "创业", "结婚", "买房子", "迁居", "纳税", "失业", "退休"})
_GROUPS = frozenset({"高校毕业生", "农民", "残疾人", "老年人", "妇女", "儿童青少年", "外国人", "港澳台侨", "人才"})
_THEMES = frozenset({
    "生育收养", "户籍办理", "民族宗教", "教育科研", "入伍服役", "就业创业", "设立变更", "准营准办", "抵押质押",
    "职业资格", "行政缴费", "婚姻登记", "优待抚恤", "规划建设", "住房保障", "社会保障", "证件办理", "交通出行",
    "旅游观光", "出境入境", "消费维权", "公共安全", "司法公证", "知识产权", "环保绿化", "文化体育", "公用事业",
    "医疗卫生", "离职退休", "死亡殡葬", "地方特色", "其他", "资质认证", "年检年审", "税收财务", "人力资源",
    "投资审批", "融资信贷", "商务贸易", "招标拍卖", "海关口岸", "涉外服务", "农林牧渔", "国土和规划建设",
    "交通运输", "应对气候变化", "水务气象", "科技创新", "文体教育", "质量技术", "检验检疫", "安全生产",
    "公安消防", "法人注销", "档案文物",
})  # fmt: skip
#: Words of the source → the governed word they mean.
_SAME_AS = {"社会保障（社会保险、社会救助）": "社会保障", "社会救助": "社会保障", "义务教育": "教育科研"}

#: How the source writes "none"; a text of this kind is no acceptance condition worth showing.
_NOTHING = frozenset({"无条件", "无条件受理", "无受理条件", "无条件办理", "直接申请"})


def item(row: dict[str, Any], note: Note) -> Item:
    """Turn one service item into an `Item`.

    Raises
    ------
    InvalidInput
        If it has no ``TASK_CODE`` or ``TASK_NAME``, or a field is of the wrong type.
    """
    conditions = _text(row, "accept_standard")
    theme, life_events, groups, unknown = _sorted(words_in(row, "theme_category", note, _SAME_AS, slash="/／"))
    colloquial = [word for key in ("matter_short", "matter_daily") for word in words_in(row, key, note)]
    return item_from({
        "item_id": _needed(row, "TASK_CODE"),
        "item_type": "service",
        "title": _needed(row, "TASK_NAME"),
        "summary": summary_of(conditions),
        "url": link_in(row, "URL", note),
        "body_text": _body(row, conditions),
        "issuer": _text(row, "DEPT_NAME"),
        "theme": theme,
        "life_events": life_events,
        "audiences": words_in(row, "service_object_name", note, slash="/／"),
        "person_groups": groups,
        "region_code": _text(row, "AREACODE"),
        "tags": _once([_text(row, "TASK_TYPE_TEXT"), *unknown, *colloquial]),
        "source": _text(row, "DEPT_NAME"),
    })  # fmt: skip


def _body(row: dict[str, Any], conditions: str) -> str:
    parts = (
        ("受理条件", conditions),
        ("申请材料", "；".join(_once(texts_in(row, "material_intro")))),
        ("法定办结时限", _text(row, "handle_time")),
        ("承诺办结时限", _text(row, "handle_time_limit")),
    )
    return "\n".join(f"{name}：{text}" for name, text in parts if text)


def _sorted(words: list[str]) -> tuple[list[str], list[str], list[str], list[str]]:
    """Part the mixed list into themes, life events, groups of people and words that are none of them."""
    theme: list[str] = []
    life_events: list[str] = []
    groups: list[str] = []
    unknown: list[str] = []
    for word in words:
        known = _SAME_AS.get(word, word)
        if known != word:
            unknown.append(word)  # the source's own word stays findable
        if known in _THEMES:
            theme.append(known)
        elif known in _LIFE_EVENTS:
            life_events.append(known)
        elif known in _GROUPS:
            groups.append(known)
        else:
            unknown.append(word)
    return _once(theme), life_events, groups, unknown


def _needed(row: dict[str, Any], key: str) -> str:
    text = _text(row, key)
    if not text:
        raise InvalidInput(f"{key} is missing or empty; a service needs its code and its name")
    return text


def _text(row: dict[str, Any], key: str) -> str:
    text = text_in(row, key)
    return "" if text in _NOTHING or is_placeholder(text) else text


def _once(words: list[str]) -> list[str]:
    return list(dict.fromkeys(word for word in words if word))
