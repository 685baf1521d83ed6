"""Reading the columns of a source row: its text, its words, and a summary where the source brings none.

In: a row, or running text. Out: text, stripped.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator
from typing import Any

import msgspec

from civicrec.errors import InvalidInput
from civicrec.items import address

#: Called with what of a row could not be kept, in words.
Note = Callable[[str], None]

#: About three lines on a phone; enough for one or two sentences.
SUMMARY_CHARACTERS = 120

_LONGEST_WORD = 64
_TEXT_OF_OBJECT = ("name", "label", "title", "text", "tagName", "tag_name", "word", "名称", "value")
_TYPES = {dict: "an object", list: "a list", bool: "true or false"}
_SENTENCE_ENDS = "。！？；"

#: What people write where a column has nothing to say, without its signs and spaces: 无, 暂无文号, N/A, null.
_NOTHING = re.compile(
    r"(?:本件|此件|本文|此处)?(?:暂|尚|均|皆|暂时)?(?:无|没有|无需|不涉及|不适用|不详|空|空白|空值"
    r"|未[编定填知标公提明](?:注|布|供|确|写|号)?|待[定补编填](?:充|写|号)?|略|缺|缺失)"
    r"(?:正式|相关|此项|该项)?(?:发文|文件)?(?:文号|字号|号|编号|文件号|索引号|索引|信息|内容|数据|资料|描述|说明|简介|摘要|链接|网址|地址)?"
    r"|na|nan|null|none|nil|undefined|unknown|empty|blank|tbd|0+|〇+|nbsp"
)
_YEAR_IN_BRACKETS = re.compile(r"[〔\[（(［【]\s*(?:19|20)\d\d\s*[〕\]）)］】]")
_NUMERAL = re.compile(r"[1-9]|[一二三四五六七八九十百].{0,40}[号字令]|第[一二三四五六七八九十百]")


def text_in(row: dict[str, Any], column: str) -> str:
    """Return the column's text, stripped; empty where there is none. A number is its digits.

    Raises
    ------
    InvalidInput
        If the column holds something else than text.
    """
    value = row.get(column)
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))  # a spreadsheet's 440000.0
    if not isinstance(value, str):
        raise InvalidInput(f"{column}: expected text, got {_TYPES.get(type(value), 'a number')}")
    return value.strip()


def value_in(row: dict[str, Any], column: str) -> str:
    """Return the column's text; empty also where it only says that there is nothing."""
    text = text_in(row, column)
    return "" if is_placeholder(text) else text


def words_in(
    row: dict[str, Any], column: str, note: Note, undivided: Collection[str] = (), slash: str = ""
) -> list[str]:
    """Return the column's words, each once: from a list, or from one text that names them one after another.

    Parameters
    ----------
    note
        Called with a word that is too long to be one.
    undivided
        Words that are never taken apart, though there are signs in them.
    slash
        Signs that part words of this column, besides commas, semicolons, enumeration commas and spaces.

    Raises
    ------
    InvalidInput
        If the column holds something else than words.

    Examples
    --------
    >>> words_in({"a": "自然人、企业法人，社会保障（社会保险、社会救助）"}, "a", print)
    ['自然人', '企业法人', '社会保障（社会保险、社会救助）']
    """
    words: dict[str, None] = {}
    for text in texts_in(row, column):
        for word in _parted(text, undivided, slash):
            if len(word) > _LONGEST_WORD:
                note(f"{column}: {word[:20]}… has {len(word)} characters and is no word; it is left out")
            else:
                words[word] = None
    return list(words)


def texts_in(row: dict[str, Any], column: str) -> list[str]:
    """Return the column's texts, of one or of a list, as they are; those that say nothing are left out.

    Raises
    ------
    InvalidInput
        If the column holds something else than texts.
    """
    value = row.get(column)
    if isinstance(value, str) and value.strip().startswith("["):
        try:
            value = msgspec.json.decode(value)  # a list that an export wrote into one text
        except msgspec.DecodeError:
            value = row[column]
    several = value if isinstance(value, list) else [value]
    texts = (text_in({column: named_text(one)}, column) for one in several)
    return [text for text in texts if not is_placeholder(text)]


def named_text(value: object) -> object:
    """Return the text of a word that an API gives as an object, {"id": 1, "name": "教育"}; anything else as it is."""
    if isinstance(value, dict):
        return next((value[name] for name in _TEXT_OF_OBJECT if isinstance(value.get(name), str)), value)
    return value


def _parted(text: str, undivided: Collection[str], slash: str) -> Iterator[str]:
    for part in _outside_brackets(text, ",，;；|｜\n\t"):
        if part in undivided:
            yield part
        else:
            yield from (
                word for word in _outside_brackets(part, f"、﹑､ \u3000\xa0{slash}") if not is_placeholder(word)
            )


def _outside_brackets(text: str, separators: str) -> Iterator[str]:
    depth, word = 0, ""
    for sign in text:
        depth = max(0, depth + (sign in "（(《【") - (sign in "）)》】"))
        if sign in separators and not depth:
            yield word.strip()
            word = ""
        else:
            word += sign
    yield word.strip()


def link_in(row: dict[str, Any], column: str, note: Note) -> str:
    """Return the column's address; empty, with a note, where it holds one that no page may link to."""
    try:
        return address(value_in(row, column))
    except InvalidInput as error:
        note(f"{column}: {error}; the item is kept without it")
        return ""


def is_placeholder(text: str) -> bool:
    """Tell whether a text only holds the place of a missing one.

    Examples
    --------
    >>> [is_placeholder(text) for text in ("暂 无", "——", "／", "Ｎ/Ａ", "冀政字〔2024〕7号", "无锡市")]
    [True, True, True, True, False, False]
    """
    return not (bare := _bare(text)) or _NOTHING.fullmatch(bare) is not None


def names_a_document(number: str) -> bool:
    """Tell whether a document or index number can tell its document from others: 保密 and 同上 cannot.

    Examples
    --------
    >>> [names_a_document(one) for one in ("冀政字〔2024〕7号", "主席令第四十二号", "同上", "〇", "国发〔2024〕号")]
    [True, True, False, False, False]
    """
    # The year of a number that is still to come, 国发〔2024〕　号, tells it from no other of that year.
    return not is_placeholder(number) and _NUMERAL.search(_bare(_YEAR_IN_BRACKETS.sub("", number))) is not None


def _bare(text: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFKC", text).casefold() if sign.isalnum())


def summary_of(text: str, limit: int = SUMMARY_CHARACTERS) -> str:
    """Return the text's beginning, at most `limit` characters, cut after a sentence or marked with ``…``.

    Examples
    --------
    >>> summary_of("一、总则。二、分则。", limit=7)
    '一、总则。'
    >>> summary_of("没有句号的长文", limit=4)
    '没有句…'
    """
    text = " ".join(text.split())
    if len(text) <= limit:
        return text
    end = max(text.rfind(mark, 0, limit) for mark in _SENTENCE_ENDS) + 1
    return text[:end] if end > limit // 3 else text[: limit - 1] + "…"
