"""Rules that nobody can match are found, and no rule that somebody matches is taken for one."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.errors import InvalidInput
from profiles.rights.attributes import check_contradictions
from profiles.rules.attributes import attributes_from
from profiles.rules.behaviour import people_rule_from
from profiles.segments.draft import checked_rule, draft_from
from profiles.segments.satisfiable import can_match
from tests.profiles.segments.folded import Case, Folded

TODAY = date(2026, 3, 31)
SMALL = {"attribute": "scale", "one_of": ["小型企业"]}
LARGE = {"attribute": "scale", "one_of": ["大型企业"]}
OLD = {"attribute": "age", "at_least": 60}
READ = {"count": "read", "days": 30, "at_least": 3}
LAST = {"seen": "last", "within_days": 7}


@pytest.mark.parametrize("rule", [
    {"all": [SMALL, LARGE]},
    {"all": [SMALL, {"not": SMALL}]},
    {"all": [SMALL, OLD]},  # a firm's and a person's
    {"all": [OLD, {"attribute": "age", "at_most": 59}]},
    {"all": [{"attribute": "age", "at_most": 17}, {"attribute": "groups", "one_of": ["老年人"]}]},
    {"all": [{"attribute": "audience", "one_of": ["自然人"]}, {"attribute": "years", "at_least": 2}]},
    {"all": [{"attribute": "region", "within": "440100"}, {"attribute": "region", "within": "110000"}]},
    {"all": [READ, {"count": "read", "days": 30, "at_most": 2}]},
    {"not": {"any": [READ, {"not": READ}]}},
    {"all": [{"tag": "theme:就业创业", "at_least": 2}, {"tag": "theme:就业创业", "at_most": 1.9}]},
    {"all": [LAST, {"seen": "last", "until": "2026-03-01"}]},
    {"all": [{"seen": "first", "within_days": 3}, {"seen": "last", "until": "2026-03-01"}]},
    {"seen": "first", "until": "2020-01-01"},  # nobody is known for so long
    {"attribute": "age", "at_least": 2_000_000_000},
])  # fmt: skip
def test_a_rule_that_nobody_can_match_is_found(rule: dict[str, Any]) -> None:
    assert not can_match(people_rule_from(rule), TODAY)
    with pytest.raises(InvalidInput, match="nobody can match the rule: its clauses contradict each other"):
        checked_rule(rule, TODAY)


@pytest.mark.parametrize("rule", [
    {"any": [{"all": [SMALL, LARGE]}, READ]},
    {"all": [SMALL, {"not": LARGE}, {"attribute": "years", "at_least": 2}, READ]},
    {"any": [SMALL, OLD]},
    {"all": [{"attribute": "qualification", "one_of": ["高新技术企业"]}, {"attribute": "qualification",
             "one_of": ["科技型中小企业"]}]},
    {"all": [{"attribute": "region", "within": "440100"}, {"attribute": "region", "within": "440106"}]},
    {"all": [LAST, {"seen": "last", "since": "2027-01-01"}]},
    {"all": [READ, {"count": "read", "days": 31, "at_most": 0}]},  # counts are taken as independent
    {"not": SMALL},
])  # fmt: skip
def test_a_rule_that_somebody_may_match_is_not(rule: dict[str, Any]) -> None:
    assert can_match(people_rule_from(rule), TODAY)


def test_the_search_gives_up_and_then_takes_a_rule_as_one_that_somebody_matches() -> None:
    free = [
        {"any": [READ | {"days": days}, {"not": READ | {"days": days, "at_least": 4}}, {"not": READ | {"days": days}}]}
        for days in range(40, 52)
    ]
    contradiction = [SMALL, LARGE]
    assert not can_match(people_rule_from({"all": [*free[:2], *contradiction]}), TODAY)
    assert can_match(people_rule_from({"all": [*free, *contradiction]}), TODAY)


WORDS = ["小型企业", "大型企业", "微型企业"]
GROUPS = ["老年人", "高校毕业生", "儿童青少年"]
CLAUSES = st.one_of(
    st.builds(lambda words: {"attribute": "scale", "one_of": words}, st.lists(st.sampled_from(WORDS), min_size=1)),
    st.builds(lambda words: {"attribute": "groups", "one_of": words}, st.lists(st.sampled_from(GROUPS), min_size=1)),
    st.builds(
        lambda test, n: {"attribute": "age", test: n}, st.sampled_from(["at_least", "at_most"]), st.integers(0, 90)
    ),
    st.builds(lambda code: {"attribute": "region", "within": code}, st.sampled_from(["440000", "440100", "440106"])),
    st.builds(
        lambda test, n: {"tag": "theme:就业创业", test: n}, st.sampled_from(["at_least", "at_most"]), st.integers(1, 3)
    ),
    st.builds(
        lambda which, test, days: {"seen": which, test: (TODAY - timedelta(days=days)).isoformat()},
        st.sampled_from(["first", "last"]), st.sampled_from(["since", "until"]), st.integers(0, 9),
    ),
    st.builds(lambda which, days: {"seen": which, "within_days": days}, st.sampled_from(["first", "last"]),
              st.integers(1, 9)),
)  # fmt: skip
RULES: st.SearchStrategy[dict[str, Any]] = st.recursive(
    CLAUSES,
    lambda inner: st.one_of(
        st.builds(lambda how, rules: {how: rules}, st.sampled_from(["all", "any"]),
                  st.lists(inner, min_size=1, max_size=4)),
        st.builds(lambda rule: {"not": rule}, inner),
    ),
    max_leaves=10,
)  # fmt: skip
SAID = st.fixed_dictionaries({}, optional={
    "scale": st.sampled_from(WORDS), "groups": st.lists(st.sampled_from(GROUPS), unique=True),
    "age": st.integers(0, 90), "region": st.sampled_from(["440000", "440100", "440106", "110000"]),
})  # fmt: skip


class Weighing:
    """A tag of a given weight."""

    is_given = True

    def __init__(self, weight: float) -> None:
        self._weight = weight

    def weight(self, day: date) -> float:
        return self._weight


@given(RULES, SAID, st.integers(0, 9), st.integers(0, 9), st.sampled_from([0.0, 0.5, 1.0, 2.5, 3.0, 4.0]))
def test_a_rule_that_somebody_matches_is_never_refused(
    rule: dict[str, Any], said: dict[str, Any], first: int, last: int, weight: float
) -> None:
    try:
        check_contradictions(said)
    except InvalidInput:
        return  # nobody can say that
    days = [TODAY - timedelta(days=max(first, last)), TODAY - timedelta(days=min(first, last))]
    evidence: Any = {"theme:就业创业": Weighing(weight)}
    somebody = Case(
        Folded("personalise", days, [], evidence), attributes_from(said), {}, TODAY, frozenset(), frozenset()
    )
    if somebody.holds(rule):
        assert can_match(people_rule_from(rule), TODAY)


FILE = '{"id": "a", "name": "甲", "owner": "o", "rule": {"seen": "last", "within_days": 7}}'


@pytest.mark.parametrize(("text", "words"), [
    ("[]", "expected an object with id, name"),
    ("{", "the segment is no JSON"),
    (FILE.replace('"a"', '"A b"'), "id: got 'A b'; expected small letters"),
    (FILE.replace('"o"', '"  "'), "owner: got '  '; expected words"),
    (FILE.replace("甲", "甲\\u0007"), "name: got .*cannot be shown"),
    (FILE.replace('"甲"', "7"), "name: got '7'"),
    (FILE.replace('"owner"', '"ownr"'), "got 'ownr'; expected id, name"),
    (FILE.replace('"a"', '"a", "version": 0'), "version: got '0'"),
    (FILE.replace("last", "lost"), "rule.seen: got 'lost'"),
    ('{"id": "a", "name": "甲", "owner": "o"}', "rule: got 'None'; expected an object with all"),
    (" " * 1_048_577, "has 1048577 bytes; expected at most 1048576"),
])  # fmt: skip
def test_a_file_that_is_no_segment_is_refused(text: str, words: str) -> None:
    draft_from(FILE.encode(), TODAY)
    with pytest.raises(InvalidInput, match=words):
        draft_from(text.encode(), TODAY)
