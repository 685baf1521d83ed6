"""What people may say of themselves: what is taken, what contradicts, what holds, and what stands on the disk."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civicrec.errors import ConfigError, InvalidInput
from civicrec.registry.attributes import Kept
from civicrec.security.sealing import Seal
from profiles.rights.attributes import Contradiction, Imported, check_contradictions, decision, in_force, readable, told
from profiles.rules.attributes import attributes_from, load_attributes

NOW = datetime(2026, 3, 2, 3, 30, tzinfo=UTC)
ME = "0" * 32
SEAL = Seal(b"k" * 32)


class Person:
    """Rows of one person in memory, changed as the registry changes them."""

    def __init__(self) -> None:
        self.rows: list[Kept] = []

    def say(self, said: dict[str, Any], now: datetime = NOW, **how: Any) -> None:
        new, ended = decision(said, ME, SEAL, now, **how)(self.rows)
        self.take(new, ended, now)

    def take(self, new: Sequence[Kept], ended: Collection[str], now: datetime) -> None:
        over = {*ended, *(row.attribute for row in new)}
        for n, row in enumerate(self.rows):
            if row.attribute in over and row.ended_at is None:
                facts = {name: getattr(row, name) for name in Kept.__dataclass_fields__} | {"ended_at": now}
                self.rows[n] = Kept(**facts)
        self.rows += new

    def holding(self, now: datetime = NOW) -> dict[str, Any]:
        return dict(in_force(self.rows, ME, SEAL, now))

    def told(self, now: datetime = NOW) -> list[dict[str, Any]]:
        return told(self.rows, ME, SEAL, now)


IMPORT = {"imported": Imported("惠企政策匹配", "440100-0123")}


def test_words_are_kept_as_the_vocabulary_spells_them() -> None:
    me = Person()
    me.say({"audience": "企业", "scale": "小型", "years": 3, "region": "440100"})
    assert [(one["attribute"], one["value"]) for one in me.told()] == [
        ("audience", "企业法人"), ("scale", "小型企业"), ("years", 3), ("region", "440100")
    ]  # fmt: skip
    assert me.holding() == attributes_from(
        {"audience": "企业法人", "scale": "小型企业", "years": 3, "region": "440100"}
    )


def test_the_disk_holds_no_word_and_no_length_of_one() -> None:
    one, other = Person(), Person()
    one.say({"groups": ["残疾人", "低收入人口"], "region": "440106"}, consents=True)
    other.say({"groups": []})
    for word in ("残疾人", "440106"):
        assert not any(word.encode() in row.sealed for row in one.rows)
    assert len(one.rows[0].sealed) == len(other.rows[0].sealed)
    again = Person()
    again.say({"region": "440106"})
    assert again.rows[0].sealed != one.rows[1].sealed


def test_a_value_opens_for_its_person_attribute_and_key_alone() -> None:
    me = Person()
    me.say({"age": 30})
    [row] = me.rows
    assert SEAL.open(row.sealed, f"{ME}:age").strip() == b"30"
    changed = bytes([*row.sealed[:-1], row.sealed[-1] ^ 1])
    for seal, sealed, owner in (
        (Seal(b"K" * 32), row.sealed, f"{ME}:age"), (SEAL, row.sealed, f"{ME}:years"),
        (SEAL, row.sealed, f"{'1' * 32}:age"), (SEAL, changed, f"{ME}:age"), (SEAL, b"", f"{ME}:age"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match="does not open"):
            seal.open(sealed, owner)


@pytest.mark.parametrize(
    ("said", "both"),
    [
        ({"audience": "自然人", "scale": "小型企业"}, ("audience", "scale")),
        ({"audience": "企业法人", "age": 30}, ("audience", "age")),
        ({"groups": [], "years": 2}, ("groups", "years")),
        ({"age": 59, "groups": ["老年人"]}, ("age=59", 'groups=["老年人"]')),
        ({"age": 15, "life_events": ["结婚"]}, ("age=15", "life_events")),
    ],
)
def test_two_that_contradict_are_refused_naming_both(said: dict[str, Any], both: tuple[str, str]) -> None:
    me = Person()
    with pytest.raises(InvalidInput) as refused:
        me.say(said)
    assert all(name in str(refused.value) for name in both)
    first, second = said.items()
    for one, other in ((first, second), (second, first)):  # said one after the other, in either order
        later = Person()
        later.say(dict([one]))
        with pytest.raises(InvalidInput):
            later.say(dict([other]))
        later.say({one[0]: None, other[0]: other[1]})  # taken back in the same breath
        assert list(later.holding()) == [other[0]]


@pytest.mark.parametrize("said", [{"age": 60, "groups": ["老年人"]}, {"age": 18, "life_events": ["结婚"]}])
def test_at_the_bound_nothing_contradicts(said: dict[str, Any]) -> None:
    check_contradictions(said)


_values = {
    "audience": st.sampled_from(["自然人", "企业法人"]), "age": st.integers(14, 100), "years": st.integers(0, 50),
    "groups": st.lists(st.sampled_from(["老年人", "农民", "高校毕业生"]), max_size=2, unique=True),
    "scale": st.sampled_from(["小型企业", "大型企业"]), "region": st.sampled_from(["440100", "440106"]),
    "life_events": st.lists(st.sampled_from(["结婚", "退休", "找工作"]), max_size=2, unique=True),
}  # fmt: skip
_said = st.fixed_dictionaries({}, optional={name: st.none() | of for name, of in _values.items()})
_PERSONS, _FIRMS = {"age", "groups", "life_events"}, {"years", "scale"}


def possible(values: dict[str, Any]) -> bool:
    """Say, written apart, whether this can be true of one."""
    is_person = bool(_PERSONS & values.keys()) or values.get("audience") == "自然人"
    is_firm = bool(_FIRMS & values.keys()) or values.get("audience") == "企业法人"
    age = values.get("age", 59.5)
    groups, life = values.get("groups", ()), values.get("life_events", ())
    young = "age" in values and age <= 17 and {"结婚", "退休"} & set(life)
    old = "age" in values and age <= 59 and "老年人" in groups
    return not (is_person and is_firm or young or old)


@given(st.lists(_said, max_size=8))
def test_after_any_order_of_sayings_what_holds_is_the_last_said_that_could_be(sayings: list[dict[str, Any]]) -> None:
    me, expected = Person(), dict[str, Any]()
    for said in sayings:
        wanted = {name: value for name, value in (expected | said).items() if value is not None}
        if possible(wanted):
            me.say(said)
            expected = wanted
        else:
            with pytest.raises(InvalidInput):
                me.say(said)
        assert me.holding() == attributes_from(expected)
        open_rows = [row.attribute for row in me.rows if row.ended_at is None]
        assert len(open_rows) == len(set(open_rows))


@pytest.mark.parametrize("said", [{"groups": ["农民", "残疾人"]}, {"life_events": ["离婚"]}, {"age": 13}])
def test_a_sensitive_value_takes_a_consent_of_its_own_and_no_import_brings_one(said: dict[str, Any]) -> None:
    me = Person()
    with pytest.raises(InvalidInput, match="sensitive_consent"):
        me.say(said)
    with pytest.raises(InvalidInput, match="only the person can declare it"):
        me.say(said, consents=True, **IMPORT)
    me.say(said | {"region": "440106"}, consents=True)
    by_name = {one["attribute"]: one["sensitive_consent_at"] for one in me.told()}
    assert by_name == {next(iter(said)): "2026-03-02T03:30:00.000Z", "region": None}


@pytest.mark.parametrize("origin", [Imported(" ", "440100-0123"), Imported("惠企政策匹配", " ")])
def test_an_import_without_purpose_or_number_is_refused(origin: Imported) -> None:
    with pytest.raises(InvalidInput, match="purpose"):
        Person().say({"scale": "小型企业"}, imported=origin)


@pytest.mark.parametrize(
    ("kept", "said", "both", "why"),
    [
        ({"age": 40}, {"groups": ["老年人"]}, "“人群：老年人”与“年龄：40”", "老年人须年满六十周岁"),
        (
            {"audience": "自然人"},
            {"scale": "小型"},
            "“服务对象：自然人”与“企业规模：小型企业”",
            "一项属于个人，另一项属于单位",
        ),
    ],
)
def test_a_contradiction_is_told_in_the_words_of_the_page(
    kept: dict[str, Any], said: dict[str, Any], both: str, why: str
) -> None:
    me = Person()
    me.say(kept)
    with pytest.raises(Contradiction) as told_of:
        me.say(said)
    assert told_of.value.says == f"{both}不能同时成立：{why}。请更正其中一项，或先撤回另一项。"
    assert set(told_of.value.between) == {*kept, *said}


def test_what_the_person_said_stays_when_an_office_says_otherwise() -> None:
    me = Person()
    me.say({"scale": "小型企业"})
    me.say({"scale": "大型企业", "years": 3}, **IMPORT)
    assert me.holding() == {"scale": "小型企业", "years": 3.0}
    me.say({"scale": None}, **IMPORT)  # nor can an import take it back
    assert "scale" in me.holding()
    me.say({"years": 4})
    assert [(one["value"], one["source"], one["state"], one["purpose"]) for one in me.told()[1:]] == [
        (3, "imported", "replaced", "惠企政策匹配"), (4, "declared", "in_force", "")
    ]  # fmt: skip


def test_a_value_is_over_at_its_time_and_contradicts_no_more() -> None:
    me = Person()
    me.say({"life_events": ["找工作"]}, valid_until=NOW + timedelta(days=30))
    me.say({"age": 30})
    assert me.told()[1]["valid_until"] == "2027-03-03T03:30:00.000Z"
    later = NOW + timedelta(days=30)
    assert me.holding(later) == {"age": 30.0}
    assert [one["state"] for one in me.told(later)] == ["expired", "in_force"]
    me.say({"age": None, "scale": "小型企业"}, later)
    assert list(me.holding(later)) == ["scale"]


@pytest.mark.parametrize("until", [NOW, NOW - timedelta(days=1), NOW + timedelta(days=4_000)])
def test_values_hold_from_now_on_and_for_ten_years_at_most(until: datetime) -> None:
    with pytest.raises(InvalidInput, match="valid_until"):
        Person().say({"age": 30}, valid_until=until)


@pytest.mark.parametrize("said", [{"height": 1}, {"age": "六十"}, {"scale": "巨型"}, {"groups": ["赌徒"]}])
def test_free_words_are_refused(said: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        Person().say(said)


def test_a_word_that_is_governed_no_longer_is_not_known_and_stops_nobody() -> None:
    kept = {"scale": "巨型企业", "region": "440106", "height": 3}
    assert readable(kept) == {"region": "440106"}
    me = Person()
    me.rows.append(
        Kept("scale", SEAL.close(json.dumps("巨型企业").encode(), f"{ME}:scale"), "declared", NOW,
             NOW + timedelta(days=1))
    )  # fmt: skip
    me.say({"region": "440106"})
    assert me.holding() == {"region": "440106"}
    assert me.told()[0]["value"] == "巨型企业"


def test_every_attribute_has_a_holder_and_a_time() -> None:
    for attribute in load_attributes().values():
        assert attribute.holder in ("person", "firm", "either")
        assert 0 < attribute.valid_days <= 3_653
