"""The catalogue: what an import changes, what readers see, and that two writers lose nothing."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from civicrec.errors import NotFound, Unavailable
from civicrec.items import Item
from civicrec.registry.catalogue import Upserted, catalogue_version, items_since, set_status, upsert_items
from civicrec.registry.tables import audit, open_registry
from tests.item_builders import an_item, any_item

NOW = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def registry(tmp_path: Path) -> Engine:
    return open_registry(f"sqlite:///{tmp_path}/new/folder/registry.sqlite")


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


@settings(max_examples=30)
@given(batches=st.lists(st.lists(any_item, max_size=4), max_size=4))
def test_a_reader_that_follows_versions_ends_with_the_whole_catalogue(batches: list[list[Item]]) -> None:
    registry = open_registry("sqlite://")
    followed: dict[str, Item] = {}
    version = 0
    for batch in batches:
        upsert_items(registry, batch)
        version, changed = items_since(registry, version)
        followed |= {item.item_id: item for item in changed}
    expected: dict[str, Item] = {}
    for item in (item for batch in batches for item in batch):
        withdrawn = item.item_id in expected and expected[item.item_id].status == "withdrawn"
        if not withdrawn:  # withdrawn ones are the subject of the next test
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
        ("editor", "item_withdrawn", "a", {"why": "wrong figure"}),
        ("editor", "item_online", "a", {"why": "corrected"}),
    ]  # fmt: skip


def test_withdrawing_an_unknown_item_changes_nothing_at_all(registry: Engine) -> None:
    upsert_items(registry, [an_item("a")])
    version = catalogue_version(registry)
    with pytest.raises(NotFound, match="'nope'"):
        set_status(registry, ["a", "nope"], "withdrawn", who="x", why="", now=NOW)
    assert (catalogue_version(registry), items_since(registry)[1][0].status) == (version, "online")


def test_two_importers_at_once_lose_no_item_and_share_no_version(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/registry.sqlite"

    def run_importer(name: str) -> set[int]:
        engine = open_registry(address)
        versions = set()
        for n in range(40):
            done = upsert_items(engine, [an_item(f"{name}-{n}"), an_item("shared", title=f"{name} {n}")])
            assert done.added + done.changed == 2
            versions.add(catalogue_version(engine))
        return versions

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(run_importer, ("left", "right", "middle")))
    version, items = items_since(open_registry(address))
    assert version == 120  # each import that changed something raised it by exactly one
    assert len(items) == 121


def test_processes_that_open_a_new_registry_at_once_all_succeed(tmp_path: Path) -> None:
    addresses = [f"sqlite:///{tmp_path}/{round_}.sqlite" for round_ in range(5) for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        versions = list(pool.map(lambda address: catalogue_version(open_registry(address)), addresses))
    assert versions == [0] * 20


def test_a_registry_that_cannot_be_opened_is_said_to_be_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Unavailable, match="cannot be opened"):
        open_registry(f"sqlite:///{tmp_path}/file/registry.sqlite")
