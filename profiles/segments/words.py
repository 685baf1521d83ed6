"""A rule in the words of an office, for whoever looks at a segment and does not read JSON.

In: a rule. Out: one Chinese sentence.
"""

from __future__ import annotations

from civicrec.items import TYPE_NAMES
from civicrec.tags import split_tag
from profiles.rights.words import KIND_NAMES
from profiles.rules.attributes import load_attributes
from profiles.rules.behaviour import CountClause, ItemFilter, PeopleRule, SeenClause, TagClause
from profiles.rules.language import AnyClause, Clause, Combined

_BOUNDS = {"at_least": "不少于", "at_most": "不多于"}
_WHICH = {"first": "首次访问", "last": "最近一次访问"}
_WHEN = {"within_days": "在 {} 天内", "since": "不早于 {}", "until": "不晚于 {}"}
#: The least weight that a rule can name is more: a clause below it asks for the tag alone.
_NAMED_WEIGHT = 1e-9


def in_words(rule: PeopleRule) -> str:
    """Return a rule as a sentence.

    Examples
    --------
    >>> in_words(SeenClause("last", "within_days", 7))
    '最近一次访问在 7 天内'
    """
    return _words(rule, inside=False)


def _words(rule: PeopleRule, *, inside: bool) -> str:
    if not isinstance(rule, Combined):
        return _clause(rule)
    if rule.how == "not":
        return f"不满足（{_words(rule.rules[0], inside=False)}）"
    joined = ("，并且" if rule.how == "all" else "，或者").join(_words(one, inside=True) for one in rule.rules)
    return f"（{joined}）" if inside and len(rule.rules) > 1 else joined


def _clause(clause: AnyClause) -> str:
    match clause:
        case TagClause():
            word = split_tag(clause.tag)[1]
            weight = f"（权重{_BOUNDS[clause.bound]} {clause.weight:g}）" if clause.weight >= _NAMED_WEIGHT else ""
            return f"关注“{word}”{weight}" if clause.bound == "at_least" else f"对“{word}”的关注{weight}"
        case CountClause():
            kinds = "、".join(KIND_NAMES[kind] for kind in clause.kinds)
            return f"近 {clause.days} 天{kinds}{_items(clause.items)}{_BOUNDS[clause.bound]} {clause.n} 项"
        case SeenClause():
            when = {
                "within_days": f"在 {clause.value} 天内",
                "since": f"不早于 {clause.value}",
                "until": f"不晚于 {clause.value}",
            }
            return f"{_WHICH[clause.which]}{when[clause.when]}"
        case Clause():
            return _attribute(clause)
    raise TypeError(f"unknown kind of clause {clause!r}")


def _items(wanted: ItemFilter) -> str:
    parts = [
        f"主题为{'、'.join(split_tag(tag)[1] for tag in wanted.tags)}的" if wanted.tags else "",
        f"{wanted.region:0<6} 地区的" if wanted.region else "",
        f"{'、'.join(wanted.issuers)}发布的" if wanted.issuers else "",
        "、".join(TYPE_NAMES[name] for name in TYPE_NAMES if name in wanted.types) or "内容",
    ]
    return "".join(parts)


def _attribute(clause: Clause) -> str:
    label = load_attributes()[clause.attribute].label
    if isinstance(clause.value, frozenset):
        words = "、".join(sorted(clause.value))
        return f"{label}为{words}" + ("之一" if len(clause.value) > 1 else "")
    if clause.test == "within":
        return f"{label}在 {clause.value!s:0<6}"
    return f"{label}{_BOUNDS[clause.test]} {clause.value:g}"
