"""Personal numbers in texts, paths and ids: found and taken out before anything is stored.

In: what a client sent. Out: the same with each number replaced by what it was, ``[tel]`` for a telephone number; never
longer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from html import unescape
from urllib.parse import unquote

from collectors.facts.paths import without_session
from collectors.facts.personal_numbers import (
    CODE_KINDS,
    DIGITS,
    HEXADECIMAL,
    NUMBER_KINDS,
    SIGNS,
    UNSEEN,
    NumberKind,
    is_suspect,
    is_suspect_code,
    plain,
)

#: Numbers of a text that look like one of a kind and are none, after which it is no text, and not looked at further.
_MAX_OTHERS = 50
#: A text with so many signs of numbers is none that people write: all of them go, which costs a tenth of looking for
#: what they may be.
_MAX_SIGNS = 100
_MAX_REMEMBERED = 8192
#: Ids that hold no personal number. An event has nine, most of them those of the event before.
_clean_ids: set[str] = set()


def masked(text: str) -> str:
    """Return a text that people wrote without personal numbers.

    Examples
    --------
    >>> masked("退休金 138 0013 8000 怎么查")
    '退休金 [tel] 怎么查'
    >>> masked("国办发〔2026〕21号")
    '国办发〔2026〕21号'
    """
    return _also_in_code(_masked, text)


def _also_in_code(mask: Callable[[str], str], text: str) -> str:
    """Return the text decoded and masked if a number stands in percent code or character references, else as it is."""
    if "%" in text or "&" in text:
        decoded = unquote(text)
        with suppress(ValueError):  # a reference by a number of thousands of digits
            decoded = unescape(decoded)
        if decoded != text and (clean := mask(decoded)) != decoded:
            return clean
    return mask(text)


def _masked(text: str) -> str:
    subject = plain(text)
    if not is_suspect(subject):
        return text
    without, n_signs = SIGNS.subn("*", subject)
    if n_signs > _MAX_SIGNS:
        text = subject = without
    return _without_any(NUMBER_KINDS, text, subject)


def masked_code(text: str) -> str:
    """Return a path or an id without personal numbers and keys of sessions; what may as well be another code stays.

    Examples
    --------
    >>> masked_code("/u/13800138000"), masked_code("/a/b.jsp;jsessionid=6F1C")
    ('/u/[tel]', '/a/b.jsp')
    >>> masked_code("11440000006939756B2440101007000")
    '11440000006939756B2440101007000'
    """
    if "=" in text or "%3" in text:
        text = without_session(text)
    return _also_in_code(_masked_code, text)


def _masked_code(text: str) -> str:
    subject = plain(text)
    if UNSEEN in subject:  # nobody sees where a number is cut
        seen = "".join(one for one, sign in zip(text, subject, strict=True) if sign != UNSEEN)
        clean = _masked_code(seen)
        return text if clean == seen else clean
    if not is_suspect_code(subject):
        return text
    subject = HEXADECIMAL.sub(lambda match: "x" * len(match[0]), subject)
    return _without_any(CODE_KINDS, text, subject)


def are_clean(ids: tuple[str, ...]) -> bool:
    """Tell whether none of several ids holds a personal number: `masked_code` would leave each as it is."""
    if _clean_ids.issuperset(ids):
        return True
    new = [text for text in ids if text not in _clean_ids]
    if any(masked_code(text) != text for text in new):
        return False
    if len(_clean_ids) > _MAX_REMEMBERED:
        _clean_ids.clear()
    _clean_ids.update(new)
    return True


def _without_any(kinds: Iterable[NumberKind], text: str, subject: str) -> str:
    """Take out the numbers of several kinds, looking only for those that can stand in such a text."""
    n_digits, small = len(DIGITS.findall(subject)), subject.lower()
    for kind in kinds:
        if n_digits >= kind.n_digits and (not kind.words or any(word in small for word in kind.words)):
            text, subject = _without(kind, text, subject)
    return text


def _without(kind: NumberKind, text: str, subject: str) -> tuple[str, str]:
    """Take one kind of number out of a text and out of the plain writing of it."""
    parts: list[str] = []
    plain_parts: list[str] = []
    end = n_others = 0
    for match in kind.pattern.finditer(subject):
        where = "one" if "one" in kind.pattern.groupindex and match["one"] else 0
        begin, number = match.start(where), match[where]
        if begin < end:
            continue
        if kind.is_one and not kind.is_one(number):
            n_others += 1
            if n_others == _MAX_OTHERS:
                break
            continue
        label = _label(kind.label, number)
        parts += [text[end:begin], label]
        plain_parts += [subject[end:begin], label]
        end = begin + len(number)
    return ("".join([*parts, text[end:]]), "".join([*plain_parts, subject[end:]])) if parts else (text, subject)


def _label(label: str, number: str) -> str:
    return f"[{label}]" if len(number) >= len(label) + 2 else "*" * len(number)
