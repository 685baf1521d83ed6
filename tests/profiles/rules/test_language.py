"""Rules: what they decide, what they leave open, and what is refused."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.errors import InvalidInput
from profiles.rules.attributes import Value, attributes_from, load_attributes, region_prefix
from profiles.rules.language import Clause, Combined, Rule, holds, missing, rule_from

SCALES = ("小型企业", "微型企业", "大型企业")
#: Values that tell the clauses below apart.
VALUES: dict[str, list[Value]] = {
    "scale": list(SCALES), "age": [17.0, 18.0, 60.0], "region": ["4401", "440106", "4403"],
    "groups": [frozenset(), frozenset({"农民"}), frozenset({"农民", "高校毕业生"})],
}  # fmt: skip
CLAUSES: list[Rule] = [
    Clause("scale", "one_of", frozenset(SCALES[:2])), Clause("age", "at_least", 18.0), Clause("age", "at_most", 59.0),
    Clause("region", "within", "4401"), Clause("groups", "one_of", frozenset({"高校毕业生", "残疾人"})),
]  # fmt: skip
rules = st.recursive(
    st.sampled_from(CLAUSES),
    lambda inner: st.one_of(
        st.builds(Combined, st.sampled_from(["all", "any"]), st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(Combined, st.just("not"), st.tuples(inner)),
    ),
    max_leaves=6,
)


def plainly(rule: Rule, said: dict[str, Value]) -> bool:
    """Decide a rule of somebody who said everything."""
    if isinstance(rule, Combined):
        verdicts = [plainly(one, said) for one in rule.rules]
        return {"all": all(verdicts), "any": any(verdicts), "not": not verdicts[0]}[rule.how]
    value: Any = said[rule.attribute]
    return {
        "scale": lambda: value in SCALES[:2],
        "age": lambda: value >= 18 if rule.test == "at_least" else value <= 59,
        "region": lambda: value[:4] == "4401",
        "groups": lambda: bool(value & {"高校毕业生", "残疾人"}),
    }[rule.attribute]()


@given(rule=rules, said=st.fixed_dictionaries({}, optional={name: st.sampled_from(of) for name, of in VALUES.items()}))
def test_a_verdict_is_that_of_every_way_to_say_the_rest(rule: Rule, said: dict[str, Value]) -> None:
    verdict = holds(rule, said)
    unsaid = [name for name in VALUES if name not in said]
    ways = [said | dict(zip(unsaid, values, strict=True)) for values in product(*(VALUES[name] for name in unsaid))]
    if verdict is not None:
        assert {plainly(rule, way) for way in ways} == {verdict}
        assert missing(rule, said) == frozenset()
    else:
        assert missing(rule, said) <= set(unsaid)
        assert missing(rule, said)
    if not unsaid:
        assert verdict is plainly(rule, said)


def test_json_is_read_as_it_is_written() -> None:
    rule = rule_from({
        "all": [
            {"attribute": "scale", "one_of": ["小型", "微型企业"]},
            {"any": [{"attribute": "age", "at_least": 60}, {"not": {"attribute": "groups", "one_of": ["大学生"]}}]},
            {"attribute": "region", "within": "440100"},
        ]
    })  # fmt: skip
    assert rule == Combined("all", (
        Clause("scale", "one_of", frozenset({"小型企业", "微型企业"})),
        Combined("any", (
            Clause("age", "at_least", 60.0),
            Combined("not", (Clause("groups", "one_of", frozenset({"高校毕业生"})),)),
        )),
        Clause("region", "within", "4401"),
    ))  # fmt: skip


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({}, "expected an object with all, any, not or attribute"),
        ([], "expected an object"),
        ({"attribute": "height", "at_least": 1}, "got attribute 'height'; expected audience, groups"),
        ({"attribute": "age"}, "got no test; expected one test of age, at_least or at_most"),
        ({"attribute": "age", "at_least": "60"}, "got '60' for age"),
        ({"attribute": "age", "at_least": 1, "at_most": 2}, "expected one test of age"),
        ({"attribute": "scale", "one_of": ["巨型企业"]}, "'巨型企业' is no word of scale"),
        ({"attribute": "region", "within": "44"}, "got '44' for region"),
        ({"all": []}, "rule.all: got '[]'; expected a list of rules"),
        ({"all": [{"any": [{"attribute": "x"}]}]}, "rule.all[0].any[0]: got attribute 'x'"),
        ({"all": [{"attribute": "age", "at_least": 1}], "any": []}, "expected all alone"),
    ],
)
def test_what_is_no_rule_is_refused_with_its_place(data: Any, says: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        rule_from(data)
    assert says in str(refused.value)


def test_a_rule_is_bounded() -> None:
    clause: Any = {"attribute": "age", "at_least": 1}
    with pytest.raises(InvalidInput, match="201 clauses"):
        rule_from({"all": [clause] * 201})
    for _ in range(10):
        clause = {"not": clause}
    with pytest.raises(InvalidInput, match="nested deeper"):
        rule_from(clause)


def test_a_city_may_hold_the_district_that_a_rule_is_for() -> None:
    district = Clause("region", "within", region_prefix("440106"))
    verdicts = [holds(district, attributes_from({"region": code})) for code in ("440106", "440100", "440000", "440103")]
    assert verdicts == [True, None, None, False]


@pytest.mark.parametrize(
    "said", [{"height": 3}, {"scale": "巨型"}, {"groups": "农民"}, {"groups": ["闲人"]}, {"age": -1}, {"age": True},
             {"age": float("nan")}, {"region": "44"}, {"region": "000000"}]
)  # fmt: skip
def test_what_nobody_can_be_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="expected"):
        attributes_from(said)


def test_what_is_null_is_not_said_and_every_attribute_can_be_asked_for() -> None:
    assert attributes_from({"age": None, "groups": []}) == {"groups": frozenset()}
    for attribute in load_attributes().values():
        assert attribute.question
        assert bool(attribute.options) == (attribute.kind in ("choice", "set"))
