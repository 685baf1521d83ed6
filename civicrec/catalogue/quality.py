"""The data-quality report: what a reader would stumble over, and what a portal is marked down for.

In: items, the governed words, and the time that counts as now. Out: a `QualityReport` of findings, each with its items.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from civicrec.errors import InvalidInput
from civicrec.items import ITEM_TYPES, Item, ItemType, address
from civicrec.markup import has_markup, lost_characters, plain
from civicrec.tags import item_tags, split_tag

#: Fields without which an item of the type cannot be shown or found properly (信息公开条例 Art 12 for policies).
_EXPECTED: Mapping[ItemType, tuple[str, ...]] = {
    "policy": ("summary", "url", "issuer", "document_no", "theme", "published_at"),
    "interpretation": ("summary", "url", "issuer", "theme", "published_at", "links"),
    "service": ("summary", "url", "issuer", "theme", "audiences"),
    "news": ("summary", "url", "source", "published_at"),
    "guide": ("summary", "url", "theme"),
    "faq": ("summary", "links"),
    "topic": ("summary",),
}

_PERSON = "自然人"
#: As many items of one title fill a good part of a list.
_REPOSTED = 3
_REPOSTS_NAMED = 6


@dataclass(frozen=True, slots=True)
class ThemeWords:
    """The governed words of `theme`, and which of them stand in the lists for persons and for legal persons."""

    known: frozenset[str]
    person: frozenset[str]
    legal: frozenset[str]


@dataclass(frozen=True, slots=True)
class QualityReport:
    """What the check found: counts, and for each kind of finding the ids it holds for, with detail."""

    items: int
    by_type: dict[str, int]
    by_status: dict[str, int]
    findings: dict[str, list[tuple[str, str]]]


#: Says of a dimension and a word whether the vocabulary governs it.
Governed = Callable[[str, str], Literal["known", "sensitive", "unknown"]]


def check_catalogue(
    items: Sequence[Item], themes: ThemeWords, now: datetime, governed: Governed = lambda *_: "known"
) -> QualityReport:
    """Look through the whole catalogue.

    Findings: `missing_field`, `broken_link`, `audience_theme` (服务对象 and theme lists disagree), `unknown_theme`,
    `unknown_word` and `sensitive_word` (of the other dimensions; neither becomes a tag), `expired` (still online past
    its validity), `apply_closed` (online, application time over), `same_title` (one type, issuer, title and time),
    `reposted_title` (one type and title at three or more items: they fill a list), `same_page` (one type and address:
    often a corrected title beside the old one), `blank_title`, `replaced_characters` (lost in a conversion),
    `markup_left`, `unusable_address`, `source_not_permitted`.
    """
    findings: dict[str, list[tuple[str, str]]] = {
        "missing_field": [(item.item_id, f"{item.item_type}.{name}") for item in items for name in _missing(item)],
        "broken_link": list(_broken_links(items)),
        "audience_theme": _each(items, lambda item: _disagreement(item, themes)),
        "unknown_theme": [(item.item_id, word) for item in items for word in item.theme if word not in themes.known],
        "unknown_word": list(_words(items, governed, "unknown")),
        "sensitive_word": list(_words(items, governed, "sensitive")),
        "expired": _each(items, lambda item: _expired(item, now)),
        "apply_closed": _each(items, lambda item: _apply_closed(item, now)),
        "same_title": list(_same_titles(items)),
        "reposted_title": list(_reposts(items)),
        "same_page": list(_same_pages(items)),
        "blank_title": _each(items, lambda item: "" if plain(item.title) else f"{item.title!r:.40}"),
        "replaced_characters": _each(items, lambda item: _fields_with(item, lost_characters)),
        "markup_left": _each(items, lambda item: _fields_with(item, has_markup)),
        "unusable_address": _each(items, _unusable_address),
        "source_not_permitted": _each(items, lambda item: "" if item.source_permitted else item.source or "no source"),
    }
    types = Counter(item.item_type for item in items)
    return QualityReport(
        items=len(items),
        by_type={name: types[name] for name in ITEM_TYPES if types[name]},
        by_status=dict(sorted(Counter(item.status for item in items).items())),
        findings=findings,
    )


def _each(items: Sequence[Item], fault: Callable[[Item], str]) -> list[tuple[str, str]]:
    return [(item.item_id, detail) for item in items if (detail := fault(item))]


def _missing(item: Item) -> list[str]:
    return [name for name in _EXPECTED[item.item_type] if not getattr(item, name)]


def _broken_links(items: Sequence[Item]) -> Iterable[tuple[str, str]]:
    known = {item.item_id for item in items}
    return (
        (item.item_id, f"{link.rel} {link.item_id}")
        for item in items
        for link in item.links
        if link.item_id not in known
    )


def _disagreement(item: Item, themes: ThemeWords) -> str:
    """Say how 服务对象 and the theme lists disagree: each audience needs its own list, and only that.

    Services only: a policy carries 国务院主题分类, which knows no audience.
    """
    if item.item_type != "service" or not item.audiences:
        return ""
    listed = [word for word in item.theme if word in themes.person | themes.legal]
    faults: list[str] = []
    for name, serves, own, other in (
        (_PERSON, _PERSON in item.audiences, themes.person, themes.legal),
        ("法人", any(audience != _PERSON for audience in item.audiences), themes.legal, themes.person),
    ):
        alien = [word for word in listed if word in own and word not in other]
        if not serves and alien:
            faults.append(f"does not serve {name} but has its theme {'、'.join(alien)}")
        elif serves and not any(word in own for word in listed):
            faults.append(f"serves {name} without a theme of its list")
    return "; ".join(faults)


def _expired(item: Item, now: datetime) -> str:
    if item.status != "online":
        return ""
    if item.validity in ("失效", "废止"):
        return item.validity
    return f"since {item.valid_until:%Y-%m-%d}" if item.valid_until and item.valid_until <= now else ""


def _apply_closed(item: Item, now: datetime) -> str:
    if item.status != "online" or item.apply_until is None or item.apply_until > now:
        return ""
    return f"since {item.apply_until:%Y-%m-%d}"


def _same_titles(items: Sequence[Item]) -> Iterable[tuple[str, str]]:
    groups: dict[tuple[object, ...], list[str]] = defaultdict(list)
    for item in items:
        groups[item.item_type, item.title, item.issuer, item.published_at].append(item.item_id)
    return ((same[0], ", ".join(same[1:])) for same in groups.values() if len(same) > 1)


def _words(items: Iterable[Item], governed: Governed, kind: str) -> Iterable[tuple[str, str]]:
    for item in items:
        for dimension, word in map(split_tag, item_tags(item)):
            if governed(dimension, word) == kind and (dimension != "theme" or kind != "unknown"):
                yield item.item_id, f"{dimension} {word}"


def _reposts(items: Iterable[Item]) -> Iterable[tuple[str, str]]:
    groups: dict[tuple[str, str], list[Item]] = defaultdict(list)
    for item in items:
        if item.status == "online":
            groups[item.item_type, "".join(item.title.split())].append(item)
    for same in groups.values():
        if len(same) >= _REPOSTED:
            ids = ", ".join(item.item_id for item in same[1:_REPOSTS_NAMED])
            yield same[0].item_id, f"{len(same)} items are called {same[0].title}: {ids}, …"


def _same_pages(items: Iterable[Item]) -> Iterable[tuple[str, str]]:
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for item in items:
        if item.status == "online" and item.url:
            groups[item.item_type, item.url].append(item.item_id)
    return ((same[0], ", ".join(same[1:_REPOSTS_NAMED])) for same in groups.values() if len(same) > 1)


def _fields_with(item: Item, fault: Callable[[str], object]) -> str:
    return ", ".join(name for name in ("title", "summary", "body_text") if fault(getattr(item, name)))


def _unusable_address(item: Item) -> str:
    try:
        address(item.url)
    except InvalidInput:
        return item.url[:80]
    return ""
