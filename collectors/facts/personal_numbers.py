"""What personal numbers look like, in the plain writing that `plain` makes of any text.

Every pattern is bounded in length, or begins at the beginning of a word only and gives nothing back, so that no text
costs more than its length.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from operator import mul
from typing import NamedTuple

#: What stands in plain writing for a character that is not seen.
UNSEEN = "\u200b"
#: What people put between the digits of a number.
_GAP = r"[ .\-/_()+~\u200b]{0,3}"
#: Any signs: only between the groups in which a number is read out, where prices and lists have others.
_WIDE_GAP = r"[\W_]{1,3}"
_PLACE = "[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼]"
HAN = "零〇○一二三四五六七八九幺壹贰叁肆伍陆柒捌玖"


def _plain_characters() -> dict[int, str]:
    """Return one plain character for each that stands for it: digits of any script, full width, dashes, spaces."""
    plain = {ord("·"): ".", ord("・"): ".", ord("−"): "-", **dict.fromkeys(map(ord, "\t\r\n"), " ")}
    for code in (*range(0x80, 0xFF01), *range(0x1D7CE, 0x1D800)):
        if (digit := unicodedata.digit(chr(code), None)) is not None:
            plain[code] = str(digit)
        elif 0xFE50 <= code <= 0xFE6F:  # small forms of signs
            plain[code] = unicodedata.normalize("NFKC", chr(code))
        elif instead := {"Zs": " ", "Pd": "-", "Cf": "\u200b", "Mn": "\u200b", "Me": "\u200b"}.get(
            unicodedata.category(chr(code))
        ):
            plain[code] = instead
    return plain | {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)} | {0xFEFF: "\u200b"}


_PLAIN = _plain_characters()


def plain(text: str) -> str:
    """Return a text in plain writing, character for character."""
    return text if text.isascii() else text.translate(_PLAIN)


class NumberKind(NamedTuple):
    """One kind of number.

    Attributes
    ----------
    label
        What is written in its place.
    pattern
        How it looks.
    n_digits
        So many of `DIGITS` stand in one at least: a text with fewer need not be looked through.
    words
        One of them stands in a text that holds one, in small letters; none: any text may.
    is_one
        Whether what looks so is one.
    """

    label: str
    pattern: re.Pattern[str]
    n_digits: int = 0
    words: tuple[str, ...] = ()
    is_one: Callable[[str], bool] | None = None


#: An identity card as it is read out: where one lives, the day of birth, the rest.
_READ_OUT_ID = (
    rf"[1-8]\d{{5}}{_WIDE_GAP}(?:19|20)\d\d(?:{_WIDE_GAP})?(?:0[1-9]|1[0-2])(?:{_WIDE_GAP})?"
    rf"(?:0[1-9]|[12]\d|3[01]){_WIDE_GAP}\d{{3}}[\dXx]"
)


def _identity_card(gap: str) -> str:
    """Return the pattern of 18 digits with a day of birth in them."""
    month, day = f"(?:0{gap}[1-9]|1{gap}[0-2])", rf"(?:0{gap}[1-9]|[12]{gap}\d|3{gap}[01])"
    return gap.join(["[1-8]", *[r"\d"] * 5, f"(?:1{gap}9|2{gap}0)", r"\d", r"\d", month, day, *[r"\d"] * 3, r"[\dXx]"])


def _mobile() -> str:
    """Return the pattern of 11 digits: together, 3-4-4 with any gaps, or in other groups with the same gap between."""
    digits = ["1", "[3-9]", *[r"\d"] * 9]
    ways = []
    for sizes in ("335", "434", "443", "38", "56", "65", "74", "533", "2333", "32222", "1" * 11):
        ends = [sum(map(int, sizes[:n])) for n in range(len(sizes) + 1)]
        ways.append("(?P=gap)".join("".join(digits[a:b]) for a, b in zip(ends, ends[1:], strict=False)))
    no_years = r"(?!1[89]\d\d(?P=gap)(?:19|20)\d\d)"
    no_list = r"(?![1-9]\d00(?P=wide)[1-9]\d00|(?:19|20)\d\d(?P=wide)(?:19|20)\d\d)"
    return (
        rf"(?:1[3-9]\d{_GAP}\d{{4}}{_GAP}\d{{4}}"
        rf"|1[3-9]\d(?P<wide>{_WIDE_GAP}){no_list}\d{{4}}(?P=wide)\d{{4}}"
        rf"|(?=1\d{{0,9}}(?P<gap>{_GAP})){no_years}(?:{'|'.join(ways)}))(?!\d)"
    )


_WEIGHTS = tuple(2 ** (17 - n) % 11 for n in range(17))


def _has_check_digit(number: str) -> bool:
    """Say whether 18 digits end as an identity card's do (GB 11643)."""
    return "10X98765432"[sum(map(mul, map(int, number[:17]), _WEIGHTS)) % 11] == number[17].upper()


def _is_card(number: str) -> bool:
    """Say whether digits are a bank card's: China UnionPay's begin with 62, others have Luhn's check digit."""
    digits = [int(digit) for digit in re.sub(r"\D", "", number)]
    return digits[:2] == [6, 2] or sum(sum(divmod(d * (1 + n % 2), 10)) for n, d in enumerate(digits[::-1])) % 10 == 0


#: A name inside the house (zhang@mail) needs Latin letters: elsewhere the sign calls somebody, as in 政务@你.
_MAIL = (
    r"(?<![\w.+%-])[\w.+%-]++ {0,2}(?:@|%40|[(\[{] ?at ?[)\]}]|(?<= )at(?= [\w-]{1,63} (?:dot|点) )) {0,2}[\w-]++"
    r"(?:(?: ?[(\[{] ?dot ?[)\]}] ?|\.| (?:\.|dot|点) )[\w-]++)++[\w.+@-]*+"
    r"|(?<![\w.+-])[A-Za-z0-9][A-Za-z0-9.+_-]++@[A-Za-z][A-Za-z0-9-]++(?![\w.+@-])"
)
_KEY = (
    r"(?<![\w-])eyJ[\w-]{5,}+\.[\w-]*+(?:\.[\w-]*+)?"
    r"|(?:(?<![A-Za-z])(?:token|ticket|secret|passw(?:or)?d|pwd|j?session_?id|phpsessid|signature|api_?key)"
    r"(?:=| ?: ?(?=[!-~]{6})(?=[!-~]{0,40}\d))"
    r"|(?:密码|口令|验证码) ?[是为:=] ?(?=[!-~]{6})(?=[!-~]{0,40}\d))(?P<one>(?!\[key\])[^\s&;,#]{4,}+)"
)
_PROVINCE = r"(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3])"
_DAY = r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_OLD_ID = rf"(?<![\dA-Za-z]){_PROVINCE}\d{{6}}{_DAY}\d{{3}}(?![\dA-Za-z])"
_AREA = r"(?:10|2\d|[3-9]\d\d)"

#: What is taken out of a text that people wrote, in this order: a number inside another goes with it.
NUMBER_KINDS = (
    NumberKind("mail", re.compile(_MAIL, re.IGNORECASE), words=("@", ".", "dot", "点")),
    NumberKind("key", re.compile(_KEY), words=("eyj", "=", ":", "是", "为")),
    NumberKind("id", re.compile(
        rf"(?<!\d)(?:{_identity_card(_GAP)}|{_READ_OUT_ID})(?!\d)|{_OLD_ID}|[{HAN}]{{17}}[{HAN}xX]"
    ), n_digits=15),
    NumberKind(
        "id", re.compile(rf"(?=(?P<one>\d{{6}}(?:19|20)\d\d{_DAY}\d{{3}}[\dXx]))"), n_digits=17, is_one=_has_check_digit
    ),
    NumberKind("card", re.compile(
        r"(?<![A-Za-z\d])(?=3[4-7]|4|5[1-5]|6|9558)"
        r"(?:\d(?:[ -]{0,2}\d){14,18}|\d{4}(?P<dot>[./_])\d{4}(?P=dot)\d{4}(?P=dot)\d{3,4}(?:(?P=dot)\d{1,3})?)"
        r"(?![A-Za-z\d])"
    ), n_digits=15, is_one=_is_card),
    NumberKind("tel", re.compile(
        rf"(?<!\d)(?=[\d+(])(?:(?:\(?(?:\+|00)?86{_GAP}|0)?{_mobile()}"
        rf"|(?:(?:\+|00)86{_GAP}0?|\(?0){_AREA}{_GAP}[2-8]\d{{2,3}}{_GAP}\d{{4}}"
        r"|0\d{2,3}[ -]\d{7,8}"
        r"|(?<![\w+)])\+[1-9](?:[ .()-]{0,2}\d){7,14}"
        r"|\(?(?:00)?(?:85[23]|886)\)?[ -]{1,2}[5-9]\d{2,3}[ -]?\d{3,4}(?:[ -]?\d{3})?"
        r"|00(?:85[23]|886)\d{8,9})(?!\d)(?!\.?\d{0,2} ?(?:[万亿]?元|亿))"
        rf"|(?<![{HAN}])[一幺壹] ?[三四五六七八九叁肆伍陆柒捌玖](?:[ -]?[{HAN}]){{9}}(?! ?[{HAN}])"
    ), n_digits=8),
    NumberKind("id", re.compile(
        r"(?<!\w)wxid_\w{6,20}|微信号[: 是为]{0,2}(?=[a-z])[\w-]{6,20}", re.IGNORECASE
    ), words=("wxid_", "微信号")),
    NumberKind("id", re.compile(  # passports, permits and what else names a person
        r"(?<![A-Z0-9_])(?!.(?:19|20)\d\d)(?:[CDEGHKLMPST]\d{8}|[HM]\d{10}|(?:[CE][A-Z]|[PDS]E|MA)\d{7})(?![A-Z0-9_])"
        r"|(?<![A-Z0-9])[A-Z]{1,2}\d{6}\([0-9A]\)"  # Hong Kong's card
        r"|(?<![A-Z])(?:QQ|扣扣)(?:号码?)?[: 是为]{0,2}[1-9]\d{4,10}(?!\d)", re.IGNORECASE,
    ), n_digits=5),
    NumberKind("id", re.compile(  # by the words before it
        r"(?:护照|通行证|台胞证|回乡证|居留证|居住证|社保卡?|医保卡?|身份证)(?:证?号码?|编号)?[: 是为]{0,2}"
        r"(?P<one>[A-Z]{0,2}[ -]?\d{7,10}[A-Z]?(?![A-Z0-9]))", re.IGNORECASE,
    ), n_digits=7),
    NumberKind("car", re.compile(
        _PLACE + r" ?[A-Z][ .-]?(?=[A-Z]{0,5}\d)(?:[A-Z0-9]{5,6}|[A-Z0-9]{4}[警港澳学挂领使])(?![A-Z0-9])",
        re.IGNORECASE,
    ), n_digits=1),
)  # fmt: skip
#: An `at` that stands for the sign of mail.
_AT = re.compile(r"[(\[{] ?[Aa][Tt] ?[)\]}]")
#: Each begins with a set of signs, which the engine looks for alone, ten times faster than for one of several.
_SUSPECT = (
    re.compile(r"\d(?:\D{0,3}\d){6}"),
    re.compile(r"[是为:](?:(?<=[码令dntDNT].)|(?<=[码令dntDNT] .))", re.DOTALL),
    _AT,
)
_SUSPECT_CHINESE = (
    re.compile(rf"{_PLACE} ?[A-Za-z][A-Za-z0-9. -]{{0,6}}\d"),
    re.compile(rf"[{HAN}](?:[ -]?[{HAN}]){{10}}"),
)
_SUSPECT_WORDS = ("@", "=", "%40", " at ", "eyj", "wxid_", "qq", "微信号")


def is_suspect(text: str) -> bool:
    """Tell whether a text may hold a personal number: most hold none, and are not looked at further."""
    small = text.lower()
    return (
        any(word in small for word in _SUSPECT_WORDS)
        or any(pattern.search(text) for pattern in _SUSPECT)
        or (not text.isascii() and any(pattern.search(text) for pattern in _SUSPECT_CHINESE))
    )


#: What is taken out of paths and ids: nothing that may as well be a code by chance.
CODE_KINDS = (
    *NUMBER_KINDS[:2],
    NumberKind("id", re.compile(rf"(?<!\d){_identity_card('[ -]?')}(?!\d)|{_OLD_ID}"), n_digits=15),
    NumberKind("tel", re.compile(
        r"(?<!\d)(?:(?:\+|00)?86-?|0)?1[3-9]\d(?:\d{8}|(?P<gap>[ .-])(?!(?:19|20)\d\d)\d{4}(?P=gap)\d{4})(?!\d)"
    ), n_digits=11),
)  # fmt: skip
#: UUIDs and other hexadecimal ids are left alone: one of some thousands holds eleven digits that could be a number.
HEXADECIMAL = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}|(?=\d{0,63}[a-f])[0-9a-f]{16,64})"
    r"(?![0-9A-Za-z])"
)
_SUSPECT_CODE = re.compile(r"\d(?<!\d\d)\d\d(?:[ .-]\d{4}[ .-]|\d{3}[ -]\d{4}|\d{8})")
#: Signs that numbers and addresses are made of.
SIGNS = re.compile(rf"[\d@%+({HAN}]")
DIGITS = re.compile(rf"[\d{HAN}]")


def is_suspect_code(text: str) -> bool:
    """Tell whether a path or an id may hold a personal number."""
    return "@" in text or "%40" in text or "eyJ" in text or bool(_SUSPECT_CODE.search(text)) or bool(_AT.search(text))
