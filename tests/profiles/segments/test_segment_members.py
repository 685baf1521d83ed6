"""Whom a rule holds of: SQL on the real engine and the registry together against plain Python over folded events."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from civicrec.erasure import Person
from civicrec.errors import Unavailable
from civicrec.events import INTEREST_WEIGHTS
from civicrec.items import Item
from civicrec.registry.attributes import change
from civicrec.registry.choices import choose_tag, delete_tag, switch
from civicrec.registry.consents import enter
from civicrec.registry.erasures import request_erasure
from civicrec.registry.notice import Entry, notice_of
from civicrec.registry.tables import open_registry
from civicrec.settings import ConsentSettings, WarehouseSettings
from civicrec.warehouse.actor_tags import TaughtTag, weigh_actors
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from profiles.rights.attributes import decision, seal_of
from profiles.rules.attributes import attributes_from
from profiles.rules.behaviour import people_rule_from
from profiles.segments.items import put_item_facts
from profiles.segments.members import Stores, count_members, members, members_of_each
from profiles.tags import learned_tags, load_vocabulary
from tests.operations.nights import DAY, an_event, at
from tests.profiles.segments.folded import Case, Folded, as_event, fold

pytestmark = pytest.mark.stack
NOW = at(DAY) + timedelta(days=1)
WINDOW = 60
THEME, OTHER_THEME, GROUP = "theme:就业创业", "theme:社会保障", "group:高校毕业生"
PEOPLE = [f"{n:032x}" for n in range(1, 9)]
NASTY = "局'\\\"\n\t{k0:Array(String)}`;--"
ITEMS = {
    item.item_id: item
    for item in (
        Item(item_id="i1", item_type="policy", title="一", theme=("就业创业",), region_code="440100", issuer=NASTY),
        Item(item_id="i2", item_type="service", title="二", theme=("就业创业", "社会保障"), region_code="440106"),
        Item(item_id="i3", item_type="policy", title="三", person_groups=("大学生", "残疾人"), issuer="市人社局"),
        Item(item_id="i4", item_type="news", title="四", theme=("社会保障",), person_groups=("大学生",),
             region_code="440000"),
    )
}  # fmt: skip
EVENTS = st.lists(
    st.fixed_dictionaries({
        "subject_id": st.sampled_from(PEOPLE),
        "kind": st.sampled_from([*INTEREST_WEIGHTS, "page_view", "read", "read", "click", "consent_withdrawn"]),
        "item_id": st.sampled_from([*ITEMS, *ITEMS, "of no catalogue", ""]),
        "age_days": st.sampled_from([-1, 0, 0, 1, 2, 6, 7, 30, 59, 60, 365, 366]),
        "hour": st.integers(8, 11),
        "consent": st.sampled_from(["personalise"] * 8 + ["measure"]),
        "bot_reason": st.sampled_from([""] * 8 + ["user_agent"]),
    }),
    min_size=10, max_size=60,
)  # fmt: skip
DAYS = st.sampled_from([1, 2, 7, 31, 60, 366])
BOUNDS = st.sampled_from([{"at_least": 1}, {"at_least": 2}, {"at_least": 3}, {"at_most": 0}, {"at_most": 1}])
WEIGHTS: list[dict[str, float]] = [
    {}, {"at_least": 0.7}, {"at_least": 1.3}, {"at_most": 0.9}, {"at_most": 2.9}, {"at_least": 0.01},
]  # fmt: skip
CLAUSES = st.one_of(
    st.builds(
        lambda tag, test: {"tag": tag, **test},
        st.sampled_from([THEME, OTHER_THEME, GROUP]),
        st.sampled_from(WEIGHTS),
    ),
    st.builds(
        lambda kinds, days, wanted, bound: {"count": kinds, "days": days, **wanted, **bound},
        st.sampled_from(["read", "click", ["click", "read"], list(INTEREST_WEIGHTS)]),
        DAYS,
        st.fixed_dictionaries({}, optional={
            "tags": st.sampled_from([[THEME], [GROUP, OTHER_THEME]]),
            "types": st.sampled_from([["policy"], ["service", "news"]]),
            "region": st.sampled_from(["440000", "440100", "440106", "110000"]),
            "issuers": st.sampled_from([[NASTY], ["市人社局", ""'x'], [f"{NASTY}]"]]),
        }),
        BOUNDS,
    ),
    st.builds(
        lambda which, test: {"seen": which, **test},
        st.sampled_from(["first", "last"]),
        st.one_of(
            st.builds(lambda days: {"within_days": days}, DAYS),
            st.builds(
                lambda name, days: {name: (DAY - timedelta(days=days)).isoformat()},
                st.sampled_from(["since", "until"]),
                st.integers(0, 61),
            ),
        ),
    ),
    st.sampled_from([
        {"attribute": "scale", "one_of": ["小型企业", "微型企业"]},
        {"attribute": "years", "at_least": 2},
        {"attribute": "years", "at_most": 5},
        {"attribute": "region", "within": "440106"},
        {"attribute": "qualification", "one_of": ["高新技术企业"]},
    ]),
)  # fmt: skip
RULES: st.SearchStrategy[dict[str, Any]] = st.recursive(
    CLAUSES,
    lambda inner: st.one_of(
        st.builds(
            lambda how, rules: {how: rules}, st.sampled_from(["all", "any"]), st.lists(inner, min_size=1, max_size=3)
        ),
        st.builds(lambda rule: {"not": rule}, inner),
    ),
    max_leaves=6,
)  # fmt: skip
SAID = st.dictionaries(
    st.sampled_from(PEOPLE),
    st.fixed_dictionaries({}, optional={
        "scale": st.sampled_from(["小型企业", "大型企业"]), "years": st.sampled_from([1, 3, 9]),
        "region": st.sampled_from(["440100", "440106", "440103"]),
        "qualification": st.sampled_from([[], ["高新技术企业"], ["专精特新中小企业"]]),
    }),
)  # fmt: skip
PAIRS = st.sets(st.tuples(st.sampled_from(PEOPLE), st.sampled_from([THEME, OTHER_THEME, GROUP])), max_size=3)


def store(stores: Stores, events: Iterable[dict[str, Any]], deleted: Iterable[tuple[str, str]] = ()) -> None:
    """Put events into an empty warehouse, delivered twice in part, and weigh the tags of the night."""
    warehouse: Any = stores.warehouse
    for table in ("events", "actor_tags", "item_facts"):
        warehouse.command(f"TRUNCATE TABLE {table}")
    made = [as_event(event, n) for n, event in enumerate(events)]
    if made := made + made[::3]:
        warehouse.insert("events", {name: [event[name] for event in made] for name in made[0]})
    put_item_facts(warehouse, DAY, ITEMS.values())
    tags = load_vocabulary().tags
    taught = {
        item_id: [
            TaughtTag(name, tags[name].half_life_days, tags[name].min_evidence) for name in sorted(learned_tags(item))
        ]
        for item_id, item in ITEMS.items()
    }  # fmt: skip
    weigh_actors(warehouse, DAY - timedelta(days=WINDOW - 1), DAY, 1, taught, set(deleted))


def declare(stores: Stores, subject: str, said: dict[str, Any]) -> None:
    change(stores.registry, subject, decision(said, subject, seal_of(stores.keys), NOW), NOW)


def expected(rule: dict[str, Any], people: dict[str, Folded], case: dict[str, Any]) -> list[str]:
    out: set[str] = case.get("out", set())
    return sorted(
        subject
        for subject, me in people.items()
        if me.consent == "personalise" and me.days and subject not in out
        and Case(
            me, attributes_from(case["said"].get(subject, {})), ITEMS, DAY,
            frozenset(tag for who, tag in case["chosen"] if who == subject),
            frozenset(tag for who, tag in case["deleted"] if who == subject),
        ).holds(rule)
    )  # fmt: skip


@examples(
    max_examples=20, phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking would ask the engine for minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(
    EVENTS, st.lists(RULES, min_size=6, max_size=6), SAID, PAIRS, PAIRS, st.sets(st.sampled_from(PEOPLE), max_size=2)
)
def test_sql_and_registry_give_the_members_that_plain_python_gives(
    stores: Stores, events: list[dict[str, Any]], rules: list[dict[str, Any]], said: dict[str, dict[str, Any]],
    chosen: set[tuple[str, str]], deleted: set[tuple[str, str]], off: set[str],
) -> None:  # fmt: skip
    chosen = chosen - deleted
    timed = [
        event | {"at": at(DAY - timedelta(days=event["age_days"]), event["hour"]), "item_id":
                 "" if event["kind"] == "consent_withdrawn" else event["item_id"]}
        | ({"consent": "measure"} if event["kind"] == "consent_withdrawn" else {})
        for event in events
        if event["age_days"] < 366
    ]  # fmt: skip
    store(stores, timed, deleted)
    with TemporaryDirectory() as folder:
        registry = open_registry(f"sqlite:///{folder}/registry.sqlite")
        own = Stores(stores.warehouse, registry, stores.settings, stores.keys)
        for subject, tag in sorted(chosen):
            choose_tag(registry, subject, tag, NOW)
        for subject, tag in sorted(deleted):
            delete_tag(registry, subject, tag, NOW)
        for subject in off:
            switch(registry, subject, on=False, now=NOW)
        for subject, values in said.items():
            declare(own, subject, values)
        people = fold(timed, ITEMS, DAY, WINDOW)
        case = {"said": said, "chosen": chosen, "deleted": deleted, "out": off}
        for rule in rules:
            found = list(members(own, people_rule_from(rule), NOW))
            assert sorted(found) == expected(rule, people, case), rule
        together = list(
            members_of_each(own, {str(n): people_rule_from(rule) for n, rule in enumerate(rules)}, NOW, DAY)
        )
        for n, rule in enumerate(rules):
            found = [subject for subject, names in together if str(n) in names]
            assert sorted(found) == expected(rule, people, case), rule
        registry.dispose()


def seen(subject: str, n: int = 0, **facts: Any) -> dict[str, Any]:
    return {
        "subject_id": subject, "kind": "click", "item_id": "i1", "at": at(DAY, 9) + timedelta(minutes=n),
        "consent": "personalise", "bot_reason": "", **facts,
    }  # fmt: skip


EVERYBODY = people_rule_from({"seen": "last", "within_days": 366})


def test_who_may_be_in_no_segment_is_in_none(stores: Stores) -> None:
    consents, off, erased, minor, stays = PEOPLE[:5]
    store(stores, [seen(subject) for subject in PEOPLE[:5]] + [seen(minor, 1, consent="measure")])
    assert sorted(members(stores, EVERYBODY, NOW)) == sorted({consents, off, erased, stays})
    switch(stores.registry, off, on=False, now=NOW)
    answer = Entry(consents, "demo", "personalise", False, "1", frozenset({"personalise"}), "web", NOW)
    enter(stores.registry, answer, notice_of(stores.settings), audit_name="person:1")
    request_erasure(
        stores.registry, Person("demo", erased), "person:2", [stores.keys.erased_digest(erased)], due=NOW.date(),
        by="subject", now=NOW,
    )  # fmt: skip
    assert list(members(stores, EVERYBODY, NOW)) == [stays]
    switch(stores.registry, off, on=True, now=NOW)
    assert list(members(stores, EVERYBODY, NOW)) == [off, stays]


def test_who_said_that_they_are_a_minor_is_in_no_segment(stores: Stores) -> None:
    young, grown, pupil = PEOPLE[:3]
    store(stores, [seen(subject) for subject in (young, grown, pupil)])
    declare(stores, young, {"age": 17})
    declare(stores, grown, {"age": 18})
    change(
        stores.registry, pupil,
        decision({"groups": ["儿童青少年"]}, pupil, seal_of(stores.keys), NOW, consents=True), NOW,
    )  # fmt: skip
    assert list(members(stores, EVERYBODY, NOW)) == [grown]


def test_where_a_ledger_is_required_only_who_agreed_to_the_notice_in_force_is_in(stores: Stores) -> None:
    first, second, third, elsewhere = PEOPLE[:4]
    store(stores, [seen(first), seen(second), seen(third), seen(elsewhere, site="other")])
    asked = ConsentSettings(notice_version="2", ledger_sites=("demo",), purposes=("personalise",))
    own = Stores(stores.warehouse, stores.registry, stores.settings.model_copy(update={"consent": asked}), stores.keys)
    assert list(members(own, EVERYBODY, NOW)) == [elsewhere]
    for subject, covers in ((first, {"personalise"}), (second, set())):
        entry = Entry(subject, "demo", "personalise", True, "2", frozenset(covers), "web", NOW)
        enter(own.registry, entry, notice_of(own.settings), audit_name="person:1")
    assert list(members(own, EVERYBODY, NOW)) == [first, elsewhere]


def test_a_browser_that_nobody_signed_in_from_is_no_member(stores: Stores) -> None:
    store(stores, [])
    event = an_event(1, at(DAY, 9), actor="a1")
    stores.warehouse.insert("events", {name: [value] for name, value in event.items()})
    assert list(members(stores, EVERYBODY, NOW)) == []


def test_parts_are_disjoint_and_whole(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    people = [f"{n:032x}" for n in range(500)]
    store(stores, [seen(subject) for subject in people])
    monkeypatch.setattr("profiles.segments.members.parts_of", lambda n: 1 + n // 100)
    assert sorted(members(stores, EVERYBODY, NOW)) == people
    assert count_members(stores, EVERYBODY, NOW) == 500


def test_the_longest_rule_that_is_taken_is_asked(stores: Stores) -> None:
    store(stores, [seen(subject) for subject in PEOPLE])
    issuers = [f"广东省人力资源和社会保障厅第{n}处" for n in range(49)]
    clauses = [
        {"count": "click", "tags": [THEME, OTHER_THEME] * 25, "issuers": [NASTY, *issuers], "days": 1 + n,
         "at_least": 1 if n == 199 else 2}
        for n in range(200)
    ]  # fmt: skip
    assert list(members(stores, people_rule_from({"any": clauses}), NOW)) == PEOPLE
    assert list(members(stores, people_rule_from({"any": clauses[:199]}), NOW)) == []


def test_many_rules_are_asked_in_groups_and_each_person_has_each_rule_once(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(stores, [seen(subject) for subject in PEOPLE])
    monkeypatch.setattr("profiles.segments.members._CLAUSES_AT_ONCE", 5)
    click = {"count": "click", "days": 1, "at_least": 1}
    rules = {str(n): people_rule_from({"all": [click] * (1 + n % 7)}) for n in range(20)}
    found = [(subject, name) for subject, names in members_of_each(stores, rules, NOW, DAY) for name in names]
    assert sorted(found) == sorted((subject, name) for subject in PEOPLE for name in rules)


def test_no_attribute_and_no_pseudonym_of_who_declared_it_goes_to_the_warehouse(stores: Stores) -> None:
    class Noting:
        def __init__(self) -> None:
            self.said: list[str] = []

        def __getattr__(self, name: str) -> Any:
            def call(*given: Any, **named: Any) -> Any:
                self.said.append(repr((given, named)))
                return getattr(stores.warehouse, name)(*given, **named)

            return call

    store(stores, [seen(subject) for subject in PEOPLE])
    declare(stores, PEOPLE[0], {"scale": "小型企业"})
    declare(stores, PEOPLE[1], {"scale": "大型企业"})
    noting: Any = Noting()
    own = Stores(noting, stores.registry, stores.settings, stores.keys)
    rule = people_rule_from({"all": [{"attribute": "scale", "one_of": ["小型企业"]}, {"tag": THEME}]})
    assert list(members(own, rule, NOW)) == [PEOPLE[0]]
    assert noting.said
    assert not any(word in text for text in noting.said for word in ("scale", "小型", *PEOPLE))


def test_without_a_night_or_a_warehouse_it_is_said_what_to_do(stores: Stores, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="run `civicrec nightly`"):
        list(members(stores, EVERYBODY, NOW))
    away = ClickHouseWarehouse(WarehouseSettings(url="http://127.0.0.1:9"))
    with closing(away), pytest.raises(Unavailable, match="does not answer"):
        list(members(Stores(away, stores.registry, stores.settings, stores.keys), EVERYBODY, NOW))
