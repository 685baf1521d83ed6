"""Format `gov-policies`: policy documents and interpretations, with the Chinese column names sites export.

In: one row. Out: a policy or interpretation `Item`. Columns differ from department to department: the date may be
``日期``, ``发文日期`` or ``时间`` in three notations, or stand only in the ``摘要`` of a regulation
(“2001年9月25日…公布”), or be absent. The id is the document number or the index number where a column has one, else a
hash of title, date and page address, so that two pages of one title on one day stay two items. An interpretation
bears the number of its policy, so that is not its id.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import Any

from civicrec.catalogue.importers.dates import time_in
from civicrec.catalogue.importers.fields import Note, link_in, names_a_document, summary_of, text_in, value_in, words_in
from civicrec.catalogue.importers.identity import PossibleIds
from civicrec.catalogue.importers.validity import meaning_of
from civicrec.catalogue.references import first_number
from civicrec.clock import rfc3339
from civicrec.errors import InvalidInput
from civicrec.items import Item, Status, Validity, item_from
from civicrec.markup import plain

_DATE_COLUMNS = ("发布日期", "发文日期", "成文日期", "日期", "时间")
_CATEGORY_COLUMNS = ("主题", "主题分类", "一级类别", "所属一级类别")
_VALIDITY_COLUMNS = ("效力状态", "时效性", "时效状态", "有效性", "效力")
_FROM_COLUMNS = ("施行日期", "生效日期", "实施日期")
_NUMBER_COLUMNS = ("文号", "发文字号")
_DERIVED = "policy-"
#: Other names that sites give the columns.
ALSO_CALLED = {
    "题名": "标题", "名称": "标题", "文件名称": "标题", "文件标题": "标题", "政策名称": "标题", "政策标题": "标题",
    "法规名称": "标题", "標題": "标题", "title": "标题",
    "发布时间": "发布日期", "公布日期": "发布日期", "公布时间": "发布日期",
    "印发日期": "发布日期", "發布日期": "发布日期",
    "发文时间": "发文日期", "成文时间": "成文日期", "效力狀態": "效力状态", "文件效力": "效力状态",
    "施行时间": "施行日期", "实施时间": "实施日期", "生效时间": "生效日期",
    "文件编号": "文号", "文件文号": "文号", "发文文号": "文号", "文號": "文号",
    "索引": "索引号", "信息索引号": "索引号",
    "链接": "访问地址", "链接地址": "访问地址", "网址": "访问地址", "原文链接": "访问地址",
    "URL": "访问地址", "url": "访问地址", "訪問地址": "访问地址",
    "正文": "内容", "全文": "内容", "文件内容": "内容", "內容": "内容",
    "简介": "摘要", "内容摘要": "摘要", "内容概述": "摘要",
}  # fmt: skip

#: 国务院主题分类: level 1, and the words of level 2 that sources use in its place.
STATE_THEMES = frozenset({
    "国务院组织机构", "综合政务", "国民经济管理、国有资产监管", "财政、金融、审计", "国土资源、能源",
    "农业、林业、水利", "工业、交通", "商贸、海关、旅游", "市场监管、安全生产监管", "城乡建设、环境保护",
    "科技、教育", "文化、广电、新闻出版", "卫生、体育", "人口与计划生育、妇女儿童工作", "劳动、人事、监察",
    "公安、安全、司法", "民政、扶贫、救灾", "民族、宗教", "对外事务", "港澳台侨工作", "国防", "其他",
    "公路", "水运", "铁路", "民航", "邮政", "财政", "税务", "审计", "科技", "教育", "卫生", "体育",
    "劳动就业", "社会保障",
})  # fmt: skip
#: Names of site columns → the theme they are about.
_COLUMN_THEMES = {
    "组织机构": "国务院组织机构", "科技政策": "科技", "基础教育": "教育", "高等教育": "教育", "职业教育": "教育",
    "民办教育": "教育", "师资建设": "教育", "学生资助": "教育", "教育法规": "教育", "语言文字": "教育",
    "思政体卫与学校安全": "教育", "工业行业规划": "工业、交通", "工业行业计划": "工业、交通",
    "产业政策": "工业、交通", "中小企业、民营经济发展政策": "工业、交通",
}  # fmt: skip
#: Part of the publisher's name → theme, for rows whose column says nothing about the subject.
_PUBLISHER_THEMES = {"人力资源": "劳动、人事、监察", "科学技术": "科技", "教育": "教育", "工业": "工业、交通"}

_INTERPRETS = re.compile(r"解读|图解|读懂|答记者问")
_ISSUER = re.compile(r"^[《]?(.{2,80}?(?:厅|部|局|委|院|政府|办公室|委员会|小组|部门))\s*(?:关于|印发|转发)")
_PROMULGATED = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日")
#: A text that only points elsewhere says nothing about the policy.
_POINTER = re.compile(r"^(?:更多信息请关注.{0,30}|[^。]{0,80}\.(?:pdf|docx?|xlsx?))$", re.IGNORECASE)


def _ignore(_: str) -> None:
    """Let a note go that `item` tells."""


def item(row: dict[str, Any], note: Note) -> Item:
    """Turn one policy or interpretation into an `Item`; its id is the best of `ids_of`.

    Raises
    ------
    InvalidInput
        If it has no title, repeats the column names (a header row), or holds a date or validity that cannot be read.
    """
    title = _title(row)
    if not title:
        names = ", ".join(list(row)[:12])
        raise InvalidInput(f"标题 is missing or empty; a policy needs its title (got columns {names:.200})")
    if title == "标题":
        raise InvalidInput("a header row: 标题 holds the name of its own column")
    publisher, column = _publisher(row)
    categories = _categories(row, note)
    abstract, body = value_in(row, "摘要"), value_in(row, "内容")
    is_interpretation = _is_interpretation(row)
    published, _ = _published(row, note)
    validity, status, valid_from = _in_force(row, note)
    return item_from({
        "item_id": ids_of(row).takes[0],
        "item_type": "interpretation" if is_interpretation else "policy",
        "title": title,
        # A regulation's 摘要 is the history of its amendments; what it is about, its text says.
        "summary": summary_of(next((text for text in (body, abstract) if text and not _POINTER.match(text)), "")),
        "url": link_in(row, "访问地址", note),
        "body_text": "\n".join(text for text in (abstract, body) if text),
        "issuer": _issuer(title) or publisher,
        "document_no": _number(row) or ("" if is_interpretation else _number_in(abstract or body)),
        "index_no": value_in(row, "索引号"),
        "theme": _theme(categories, publisher),
        "tags": [word for word in categories or [column] if word and word not in STATE_THEMES],
        "published_at": published,
        "valid_from": valid_from,
        "validity": validity,
        "status": status,
        "source": publisher,
    })  # fmt: skip


def ids_of(row: dict[str, Any]) -> PossibleIds:
    """Return the ids the row may have: its numbers, where they name it, and a hash of title, date and page."""
    _, day = _published(row)
    key = "\n".join((_title(row), day, value_in(row, "访问地址")))
    derived = _DERIVED + hashlib.sha256(key.encode()).hexdigest()[:16]
    number, index = (
        re.sub(r"[\s,\x00-\x1f]+", "", text)[:128] for text in (_number(row), plain(text_in(row, "索引号")))
    )
    own = [index] if _is_interpretation(row) else [number, index]
    had = (number,) if number and _is_interpretation(row) else ()
    return PossibleIds((*filter(names_a_document, own), derived), had, _DERIVED)


def _title(row: dict[str, Any]) -> str:
    return " ".join(text_in(row, "标题").split())


def _number(row: dict[str, Any]) -> str:
    numbers = (plain(text_in(row, name)) for name in _NUMBER_COLUMNS)
    return next((text for text in numbers if names_a_document(text)), "")


def _publisher(row: dict[str, Any]) -> tuple[str, str]:
    """Return the publisher and its site's column."""
    publisher, _, column = text_in(row, "文件").partition("-")
    return publisher.lstrip("0123456789"), column.rpartition("_")[2]


def _categories(row: dict[str, Any], note: Note = _ignore) -> list[str]:
    words = (words_in(row, name, note, STATE_THEMES | _COLUMN_THEMES.keys()) for name in _CATEGORY_COLUMNS)
    return next(filter(None, words), [])


def _is_interpretation(row: dict[str, Any]) -> bool:
    return "解读" in "".join((*_categories(row), _publisher(row)[1])) or bool(_INTERPRETS.search(_title(row)))


def _published(row: dict[str, Any], note: Note = _ignore) -> tuple[str | None, str]:
    """Return the publication time as RFC 3339 and the day as ids have it, or (None, "") for a row without date.

    The first column that can be read counts; those before it are named to `note`.

    Raises
    ------
    InvalidInput
        If there are dates and none can be read.
    """
    unread: list[str] = []
    for name in _DATE_COLUMNS:
        if text := value_in(row, name):
            try:
                at = time_in(name, text)
            except InvalidInput as error:
                unread.append(str(error))
            else:
                _note_unread(note, unread, name)
                return rfc3339(at), text if _in_old_notation(text) else at.date().isoformat()
    if match := _PROMULGATED.search(value_in(row, "摘要")):
        _note_unread(note, unread, "摘要")
        return rfc3339(time_in("摘要", match[0])), ""
    if unread:
        raise InvalidInput(unread[0])
    return None, ""


def _note_unread(note: Note, unread: list[str], instead: str) -> None:
    for reason in unread:
        note(f"{reason}; {instead} is taken instead")


def _in_old_notation(text: str) -> bool:
    """Tell whether the text is of a notation that ids have always taken as it is written."""
    for form in ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y年%m月%d日"):
        try:
            datetime.strptime(text, form)  # noqa: DTZ007  # only whether it can be read
        except ValueError:
            continue
        return True
    return False


def _in_force(row: dict[str, Any], note: Note) -> tuple[Validity, Status, str | None]:
    """Return validity, status and the day from which the document is in force, where a column tells it."""
    column, text = next(((name, text) for name in _VALIDITY_COLUMNS if (text := value_in(row, name))), ("", ""))
    validity, is_later = meaning_of(column, text) if text else ("有效", False)
    valid_from = None
    for name in _FROM_COLUMNS:
        if text := value_in(row, name):
            try:
                valid_from = rfc3339(time_in(name, text))
            except InvalidInput as error:
                note(f"{error}; the item is kept without it")
    if is_later and not valid_from:
        note(f"{column}: not in force yet, and no {' or '.join(_FROM_COLUMNS)} says from when; kept as a draft")
        return validity, "draft", None
    return validity, "online", valid_from


def _theme(categories: list[str], publisher: str) -> list[str]:
    named = [word if word in STATE_THEMES else _COLUMN_THEMES.get(word, "") for word in categories]
    if themes := list(dict.fromkeys(word for word in named if word)):
        return themes
    return [theme for part, theme in _PUBLISHER_THEMES.items() if part in publisher][:1]


def _issuer(title: str) -> str:
    match = _ISSUER.match(title)
    return match.group(1) if match else ""


def _number_in(text: str) -> str:
    """Return the document number that stands at the head of a text; further down it is another document's."""
    number = first_number(text[:80])
    # No space parts a title from the number after it, and nothing tells the two apart but these words.
    return re.split("通知|意见|办法|方案|规定", number.written)[-1] if number and number.issuer[1:] else ""
