"""Days as people and spreadsheets write them.

In: the text of a date column. Out: the instant it names, an aware time (midnight in China where no hour stands), or the
reason why it names none.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone

from civicrec.clock import PORTAL_TZ
from civicrec.errors import InvalidInput

EXPECTED = "expected a day such as 2026-01-31, 2026/1/31, 20260131 or 2026年1月31日, with or without an hour"

_LABEL = re.compile(r"^[\u4e00-\u9fff]{0,6}(?:时间|日期)\s*[::]\s*")
_WEEKDAY = re.compile(r"[(\[【]?\s{0,9}(?:星期|周|礼拜)[一二三四五六日天]\s{0,9}[)\]】]?")
_DAY = re.compile(
    r"(?P<y>\d{4})\s*(?:[-/.\u2010-\u2015\u2212]|年)\s*(?P<m>\d{1,2})\s*(?:[-/.\u2010-\u2015\u2212]|月)\s*(?P<d>\d{1,2})\s*[日号]?"
    r"|(?P<y2>\d{4})(?P<m2>\d\d)(?P<d2>\d\d)"
)
_HOUR = re.compile(
    r"[\sT]*(?P<H>\d{1,2})\s*[:时点]\s*(?P<M>\d{1,2})\s*分?(?:\s*:?\s*(?P<S>\d{1,2})\s*秒?)?(?:[.,]\d{1,9})?"
    r"\s*(?P<zone>Z|UTC|[+-]\d\d:?\d\d)?|(?P<H2>\d\d)(?P<M2>\d\d)(?P<S2>\d\d)?",
    re.IGNORECASE,
)
#: Milliseconds since 1970 of the years 1990 to 2100, as programs write them.
_EPOCH_MS = range(631_152_000_000, 4_102_444_800_000)
_EPOCH_DIGITS = 13
_YEARS = range(1900, 2101)
_NUMERALS = str.maketrans("〇零○Ｏ一二三四五六七八九", "0000123456789")
_IN_WORDS = re.compile(r"[〇零○一二三四五六七八九十年月日]+日")


def time_in(column: str, text: str) -> datetime:
    """Return the time a text names.

    Raises
    ------
    InvalidInput
        If it names no day, as 2023年9月底 does not; the message names the column.

    Examples
    --------
    >>> time_in("发布日期", "２０２３年９月３０日（星期六） 08:00").isoformat()
    '2023-09-30T08:00:00+08:00'
    """
    plain = _WEEKDAY.sub(" ", _LABEL.sub("", unicodedata.normalize("NFKC", text).strip())).strip()
    if _IN_WORDS.fullmatch(plain):
        plain = _in_digits(plain)
    if plain.isdecimal() and len(plain) <= _EPOCH_DIGITS and int(plain) in _EPOCH_MS:
        return datetime.fromtimestamp(int(plain) / 1000, UTC)
    found = _DAY.match(plain)
    hour = _HOUR.fullmatch(plain[found.end() :].strip()) if found else None
    if not found or (plain[found.end() :].strip() and not hour):
        raise InvalidInput(f"{column}: got {text!r:.80}, {EXPECTED}")
    year, month, day = (int(found[name] or found[f"{name}2"]) for name in "ymd")
    hours, minutes, seconds = (int((hour[name] or hour[f"{name}2"] or 0) if hour else 0) for name in "HMS")
    zone = hour["zone"] if hour else None
    try:
        at = datetime(year, month, day, hours, minutes, seconds, tzinfo=_zone(zone) if zone else PORTAL_TZ)
    except ValueError as error:
        raise InvalidInput(f"{column}: got {text!r:.80}, which is no day of the calendar ({error})") from None
    if year not in _YEARS:
        raise InvalidInput(f"{column}: got {text!r:.80}, expected a year from {_YEARS[0]} to {_YEARS[-1]}")
    return at


def _zone(text: str) -> timezone:
    if text.upper() in ("Z", "UTC"):
        return UTC
    return timezone(timedelta(hours=int(text[:3]), minutes=int(text[0] + text[-2:])))


def _in_digits(text: str) -> str:
    """Return a day written in words, 二〇二三年九月三十日, in digits."""
    tens = re.sub(r"([二三]?)十([一二三四五六七八九]?)", lambda m: f"{m[1] or '一'}{m[2] or '〇'}", text)
    return tens.translate(_NUMERALS)
