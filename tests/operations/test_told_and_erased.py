"""What is erased is what a copy tells: both go through the same stores, and no table of people is left out."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, Boolean, Column, DateTime, Engine, Float, Integer, LargeBinary, func, insert, select

from civicrec.clock import local_date, utc_now
from civicrec.erasure import Person
from civicrec.registry.tables import columns_of_people, open_registry
from civicrec.security.tokens import load_keys
from civicrec.settings import Settings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from profiles.online.memory import MemoryOnlineStore
from profiles.rights.export import TOLD_AS
from profiles.rights.pushes import pushes_of
from profiles.rights.words import FIELD_NAMES, PARTS
from serving.api.my_data import MyData
from streaming.erasing.decided import Attributes, Consents, Decisions, Pushes
from streaming.erasing.stores import personal_stores
from tests.operations.nights import DAY, an_event, at, store_events
from tests.operations.people import SITE, USER, ask

ME, OTHER = "5" * 32, "6" * 32
#: Of whom a copy is, when it was made, and in one word what `off_since` tells.
ABOUT = {"subject_id", "generated_at", "personalisation"}


@pytest.mark.stack
def test_every_store_that_is_erased_is_told_in_the_copy_and_the_other_way_round(settings: Settings) -> None:
    registry = open_registry(settings.registry_address)
    with closing(ClickHouseWarehouse(settings.warehouse)) as warehouse:
        stores = personal_stores(settings, registry, warehouse, MemoryOnlineStore())
    registry.dispose()
    assert [store.name for store in stores] == list(TOLD_AS)
    told = {part for parts in TOLD_AS.values() for part in parts}
    assert told == set(MyData.__struct_fields__) - ABOUT
    assert told == {"events", "attributes", *PARTS}


@pytest.mark.stack
def test_served_lists_and_refused_events_are_in_the_copy_and_no_others(settings: Settings) -> None:
    keys, now = load_keys(settings), utc_now()
    mine, other = keys.subject_id(SITE, USER), keys.subject_id(SITE, "li")
    events = [
        an_event(n, at(), actor=who, subject_id=who, request_id=f"request-{who}")
        for n, who in enumerate((mine, other), 1)
    ]
    store_events(settings, events)
    with closing(ClickHouseWarehouse(settings.warehouse)) as warehouse:
        warehouse.insert("served", {
            "request_id": [f"request-{who}" for who in (mine, other)], "served_at": [now] * 2,
            "kept_until": [local_date(now) + timedelta(days=9)] * 2, "scene": ["home"] * 2, "item_ids": [["i1"]] * 2,
        })  # fmt: skip
        warehouse.insert("dead_letters", {
            "log": ["a"] * 2, "log_offset": [1, 2], "piece": [0] * 2, "seen_at": [now] * 2, "reason": ["bad_field"] * 2,
            "raw": [f'{{"subject_id": "{who}"}}' for who in (mine, other)], "n_events": [1] * 2,
        })  # fmt: skip
        warehouse.insert("segment_members", {"day": [DAY] * 2, "segment": ["s1", "s2"], "actor": [mine, other]})
    held = ask(settings, "/v1/me/data").json()
    assert held["segments"] == [{"day": DAY.isoformat(), "segment": "s1"}]
    assert [(one["request_id"], one["scene"], one["item_ids"]) for one in held["served_lists"]] == [
        (f"request-{mine}", "home", ["i1"])
    ]
    assert [(one["reason"], one["event"]) for one in held["refused_events"]] == [
        ("bad_field", f'{{"subject_id": "{mine}"}}')
    ]
    assert named_fields(held)
    _, *rows = csv.reader(io.StringIO(ask(settings, "/v1/me/data.csv").content.decode("utf-8-sig")))
    said = {row[0]: ",".join(row) for row in rows}
    assert said.keys() == {"所属人群", "推荐列表", "不合格的行为记录", "行为记录"}
    assert DAY.isoformat() in said["所属人群"]
    assert "人群：s1" in said["所属人群"]
    assert "内容编号：i1" in said["推荐列表"]
    assert f"请求编号：request-{mine}" in said["推荐列表"]
    assert mine in said["不合格的行为记录"]
    assert not any(other in row for row in said.values())


def named_fields(held: Mapping[str, Any]) -> bool:
    """Say whether the table has a name for every field of every row; at least one row is needed."""
    fields = {
        field for part, (_, time_field) in PARTS.items() if isinstance(held.get(part), list)
        for row in held[part] if isinstance(row, dict) for field in row if field != time_field
    }  # fmt: skip
    return bool(fields) and fields <= FIELD_NAMES.keys()


def some_value(column: Column[Any], actor: str, n: int) -> Any:
    if column.name in ("actor", "subject"):
        return actor
    values = {
        Boolean: False, Integer: n, DateTime: utc_now(), JSON: [], LargeBinary: b"sealed", Float: 0.5
    }  # fmt: skip
    return next((value for kind, value in values.items() if isinstance(column.type, kind)), f"x{n}")


@pytest.fixture
def registry(tmp_path: Path) -> Engine:
    return open_registry(f"sqlite:///{tmp_path}/registry.sqlite")


def test_no_table_of_people_keeps_a_row_of_who_was_erased(registry: Engine) -> None:
    columns = columns_of_people()
    assert {column.table.name for column in columns} >= {"consents", "attributes", "switched_off", "chosen_tags"}
    for n, actor in enumerate((ME, OTHER), 1):
        for table in {column.table for column in columns}:
            with registry.begin() as connection:
                connection.execute(insert(table).values({c.name: some_value(c, actor, n) for c in table.columns}))
    assert named_fields(pushes_of(registry, ME))
    for store in (Decisions(registry), Consents(registry), Attributes(registry), Pushes(registry)):
        assert store.count(Person("demo", ME)) > 0
        store.erase(Person("demo", ME))
        assert store.count(Person("demo", ME)) == 0
    with registry.connect() as connection:
        left = {
            column.table.name: connection.execute(select(func.count()).where(column == ME)).scalar_one()
            for column in columns
        }
        others = [connection.execute(select(func.count()).where(column == OTHER)).scalar_one() for column in columns]
    registry.dispose()
    assert {name: n for name, n in left.items() if n} == {}
    assert all(n == 1 for n in others)
