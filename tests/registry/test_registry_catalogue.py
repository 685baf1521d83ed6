"""The catalogue, on both databases: what an import changes, what readers see, and that two writers lose nothing."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from civicrec.errors import InvalidInput, NotFound
from civicrec.items import Item, Status
from civicrec.registry import catalogue as catalogue_module
from civicrec.registry.catalogue import Upserted, catalogue_version, erase, items_since, set_status, upsert_items
from civicrec.registry.tables import audit, open_registry
from tests.item_builders import an_item, any_item

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def test_an_import_adds_changes_and_leaves_alone(registry: Engine) -> None:
    assert catalogue_version(registry) == 0
    assert upsert_items(registry, [an_item("a"), an_item("b")]) == Upserted(added=2, changed=0, unchanged=0)
    assert upsert_items(registry, [an_item("a"), an_item("b", title="新标题"), an_item("c")]) == Upserted(1, 1, 1)
    version, items = items_since(registry)
    assert version == catalogue_version(registry) == 2
    assert [(item.item_id, item.title) for item in items] == [
        ("a", "关于a的通知"), ("b", "新标题"), ("c", "关于c的通知"),
    ]  # fmt: skip


def test_an_import_of_nothing_new_does_not_wake_the_readers(registry: Engine) -> None:
    upsert_items(registry, [an_item("a")])
    before = catalogue_version(registry)
    assert upsert_items(registry, [an_item("a")]) == Upserted(0, 0, 1)
    assert upsert_items(registry, []) == Upserted(0, 0, 0)
    set_status(registry, ["a"], "online", who="x", why="", now=NOW)
    assert catalogue_version(registry) == before


# The function-scoped fixture makes a new database for each example.
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(any_item, max_size=4), max_size=4))
def test_a_reader_that_follows_versions_ends_with_the_whole_catalogue(
    new_address: Callable[[], str], batches: list[list[Item]]
) -> None:
    registry = open_registry(new_address())
    followed: dict[str, Item] = {}
    version = 0
    for batch in batches:
        upsert_items(registry, batch)
        version, changed = items_since(registry, version)
        assert [item.item_id for item in changed] == sorted(item.item_id for item in changed)
        followed |= {item.item_id: item for item in changed}
    registry.dispose()
    expected: dict[str, Item] = {}
    for item in (item for batch in batches for item in {item.item_id: item for item in batch}.values()):
        before = expected.get(item.item_id, item)
        # withdrawn ones are the subject of the next test, a change of type of the one after
        if before.status != "withdrawn" and before.item_type == item.item_type or before is item:
            expected[item.item_id] = item
    assert followed.keys() == expected.keys()
    assert {k: v for k, v in followed.items() if v.status != "withdrawn"} == {
        k: v for k, v in expected.items() if v.status != "withdrawn"
    }


def test_a_withdrawn_item_stays_withdrawn_when_imported_again_until_it_is_restored(registry: Engine) -> None:
    upsert_items(registry, [an_item("a"), an_item("b")])
    (after,) = set_status(registry, ["a"], "withdrawn", who="editor", why="wrong figure", now=NOW)
    assert after.status == "withdrawn"
    upsert_items(registry, [an_item("a", title="改正后的标题")])
    assert {item.item_id: (item.title, item.status) for item in items_since(registry)[1]} == {
        "a": ("改正后的标题", "withdrawn"), "b": ("关于b的通知", "online"),
    }  # fmt: skip
    set_status(registry, ["a"], "online", who="editor", why="corrected", now=NOW)
    assert [item.status for item in items_since(registry)[1]] == ["online", "online"]
    with registry.connect() as connection:
        told = connection.execute(select(audit.c.who, audit.c.action, audit.c.object_id, audit.c.facts)).all()
    assert [tuple(row) for row in told] == [
        ("operator", "item_added", "a", {"why": ""}),
        ("operator", "item_added", "b", {"why": ""}),
        ("editor", "item_withdrawn", "a", {"why": "wrong figure"}),
        ("operator", "item_changed", "a", {"why": ""}),
        ("editor", "item_online", "a", {"why": "corrected"}),
    ]  # fmt: skip


@pytest.mark.parametrize("status", ["draft", "online"])
def test_restoring_gives_back_the_status_an_item_had(registry: Engine, status: Status) -> None:
    upsert_items(registry, [an_item("a", status=status)])
    set_status(registry, ["a"], "withdrawn", who="editor", why="wrong", now=NOW)
    set_status(registry, ["a"], "withdrawn", who="editor", why="wrong again", now=NOW)
    upsert_items(registry, [an_item("a", status=status, title="改正后的标题")])
    (after,) = set_status(registry, ["a"], "online", who="editor", why="", now=NOW)
    assert (after.status, items_since(registry)[1]) == (status, [after])


def test_a_draft_that_was_published_while_it_was_withdrawn_is_restored_as_published(registry: Engine) -> None:
    upsert_items(registry, [an_item("a", status="draft")])
    set_status(registry, ["a"], "withdrawn", who="editor", why="wrong", now=NOW)
    upsert_items(registry, [an_item("a", status="online")])
    assert items_since(registry)[1][0].status == "withdrawn"
    assert set_status(registry, ["a"], "online", who="editor", why="", now=NOW)[0].status == "online"


def test_what_an_import_withdraws_is_restored_to_what_it_was(registry: Engine) -> None:
    upsert_items(registry, [an_item("a", status="draft"), an_item("b", status="withdrawn")])
    upsert_items(registry, [an_item("a", status="withdrawn")])
    upsert_items(registry, [an_item("a", status="withdrawn")])
    restored = set_status(registry, ["a", "b"], "online", who="editor", why="", now=NOW)
    assert [item.status for item in restored] == ["draft", "online"]


def test_restoring_a_draft_that_nobody_withdrew_is_refused_and_changes_nothing(registry: Engine) -> None:
    upsert_items(registry, [an_item("a", status="draft"), an_item("b")])
    set_status(registry, ["b"], "withdrawn", who="editor", why="wrong", now=NOW)
    before = items_since(registry)
    with pytest.raises(InvalidInput, match="'a' is a draft, not withdrawn"):
        set_status(registry, ["b", "a"], "online", who="editor", why="", now=NOW)
    assert items_since(registry) == before


def test_an_item_never_becomes_one_of_another_type_and_the_others_land(registry: Engine) -> None:
    upsert_items(registry, [an_item("a")])
    done = upsert_items(registry, [an_item("a", item_type="interpretation", title="解读"), an_item("b")])
    assert (done.added, done.changed, done.unchanged) == (1, 0, 0)
    assert "'a' is of type policy in the catalogue and of type interpretation here" in done.refused["a"]
    assert [(item.item_id, item.item_type) for item in items_since(registry)[1]] == [("a", "policy"), ("b", "policy")]


def test_withdrawing_an_unknown_item_changes_nothing_at_all(registry: Engine) -> None:
    upsert_items(registry, [an_item("a")])
    version = catalogue_version(registry)
    with pytest.raises(NotFound, match="'nope'"):
        set_status(registry, ["a", "nope"], "withdrawn", who="x", why="", now=NOW)
    assert (catalogue_version(registry), items_since(registry)[1][0].status) == (version, "online")


def test_what_is_erased_is_gone_for_good(registry: Engine) -> None:
    secret = "不该发布的名单"
    upsert_items(registry, [an_item("a", title=secret, summary=secret, body_text=secret * 999), an_item("b")])
    (left,) = erase(registry, ["a"], who="editor", why="personal data", now=NOW)
    assert (left.item_id, left.item_type, left.status) == ("a", "policy", "withdrawn")
    assert upsert_items(registry, [an_item("a", title=secret)]).refused.keys() == {"a"}
    with pytest.raises(InvalidInput, match="erased for good"):
        set_status(registry, ["a"], "online", who="editor", why="", now=NOW)
    assert secret not in str(items_since(registry))
    if registry.url.database and registry.dialect.name == "sqlite":
        files = Path(registry.url.database).parent.glob("registry*")
        assert not any(secret.encode() in file.read_bytes() for file in files)
    with pytest.raises(NotFound):
        erase(registry, ["nope"], who="editor", why="x", now=NOW)


def test_a_large_import_is_many_short_transactions(registry: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue_module, "_ITEMS_A_TRANSACTION", 10)
    upsert_items(registry, [an_item("item-3", item_type="news")])
    items = [an_item(f"item-{n}") for n in range(35)]
    done = upsert_items(registry, items)
    assert (done.added, done.changed, done.unchanged, list(done.refused)) == (34, 0, 0, ["item-3"])
    assert catalogue_version(registry) == 5
    assert upsert_items(registry, items).unchanged == 34


def test_a_withdrawal_comes_through_between_two_parts_of_an_import(
    registry: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    upsert_items(registry, [an_item("a"), an_item("b")])
    monkeypatch.setattr(catalogue_module, "_ITEMS_A_TRANSACTION", 1)

    def withdraw(_: float) -> None:
        set_status(registry, ["b"], "withdrawn", who="editor", why="wrong", now=NOW)

    monkeypatch.setattr(time, "sleep", withdraw)
    upsert_items(registry, [an_item("a", title="新"), an_item("b", title="新")])
    assert [(item.title, item.status) for item in items_since(registry)[1]] == [("新", "online"), ("新", "withdrawn")]


def test_a_reader_keeps_of_each_item_what_it_wants(registry: Engine) -> None:
    upsert_items(registry, [an_item("a", body_text="正文"), an_item("b")])
    _, kept = items_since(registry, 0, lambda item: an_item(item.item_id, title="旧"))
    assert [item.title for item in kept] == ["旧", "旧"]


def test_two_importers_at_once_lose_no_item_and_share_no_version(address: str) -> None:
    def run_importer(name: str) -> set[int]:
        engine = open_registry(address)
        versions = set()
        for n in range(40):
            done = upsert_items(engine, [an_item(f"{name}-{n}"), an_item("shared", title=f"{name} {n}")])
            assert done.added + done.changed == 2
            versions.add(catalogue_version(engine))
        engine.dispose()
        return versions

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(run_importer, ("left", "right", "middle")))
    engine = open_registry(address)
    version, items = items_since(engine)
    engine.dispose()
    assert version == 120  # each import that changed something raised it by exactly one
    assert len(items) == 121
