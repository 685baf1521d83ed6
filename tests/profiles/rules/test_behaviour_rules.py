"""Rules over what somebody did: how JSON is read, and what is refused in clear words."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from civicrec.errors import InvalidInput
from profiles.rules.behaviour import CountClause, ItemFilter, SeenClause, TagClause, people_rule_from
from profiles.rules.language import Clause, Combined, leaves, rule_from

READ = {"count": "read", "days": 30, "at_least": 3}


def test_json_is_read_as_it_is_written() -> None:
    rule = people_rule_from({"all": [
        {"count": ["read", "click"], "tags": ["theme:就业创业"], "types": ["policy"], "region": "440100",
         "issuers": ["市人社局"], "days": 30, "at_least": 3},
        {"any": [{"tag": "theme:住房保障", "at_most": 2}, {"not": {"tag": "group:高校毕业生"}}]},
        {"seen": "last", "within_days": 7},
        {"seen": "first", "since": "2026-01-31"},
        {"attribute": "scale", "one_of": ["小型"]},
    ]})  # fmt: skip
    assert isinstance(rule, Combined)
    count, either, last, first, scale = rule.rules
    assert count == CountClause(
        ("click", "read"), ItemFilter(("theme:就业创业",), ("policy",), "4401", ("市人社局",)), 30, "at_least", 3
    )
    assert isinstance(either, Combined)
    assert [(one.tag, one.bound) for one in leaves(either) if isinstance(one, TagClause)] == [
        ("theme:住房保障", "at_most"), ("group:高校毕业生", "at_least")
    ]  # fmt: skip
    assert (last, first) == (SeenClause("last", "within_days", 7), SeenClause("first", "since", date(2026, 1, 31)))
    assert scale == Clause("scale", "one_of", frozenset({"小型企业"}))


@pytest.mark.parametrize(("data", "words"), [
    ({}, "expected an object with all, any, not or attribute, tag, count or seen"),
    (None, "expected an object"),
    ({"all": []}, "rule.all: got '\\[\\]'; expected a list of rules"),
    ({"colour": "red"}, "rule: got colour; expected attribute, tag, count or seen"),
    ({"tag": "theme:没有这个词"}, "unknown tag 'theme:没有这个词'"),
    ({"tag": "没有"}, "expected <dimension>:<word>"),
    ({"tag": 7}, "got the tag '7'"),
    ({"tag": "theme:就业创业", "at_least": 0}, "rule.at_least: got '0'; expected a weight above 0"),
    ({"tag": "theme:就业创业", "at_least": float("nan")}, "expected a weight above 0"),
    ({"tag": "theme:就业创业", "at_least": "3"}, "expected a weight above 0"),
    ({"tag": "theme:就业创业", "at_least": 1, "at_most": 2}, "got at_least and at_most; expected one of"),
    ({"tag": "theme:就业创业", "wieght": 1}, "got 'wieght'; expected tag, at_least, at_most"),
    ({"tag": "group:残疾人"}, "is sensitive and is never told from what somebody did .*; ask for the attribute groups"),
    ({"tag": "theme:其他"}, "says nothing of a person"),
    ({"any": [{"attribute": "hair", "one_of": ["red"]}]}, r"rule.any\[0\]: got attribute 'hair'; expected audience"),
    (READ | {"count": "impression"}, "rule.count: got 'impression'; expected some of click"),
    (READ | {"count": []}, "rule.count: got '\\[\\]'; expected a list of 1 to 50 words"),
    (READ | {"days": 0}, "rule.days: got '0'; expected days, 1 to 366"),
    (READ | {"days": 367}, "expected days, 1 to 366"),
    ({"count": "read", "at_least": 3}, "rule.days: got 'None'"),
    ({"count": "read", "days": 3}, "got no number; expected one of at_least and at_most"),
    (READ | {"at_least": 0}, "rule.at_least: got '0'; expected a whole number"),
    (READ | {"at_least": 2.5}, "expected a whole number"),
    (READ | {"tags": ["life_event:离婚"]}, "'life_event:离婚' is sensitive"),
    (READ | {"types": ["song"]}, "rule.types: got 'song'; expected some of policy"),
    (READ | {"region": "44"}, "rule.region: got '44'; expected six digits"),
    (READ | {"issuers": ["x" * 201]}, "expected a list of 1 to 50 words"),
    ({"seen": "always", "within_days": 3}, "rule.seen: got 'always'; expected first or last"),
    ({"seen": "last"}, "got no test; expected one of within_days, since, until"),
    ({"seen": "last", "since": "yesterday"}, "rule.since: got 'yesterday'; expected a day such as"),
    ({"seen": "last", "since": 20260101}, "expected a day such as"),
    ({"all": [READ] * 10_000}, "the rule has 10000 clauses; expected at most 200"),
])  # fmt: skip
def test_what_is_no_rule_is_refused_with_where_and_what_was_expected(data: Any, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        people_rule_from(data)


@pytest.mark.parametrize("data", [{"tag": "theme:就业创业"}, READ, {"seen": "last", "within_days": 7}])
def test_a_condition_of_a_policy_cannot_ask_what_somebody_did(data: dict[str, Any]) -> None:
    people_rule_from(data)
    with pytest.raises(InvalidInput, match="got attribute"):
        rule_from(data)


def test_nesting_has_an_end() -> None:
    data: Any = READ
    for _ in range(1_000):
        data = {"not": data}
    with pytest.raises(InvalidInput, match="nested deeper than 8"):
        people_rule_from(data)
