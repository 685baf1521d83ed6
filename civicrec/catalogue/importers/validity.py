"""Words for whether a document is in force, as the national law database, tax offices and sites write them.

In: the text of a column such as 效力状态. Out: the validity it means. Why 已修改 is not in force: docs/decisions/100.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from civicrec.errors import InvalidInput
from civicrec.items import Validity

#: Not in force yet: to be shown from a day that another column tells.
NOT_YET = "尚未生效"

_MEANS: Mapping[str, tuple[str, ...]] = {
    "有效": (
        "有效", "现行有效", "全文有效", "现行", "继续有效", "长期有效", "仍然有效", "已生效", "生效", "生效中",
        "正在执行", "执行中",
    ),
    # In force with parts that changed or fell away.
    "修改": (
        "修改", "部分有效", "部分失效", "部分废止", "部分修改", "条款失效", "条款废止", "部分条款失效", "部分条款废止",
        "部分条款有效", "部分条款修改",
    ),
    # The law database keeps each text of a law: 已修改 is the one that another has taken the place of.
    "失效": (
        "失效", "已失效", "全文失效", "过期", "已过期", "到期失效", "自动失效", "无效", "停止执行", "已停止执行",
        "已修改", "已修订", "已被修改", "已被修订", "被修改", "已替代", "已被替代",
    ),
    "废止": ("废止", "已废止", "全文废止", "宣布废止", "已被废止", "撤销", "已撤销"),
    NOT_YET: (NOT_YET, "未生效", "待生效", "即将生效", "尚未施行", "未施行", "待施行", "尚未实施", "未实施"),
}  # fmt: skip
_WORDS = {word: meaning for meaning, words in _MEANS.items() for word in words}


def meaning_of(column: str, text: str) -> tuple[Validity, bool]:
    """Return the validity a word means, and whether it only begins later.

    Raises
    ------
    InvalidInput
        If the word is unknown; the message names the column, the word and the words that are taken.

    Examples
    --------
    >>> meaning_of("效力状态", " 全文有效 "), meaning_of("时效性", "（尚未生效）")
    (('有效', False), ('有效', True))
    """
    plain = re.sub(r"[^\w]+", "", unicodedata.normalize("NFKC", text))
    meaning = _WORDS.get(plain)
    if meaning is None:
        raise InvalidInput(f"{column}: got {text!r:.80}, expected one of {'、'.join(_WORDS)}")
    return ("有效", True) if meaning == NOT_YET else (meaning, False)  # type: ignore[return-value]  # keys are these
