"""Days as people, spreadsheets and programs write them.

In: the text of a date column. Out: the instant it names, an aware time (midnight in China where no hour stands), or the
reason why it names none.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo

from civicrec.clock import PORTAL_TZ
from civicrec.errors import InvalidInput
from civicrec.markup import plain

EXPECTED = "expected a day such as 2026-01-31, 2026/1/31, 20260131 or 2026年1月31日, with or without an hour"

_LABEL = re.compile(r"^[\u4e00-\u9fff]{0,6}(?:时间|日期)\s*[:为]\s*")
_WEEKDAY = re.compile(r"[(\[【]?\s{0,9}(?:星期|周|礼拜)[一二三四五六日天]\s{0,9}[)\]】]?")
#: Words that only say what happens on the day.
_BEFORE = ("自", "从")
_BEHIND = re.compile(
    r"(?<=[日号\d]) ?(?:起|开始)? ?(?:发布|公布|印发|成文|(?:正式|开始)?(?:施行|实施|执行|生效))?[。;,]?\Z"
)
_BRACKETS = ("()", "[]", "【】", "〔〕")
_SIGN = r"[-/.,、_\\\u2010-\u2015\u2212]"
_DAY = re.compile(
    rf"(?P<y>\d{{4}})\s*(?:{_SIGN}|年)\s*(?P<m>\d{{1,2}})\s*(?:{_SIGN}|月)\s*(?P<d>\d{{1,2}})\s*[日号]?"
    r"|(?P<y2>\d{4})(?P<m2>\d\d)(?P<d2>\d\d)(?!\d\Z)"
)
_HALF = "上午|下午|中午|凌晨|早上|早晨|晚上|晚|傍晚|夜间|AM|PM|A\\.M\\.|P\\.M\\."
_ZONE = r"(?P<zone>Z|UTC|GMT|CST|北京时间|[+-]\d\d(?::?\d\d)?)?(?: ?CST)?(?: ?\[[A-Za-z/_]{1,40}\])?"
_HOUR = re.compile(
    rf"[ T]{{0,3}}(?P<half>{_HALF})? ?(?:"
    r"(?P<H>\d{1,2}) ?[:时点] ?(?:(?P<M>\d{1,2}) ?分?(?: ?:? ?(?P<S>\d{1,2}) ?秒?)?(?:[.,:]\d{1,9})?)?整?"
    rf" ?(?P<half2>{_HALF})?|(?<=T)(?P<H3>\d\d)|(?P<H2>\d\d)(?P<M2>\d\d)(?P<S2>\d\d)?)? ?{_ZONE}",
    re.IGNORECASE,
)
_HAS_HOUR = re.compile(r"\d[:时点]|T\d")
_LATER_HALF = ("下午", "晚上", "晚", "傍晚", "夜间", "PM", "P.M.")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
#: How programs print a day where nobody told them how: Java, browsers, mail; and .NET's, a count in brackets.
_PRINTED = re.compile(
    r"(?:[A-Z][a-z]{2},? )?(?:(?P<m>[A-Z][a-z]{2}) (?P<d>\d{1,2})|(?P<d2>\d{1,2}) (?P<m2>[A-Z][a-z]{2}))"
    r"(?:,? (?P<y>\d{4}))?(?P<rest>.*?)(?: (?P<y2>\d{4}))?"
)
_COUNTED = re.compile(r"/Date\((\d{12,13})(?:[+-]\d{4})?\)/")
#: Seconds, and milliseconds, since 1970 of the years 1990 to 2100, as programs write them.
_EPOCH_S = range(631_152_000, 4_102_444_800)
_YEARS = range(1900, 2101)
_LONGEST = 200
_NUMERALS = str.maketrans("〇零○ＯOo一二三四五六七八九元壹贰叁肆伍陆柒捌玖", "0000001234567891123456789")
_IN_WORDS = re.compile(r"[\dOo〇零○一二三四五六七八九十廿卅元壹贰叁肆伍陆柒捌玖拾\s]+年[^年]+月[^月]+")
#: A year of the Republic, whose first is 1912.
_REPUBLIC = re.compile(
    r"(?:中[华華])?民[国國]\s?(?:(?P<n>\d{1,3})|(?P<hundred>[一壹]百)?(?P<rest>[零〇○一二三四五六七八九十廿卅元]{0,5}))\s?(?=[-/.年])"
)
_TENS = str.maketrans({"廿": "二十", "卅": "三十", "拾": "十"})


def time_in(column: str, text: str) -> datetime:
    """Return the time a text names.

    Raises
    ------
    InvalidInput
        If it names no day, as 2023年9月底 does not, or one that may be two, as 05/01/2026 may; the message names the
        column.

    Examples
    --------
    >>> time_in("发布日期", "２０２３年９月３０日（星期六） 08:00").isoformat()
    '2023-09-30T08:00:00+08:00'
    >>> time_in("施行日期", "自二〇二六年一月五日起施行").isoformat()
    '2026-01-05T00:00:00+08:00'
    """
    words = unicodedata.normalize("NFKC", plain(text[:_LONGEST]))
    words = _WEEKDAY.sub(" ", _LABEL.sub("", words.strip())).strip()
    if words[:1] + words[-1:] in _BRACKETS:
        words = words[1:-1].strip()
    words = _BEHIND.sub("", words[words.startswith(_BEFORE) :].strip())
    if counted := _counted(words):
        return counted
    words = _in_digits(_in_order(_of_our_era(words)))
    match = _DAY.match(words)
    hour = _HOUR.fullmatch(words[match.end() :].rstrip()) if match else None
    if not match or not hour or len(text) > _LONGEST:
        raise InvalidInput(f"{column}: got {text!r:.80}, {EXPECTED}")
    try:
        at = _at(match, hour)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"{column}: got {text!r:.80}, which is no day of the calendar ({error})") from None
    if at.year not in _YEARS:
        raise InvalidInput(f"{column}: got {text!r:.80}, expected a year from {_YEARS[0]} to {_YEARS[-1]}")
    return at


def end_in(column: str, text: str) -> datetime:
    """Return the end a text names: what ends on a bare day ends with it.

    Raises
    ------
    InvalidInput
        As `time_in`.

    Examples
    --------
    >>> end_in("申报截止", "2026-01-31").isoformat(), end_in("申报截止", "2026-01-31 08:00").isoformat()
    ('2026-02-01T00:00:00+08:00', '2026-01-31T08:00:00+08:00')
    """
    at = time_in(column, text)
    is_day = at.time() == time() and not _HAS_HOUR.search(text)
    return at + timedelta(days=1) if is_day else at


def _at(match: re.Match[str], hour: re.Match[str]) -> datetime:
    year, month, day = (int(match[name] or match[f"{name}2"]) for name in "ymd")
    hours, minutes, seconds = (
        int(hour[name] or hour[f"{name}2"] or (hour["H3"] if name == "H" else 0) or 0) for name in "HMS"
    )
    half = (hour["half"] or hour["half2"] or "").upper()
    if half in _LATER_HALF and 0 < hours < 12:
        hours += 12
    elif hours == 12 and half in ("AM", "A.M.", "凌晨"):
        hours = 0
    ends_day = (hours, minutes, seconds) == (24, 0, 0)
    at = datetime(
        year, month, day, 0 if ends_day else hours, minutes, min(seconds, 59) if seconds == 60 else seconds,
        tzinfo=_zone(hour["zone"]),
    )  # fmt: skip
    return at + timedelta(days=1) if ends_day else at


def _counted(words: str) -> datetime | None:
    """Return the time a bare number counts to: milliseconds or seconds since 1970; 2026013108 is a day."""
    if match := _COUNTED.fullmatch(words):
        words = match[1]
    if not (words.isdecimal() and words.isascii()):
        return None
    if len(words) in (12, 13) and int(words) // 1000 in _EPOCH_S and (match or len(words) == 13):
        return datetime.fromtimestamp(int(words) / 1000, UTC)
    if len(words) in (9, 10) and int(words) in _EPOCH_S and int(words[:4]) not in _YEARS:
        return datetime.fromtimestamp(int(words), UTC)
    return None


def _zone(text: str | None) -> tzinfo:
    if text is None or text.upper() in ("CST", "北京时间"):
        return PORTAL_TZ
    if text.upper() in ("Z", "UTC", "GMT"):
        return UTC
    return timezone(timedelta(hours=int(text[:3]), minutes=int(text[0] + (text[3:].strip(":") or "0"))))


def _in_order(words: str) -> str:
    """Return a day that a program printed, Mon Jan 05 08:00:00 CST 2026, with the year first."""
    match = _PRINTED.fullmatch(words)
    name = (match["m"] or match["m2"]).lower() if match else ""
    if not match or name not in _MONTHS or not (year := match["y"] or match["y2"]):
        return words
    return f"{year}-{_MONTHS.index(name) + 1}-{match['d'] or match['d2']}{match['rest']}"


def _of_our_era(words: str) -> str:
    """Return a day that is written 民国113年1月5日 with the year 2024."""
    match = _REPUBLIC.match(words)
    if not match or not (match["n"] or match["hundred"] or match["rest"]):
        return words
    rest = _tens_in_digits((match["rest"] or "").removeprefix("零")).translate(_NUMERALS)
    number = int(match["n"] or rest or 0) + 100 * bool(match["hundred"])
    return f"{number + 1911}{words[match.end() :]}"


def _in_digits(words: str) -> str:
    """Return a day written in words, 二〇二三年九月三十日, in digits."""
    if not _IN_WORDS.fullmatch(words):
        return words
    words = re.sub(r"(?<=[年月日]) | (?=[年月日])", "", words)
    day, sign, rest = words.partition("日")
    day = _tens_in_digits(day.translate(_TENS).replace("贰十", "二十").replace("叁十", "三十"))
    return day.translate(_NUMERALS) + sign + rest


def _tens_in_digits(words: str) -> str:
    """Return 二十三 as 二三, and 十 as 一〇."""
    return re.sub(
        r"([一二三四五六七八九壹]?)十([一二三四五六七八九壹贰叁肆伍陆柒捌玖]?)",
        lambda m: f"{m[1] or '一'}{m[2] or '〇'}",
        words.translate(_TENS),
    )
