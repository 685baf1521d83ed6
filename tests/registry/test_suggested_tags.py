"""Suggested tags on both databases: decided, with the catalogue from then on, never suggested again when refused."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from civicrec.errors import NotFound
from civicrec.items import Item
from civicrec.publishing.conditions import Condition
from civicrec.publishing.one_item import patch_item
from civicrec.registry.audit import audit_rows
from civicrec.registry.catalogue import Kept, catalogue_version, erase, set_status, upsert_items
from civicrec.registry.suggested_tags import Suggested, count_suggestions, decide, suggest, suggestions
from civicrec.registry.tables import open_registry
from tests.item_builders import an_item

NOW = datetime(2026, 9, 30, 3, 30, tzinfo=UTC)
JOBS, SCHOOLS = "theme:就业创业", "theme:教育科研"


def kept(registry: Engine, item_id: str = "a") -> Item:
    return Kept(registry).named([item_id])[item_id]


def with_two(registry: Engine) -> None:
    upsert_items(registry, [an_item("a"), an_item("b")])
    assert suggest(registry, {"a": {JOBS: 0.9, SCHOOLS: 0.4}, "b": {JOBS: 0.7}}, NOW) == Suggested(3, 0, 0, 0)


def decided(registry: Engine, decision: str, *pairs: tuple[str, str]) -> list[tuple[str, str]]:
    return decide(registry, pairs, decision, who="li", why="看过原文", now=NOW)  # type: ignore[arg-type]


def test_the_surest_stands_first_and_each_page_goes_on(registry: Engine) -> None:
    with_two(registry)
    found = suggestions(registry)
    assert [(one.item_id, one.tag, one.confidence) for one in found] == [
        ("a", JOBS, 0.9),
        ("b", JOBS, 0.7),
        ("a", SCHOOLS, 0.4),
    ]
    assert found[0].title == "关于a的通知"
    assert suggestions(registry, n=1, skip=1) == found[1:2]
    assert count_suggestions(registry) == {"open": 3, "accepted": 0, "refused": 0}


def test_an_accepted_tag_acts_at_once_and_outlives_every_way_to_bring_the_item_again(registry: Engine) -> None:
    with_two(registry)
    before = catalogue_version(registry)
    assert decided(registry, "accepted", ("a", JOBS)) == [("a", JOBS)]
    assert kept(registry).theme == ("就业创业",)
    assert catalogue_version(registry) > before
    assert upsert_items(registry, [an_item("a")]).unchanged == 1, "the same import again changes nothing"
    upsert_items(registry, [an_item("a", title="新的标题", theme=["社会保障"])])
    assert (kept(registry).title, kept(registry).theme) == ("新的标题", ("社会保障", "就业创业"))
    patch_item(registry, "a", b'{"theme": []}', Condition(), who="cms", why="", now=NOW)
    assert kept(registry).theme == ("就业创业",)
    set_status(registry, ["a"], "withdrawn", who="li", why="x", now=NOW)
    upsert_items(registry, [an_item("a")])
    assert (kept(registry).status, kept(registry).theme) == ("withdrawn", ("就业创业",))
    assert kept(registry, "b").theme == ()


def test_a_refused_one_does_not_come_again_and_open_ones_are_made_anew(registry: Engine) -> None:
    with_two(registry)
    decided(registry, "refused", ("a", JOBS))
    assert kept(registry).theme == ()
    assert suggest(registry, {"a": {JOBS: 0.99}, "b": {JOBS: 0.8}}, NOW) == Suggested(
        added=0, kept=1, gone=1, decided=1
    )
    assert [(one.item_id, one.tag, one.confidence) for one in suggestions(registry)] == [("b", JOBS, 0.8)]
    [refused] = suggestions(registry, "refused")
    assert (refused.confidence, refused.decided_by, refused.decided_at) == (0.9, "li", NOW)


def test_each_decision_is_audited_once_with_who_when_and_what(registry: Engine) -> None:
    with_two(registry)
    decided(registry, "accepted", ("a", JOBS), ("a", JOBS))
    assert decided(registry, "accepted", ("a", JOBS)) == []
    decided(registry, "refused", ("a", JOBS))
    rows = [
        (row.who, row.at, row.action, row.facts.get("tag"), row.facts.get("before"))
        for row in audit_rows(registry, object_id="a")
    ]
    assert rows[:2] == [("li", NOW, "tag_refused", JOBS, "accepted"), ("li", NOW, "tag_accepted", JOBS, "open")]
    assert len([row for row in rows[2:] if row[2].startswith("tag_")]) == 0


def test_an_accepted_one_that_is_refused_leaves_the_item(registry: Engine) -> None:
    with_two(registry)
    decided(registry, "accepted", ("a", JOBS), ("a", SCHOOLS))
    decided(registry, "refused", ("a", JOBS))
    upsert_items(registry, [an_item("a", title="再导入")])
    assert kept(registry).theme == ("教育科研",)


def test_what_was_never_suggested_is_named_and_nothing_changes(registry: Engine) -> None:
    with_two(registry)
    with pytest.raises(NotFound, match="'theme:税务' was not suggested for 'b'"):
        decided(registry, "accepted", ("a", JOBS), ("b", "theme:税务"))
    assert (kept(registry).theme, count_suggestions(registry)["open"]) == ((), 3)


def test_nothing_is_suggested_for_an_unknown_item_and_an_erased_one_is_forgotten(registry: Engine) -> None:
    with_two(registry)
    assert suggest(registry, {"nobody": {JOBS: 0.9}, "b": {JOBS: 0.7}}, NOW).added == 0
    decided(registry, "accepted", ("b", JOBS))
    erase(registry, ["b"], who="li", why="x", now=NOW)
    assert [one.item_id for one in suggestions(registry, None)] == []
    assert kept(registry, "b").theme == ()


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["accepted", "refused", "import", "suggest"]), st.sampled_from([JOBS, SCHOOLS])),
        max_size=8,
    )
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_in_any_order_an_item_has_its_own_tags_and_those_accepted_last(steps: list[tuple[str, str]]) -> None:
    registry = open_registry("sqlite://")
    brought = an_item("a", theme=["社会保障"])
    upsert_items(registry, [brought])
    suggest(registry, {"a": {JOBS: 0.9, SCHOOLS: 0.8}}, NOW)
    state = {JOBS: "open", SCHOOLS: "open"}
    for what, tag in steps:
        if what == "import":
            upsert_items(registry, [msgspec.structs.replace(brought, title=f"{tag}之后")])
        elif what == "suggest":
            suggest(registry, {"a": {JOBS: 0.9, SCHOOLS: 0.8}}, NOW)
        else:
            decided(registry, what, ("a", tag))
            state[tag] = what
    accepted = {tag.partition(":")[2] for tag, is_in in state.items() if is_in == "accepted"}
    assert set(kept(registry).theme) == {"社会保障"} | accepted
    assert {one.tag: one.state for one in suggestions(registry, None)} == state
    registry.dispose()
