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

#: The words a message names, and the rules for what stands in columns; 已 and 被 are gone from a word but for 已修改.
_TAKEN = ("有效", "现行有效", "全文有效", "部分有效", "条款失效", "修改", "已修改", "失效", "废止", NOT_YET)
_ADVERBS = "(?:全文|全部|整体|到期|自动|自行|自然|宣布|决定|明令|予以)*"
_PARTS = "(?:部分|个别|有关|相关)"
_CHANGED = "(?:失效|废止|修改|修订|修正|停止执行)"
_MEANS: Mapping[str, str] = {
    NOT_YET: "(?:尚|还|暂|目前)*未(?:到)?(?:正式)?(?:生效|施行|实施|执行)(?:日期|时间)?"
    "|(?:尚?待|即将|等待)(?:生效|施行|实施|执行)",
    # In force with parts that changed or fell away.
    "修改": f"{_PARTS}(?:条款|内容|条文)?(?:有效|{_CHANGED})|(?:条款|条文){_CHANGED}|修改|修订|修正"
    f"|(?:全文)?有效{_PARTS}?(?:条款|内容)?{_CHANGED}",
    # The law database keeps each text of a law: 已修改 is the one that another has taken the place of.
    "失效": f"(?:已|被|已被)(?:修改|修订|修正|替代|取代|代替)|替代|取代|{_ADVERBS}失效|过期|到期|超期|无效|作废"
    "|(?:停止|终止|暂停|中止)(?:执行|施行|实施|使用)|停用|过有效期|历史(?:版本|文件)|否|invalid|expired|superseded",
    "废止": f"{_ADVERBS}(?:废止|撤销)|失效或?废止|废止或?失效|repealed|abolished",
    "有效": "(?:现行|全文|全部|整体|继续|长期|仍然?|目前|当前|试行|暂行|规范性文件)*有效(?:期内|状态|中|文件)?"
    "|在有效期内?|现行(?:适用)?|生效中?|(?:正在|继续)?(?:执行|施行|实施)中?|试行|暂行|(?:予以)?保留|是|valid|ineffect|inforce",
}
_RULES = {meaning: re.compile(pattern) for meaning, pattern in _MEANS.items()}
_REMARK = re.compile(r"(?<=.)[(\[].*\Z", re.DOTALL)


def meaning_of(column: str, text: str) -> tuple[Validity, bool]:
    """Return the validity a word means, and whether it only begins later.

    Raises
    ------
    InvalidInput
        If the word is unknown; the message names the column, the word and words that are taken.

    Examples
    --------
    >>> meaning_of("效力状态", " 全文有效 "), meaning_of("时效性", "（尚未生效）")
    (('有效', False), ('有效', True))
    """
    seen = unicodedata.normalize("NFKC", text).casefold()
    # With what stands in brackets first: 有效(部分失效) is not 有效(2025年修订).
    for words in (seen, _REMARK.sub("", seen)):
        bare = re.sub(r"[\W_]+", "", words)
        for word in (bare, re.sub("[已被]", "", bare)):
            for meaning, rule in _RULES.items():
                if rule.fullmatch(word):
                    return ("有效", True) if meaning == NOT_YET else (meaning, False)  # type: ignore[return-value]  # keys
    raise InvalidInput(f"{column}: got {text!r:.80}, expected a word such as {'、'.join(_TAKEN)}")
