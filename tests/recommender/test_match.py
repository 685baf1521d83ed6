"""Which items fit somebody: against a plain reading of each item, and in time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from civicrec.items import Item, StatedRule
from profiles.rules.attributes import Attributes, attributes_from
from profiles.rules.language import holds
from recommender.catalogue import Catalogue
from recommender.match import Match, conditions_of, match

NOW = datetime(2026, 3, 10, 4, 0, tzinfo=UTC)
TYPES = ("policy", "service")
AUDIENCES, GROUPS = ("自然人", "企业法人", "事业法人"), ("农民", "高校毕业生", "上访人员")
SCALES, REGIONS = ("小型企业", "微型企业"), ("", "440000", "440100", "440106", "440300")


@dataclass(frozen=True)
class Said:
    """What somebody says, as JSON has it."""

    audience: str | None
    groups: tuple[str, ...] | None
    scale: str | None
    region: str | None

    @property
    def attributes(self) -> Attributes:
        groups = None if self.groups is None else list(self.groups)
        facts = {"audience": self.audience, "groups": groups, "scale": self.scale, "region": self.region}
        return attributes_from(facts)


items = st.lists(
    st.builds(
        dict,
        audiences=st.sets(st.sampled_from(AUDIENCES)).map(tuple),
        person_groups=st.sets(st.sampled_from(GROUPS)).map(tuple),
        enterprise_scales=st.sets(st.sampled_from(SCALES)).map(tuple), region_code=st.sampled_from(REGIONS),
        item_type=st.sampled_from(["policy", "service", "news"]), validity=st.sampled_from(["有效", "有效", "废止"]),
        days=st.integers(0, 50),
    ),
    max_size=12,
)  # fmt: skip
said = st.builds(
    Said, st.sampled_from([None, *AUDIENCES]), st.sampled_from([None, (), ("农民",), ("农民", "高校毕业生")]),
    st.sampled_from([None, *SCALES]), st.sampled_from([None, "440000", "440100", "440106", "440300"]),
)  # fmt: skip


def a_catalogue(rows: list[dict[str, object]]) -> Catalogue:
    return Catalogue.of(
        Item(
            item_id=f"i{n}", title=f"第{n}号", published_at=NOW - timedelta(days=int(str(row["days"])), minutes=n),
            **{name: value for name, value in row.items() if name != "days"},
        )  # type: ignore[arg-type]  # fields drawn above
        for n, row in enumerate(rows)
    )  # fmt: skip


def verdict(item: Item, one: Said) -> tuple[str, int]:
    """Read an item's fields one after the other; return the verdict and how many of them hold."""
    found: list[bool | None] = []
    if item.audiences:
        found.append(None if one.audience is None else one.audience in item.audiences)
    if item.person_groups:
        if one.groups is None or "上访人员" in item.person_groups:
            found.append(None)
        else:
            found.append(bool(set(one.groups) & set(item.person_groups)))
    if item.enterprise_scales:
        found.append(None if one.scale is None else one.scale in item.enterprise_scales)
    if wanted := {"440000": "44", "440100": "4401"}.get(item.region_code, item.region_code):
        mine = {"440000": "44", "440100": "4401"}.get(one.region or "", one.region)
        found.append(None if mine is None else True if mine[: len(wanted)] == wanted
                     else None if wanted[: len(mine)] == mine else False)  # fmt: skip
    name = "does_not_fit" if False in found else "not_known" if None in found else "fits"
    return name, found.count(True)


@settings(deadline=None)
@given(rows=items, one=said, n=st.integers(1, 4))
def test_every_item_stands_where_a_plain_reading_puts_it(rows: list[dict[str, object]], one: Said, n: int) -> None:
    catalogue = a_catalogue(rows)
    found = match(catalogue, one.attributes, TYPES, n, NOW)
    eligible = [item for item in catalogue.items.values() if item.item_type in TYPES and item.validity == "有效"]
    for name in ("fits", "does_not_fit", "not_known"):
        mine = [item for item in eligible if verdict(item, one)[0] == name]
        mine.sort(key=lambda item: (-verdict(item, one)[1], -item.published_at.timestamp()))  # type: ignore[union-attr]
        group = getattr(found, name)
        assert group.n == len(mine)
        assert [matched.item.item_id for matched in group.items] == [item.item_id for item in mine[:n]]


def found(rows: list[dict[str, object]], **facts: object) -> Match:
    every = [{"item_type": "policy", "days": n} | row for n, row in enumerate(rows)]
    return match(a_catalogue(every), attributes_from(facts), TYPES, 9, NOW)


def test_what_fails_is_quoted_in_the_words_of_the_catalogue() -> None:
    made = found([{"audiences": ("企业法人", "事业法人"), "enterprise_scales": ("小型",)}], audience="自然人")
    [matched] = made.does_not_fit.items
    assert [one.quote for one in matched.failing] == ["服务对象：企业法人、事业法人"]
    assert [one.quote for one in matched.unknown] == ["企业规模：小型"]


def test_the_question_is_the_one_that_decides_most_items_alone() -> None:
    rows: list[dict[str, object]] = [
        {"audiences": ("企业法人",), "enterprise_scales": ("小型企业",)},
        {"audiences": ("企业法人",), "enterprise_scales": ("微型企业",)},
        {"audiences": ("企业法人",), "industries": ("制造业",)},
        {"person_groups": ("上访人员",)},
    ]
    first = found(rows)
    assert (first.question and first.question.name, first.decides) == ("audience", 0)
    second = found(rows, audience="企业法人")
    assert (second.question and second.question.name, second.decides) == ("scale", 2)
    third = found(rows, audience="企业法人", scale="小型企业", industry="制造业")
    assert (third.question, third.decides, third.not_known.n) == (None, 0, 1)  # a word that nobody governs


OLD_ENOUGH = StatedRule({"attribute": "years", "at_least": 2}, "成立满两年")
LARGE_OR_OLD = StatedRule(
    {"any": [{"attribute": "scale", "one_of": ["大型企业"]}, {"attribute": "years", "at_least": 10}]},
    "大型企业或者成立十年以上的企业",
)
FORGOTTEN = StatedRule({"attribute": "shoe_size", "at_least": 40}, "鞋码四十以上")


def test_a_stated_rule_decides_with_the_sentence_it_comes_from() -> None:
    rows: list[dict[str, object]] = [
        {"audiences": ("企业法人",), "conditions": (OLD_ENOUGH,)}, {"conditions": (LARGE_OR_OLD,)}
    ]  # fmt: skip
    young = found(rows, audience="企业法人", years=1)
    assert [[one.quote for one in matched.failing] for matched in young.does_not_fit.items] == [["成立满两年"]]
    assert [[one.quote for one in matched.unknown] for matched in young.not_known.items] == [[LARGE_OR_OLD.quote]]
    assert (young.question and young.question.name, young.decides) == ("scale", 1)
    unsaid = found(rows, audience="企业法人")
    assert (unsaid.question and unsaid.question.name, unsaid.decides) == ("years", 1)  # the other may hang on scale
    old = found(rows, audience="企业法人", years=10)
    assert [[one.quote for one in matched.holding] for matched in old.fits.items] == [
        ["服务对象：企业法人", "成立满两年"], [LARGE_OR_OLD.quote]
    ]  # fmt: skip


def test_a_rule_that_is_governed_no_longer_is_never_known_and_never_a_fault() -> None:
    for years in (1, 50):
        made = found([{"conditions": (FORGOTTEN,)}, {"conditions": (OLD_ENOUGH,)}], years=years)
        assert [matched.item.item_id for matched in made.not_known.items] == ["i0"]
        assert made.not_known.items[0].unknown[0].quote == "鞋码四十以上"
        assert made.question is None


stated = st.lists(
    st.tuples(st.sampled_from(["years", "age"]), st.sampled_from(["at_least", "at_most"]), st.integers(0, 4)),
    max_size=3,
)


@settings(deadline=None)
@given(rows=st.lists(stated, max_size=8), years=st.none() | st.integers(0, 4), age=st.none() | st.integers(0, 4))
def test_stated_rules_are_decided_as_read_one_by_one(
    rows: list[list[tuple[str, str, int]]], years: int | None, age: int | None
) -> None:
    answers = {"years": years, "age": age}
    made = found(
        [
            {"conditions": tuple(StatedRule({"attribute": name, test: bound}, "据文") for name, test, bound in rules)}
            for rules in rows
        ],
        **answers,
    )

    def read(name: str, test: str, bound: int) -> bool | None:
        given_answer = answers[name]
        if given_answer is None:
            return None
        return given_answer >= bound if test == "at_least" else given_answer <= bound

    verdicts = [[read(*rule) for rule in rules] for rules in rows]
    lacking = [
        {name for (name, *_), is_so in zip(rules, each, strict=True) if is_so is None}
        for rules, each in zip(rows, verdicts, strict=True)
        if False not in each and None in each
    ]
    counts = (sum(None not in each and False not in each for each in verdicts), sum(False in each for each in verdicts))
    assert (made.fits.n, made.does_not_fit.n, made.not_known.n) == (*counts, len(lacking))
    if not lacking:
        assert made.question is None
    else:
        assert made.question is not None
        assert made.decides == max(sum(one == {name} for one in lacking) for name in ("years", "age"))


def test_rules_of_their_own_are_matched_in_milliseconds_too() -> None:
    rows: list[dict[str, object]] = [
        {
            "item_type": "policy", "days": n % 300,
            "conditions": (
                StatedRule({"attribute": "years", "at_least": n % 50}, f"第{n}号第三条"),
                StatedRule({"attribute": "age", "at_most": n % 90}, f"第{n}号第四条"),
            ),
        }
        for n in range(10_000)
    ]  # fmt: skip
    catalogue, attributes = a_catalogue(rows), attributes_from({"years": 20, "scale": "小型企业"})
    match(catalogue, attributes, TYPES, 20, NOW)
    began, rounds = time.process_time(), 20
    for _ in range(rounds):
        match(catalogue, attributes, TYPES, 20, NOW)
    took_ms = 1000 * (time.process_time() - began) / rounds
    began = time.process_time()
    for item in catalogue.items.values():
        [holds(one.rule, attributes) for one in conditions_of(item)]
    plain_ms = 1000 * (time.process_time() - began)
    assert took_ms < plain_ms / 8, f"match {took_ms:.2f} ms, item by item {plain_ms:.1f} ms"


def test_ten_thousand_policies_are_matched_in_milliseconds() -> None:
    rows: list[dict[str, object]] = [
        {
            "item_type": "policy", "days": n % 300, "audiences": AUDIENCES[: n % 4], "person_groups": GROUPS[: n % 3],
            "enterprise_scales": SCALES[: n % 3], "region_code": f"{440000 + 100 * (n % 21) + n % 7}",
        }
        for n in range(10_000)
    ]  # fmt: skip
    catalogue, attributes = a_catalogue(rows), attributes_from({"audience": "企业法人", "region": "440106"})
    match(catalogue, attributes, TYPES, 20, NOW)
    began, rounds = time.process_time(), 20
    for _ in range(rounds):
        match(catalogue, attributes, TYPES, 20, NOW)
    took_ms = 1000 * (time.process_time() - began) / rounds
    began = time.process_time()
    for item in catalogue.items.values():
        verdict(item, Said("企业法人", None, None, "440106"))
    plain_ms = 1000 * (time.process_time() - began)
    assert took_ms < plain_ms / 2, f"match {took_ms:.2f} ms, plain reading {plain_ms:.1f} ms"


@pytest.mark.parametrize("region", ["440106001000", "440106"])
def test_a_longer_code_of_a_place_is_a_place_within(region: str) -> None:
    made = found([{"region_code": region}], region="440106")
    assert (made.fits.n, made.not_known.n) == ((1, 0) if region == "440106" else (0, 1))
