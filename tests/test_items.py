"""Items: what a row must be, and that JSON keeps it."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given

from civicrec.catalogue.importers import Rows, read_rows
from civicrec.errors import InvalidInput
from civicrec.items import Item, item_from, item_json
from tests.item_builders import an_item, any_item, item_rows


@given(any_item)
def test_an_item_written_as_json_and_imported_again_is_the_same_item(item: Item) -> None:
    assert read_rows([item_json(item)], "civicrec") == Rows([item], [])


@given(item_rows)
def test_times_are_kept_as_the_same_instant_in_utc(row: dict[str, Any]) -> None:
    item = item_from(row)
    for name in ("published_at", "updated_at", "valid_until", "apply_until"):
        given_time, kept = row.get(name), getattr(item, name)
        assert kept == given_time
        assert kept is None or kept.tzinfo is UTC


def test_defaults_are_left_out_of_the_json() -> None:
    assert msgspec.json.decode(item_json(an_item("a"))).keys() == {"item_id", "item_type", "title", "published_at"}


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"item_id": ""}, "item_id"),
        ({"item_id": "with space"}, "item_id"),
        ({"item_id": "a,b"}, "item_id"),
        ({"item_id": "line-end\n"}, "item_id"),
        ({"item_id": "a" * 129}, "item_id"),
        ({"item_type": "advert"}, "item_type"),
        ({"title": ""}, "title"),
        ({"title": " \u3000 "}, "title"),
        ({"title": 5}, "title"),
        ({"theme": "就业创业"}, "theme"),
        ({"theme": ["长" * 65]}, "theme"),
        ({"validity": "也许"}, "validity"),
        ({"links": [{"rel": "likes", "item_id": "b"}]}, "links"),
        ({"links": [{"rel": "serves", "item_id": "b c"}]}, "links"),
        ({"published_at": "yesterday"}, "published_at"),
        ({"published_at": "2026-01-31T08:00:00"}, "published_at needs an offset"),
        ({"published_at": "0001-01-01T00:00:00+08:00"}, "published_at"),
        ({"valid_from": "2026-02-01T00:00:00Z", "valid_until": "2026-01-01T00:00:00Z"}, "valid_until"),
        ({"apply_from": "2026-02-01T00:00:00Z", "apply_until": "2026-01-01T00:00:00Z"}, "apply_until"),
    ],
)
def test_a_wrong_field_is_refused_and_named(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        item_from({"item_id": "a", "item_type": "policy", "title": "t", **fields})


def test_an_item_may_be_open_ended_on_either_side() -> None:
    item = item_from(
        {"item_id": "a", "item_type": "policy", "title": "t", "valid_until": datetime(2026, 1, 1, tzinfo=UTC)}
    )
    assert item.valid_from is None
