"""Policies compared on lists and events of a real warehouse, with answers that can be counted by hand."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest

from civicrec.accounting.served import ServedList
from civicrec.clock import to_ms
from civicrec.errors import InvalidInput
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.migrate import migrate
from civicrec.warehouse.served import columns_of
from civicrec.warehouse.served_clicks import read_served_clicks
from operations.evaluation.counterfactual import Policy, evaluate_counterfactual

pytestmark = pytest.mark.stack
AT = datetime(2026, 3, 10, 4, tzinfo=UTC)
DAY = date(2026, 3, 10)


def a_list(scene: str, items: str, variant: str = "", at: datetime = AT, **facts: Any) -> ServedList:
    n = len(items)
    return ServedList(
        uuid4().hex, to_ms(at), "gz", scene, scene, variant, "personalised", "run", False, 0, list(items),
        [["als"]] * n, [["FRESH"]] * n, **{"propensities": [1.0] * n} | facts,
    )  # fmt: skip


def store(warehouse: ClickHouseWarehouse, happened: list[tuple[ServedList, str, str]]) -> None:
    """Store lists with a reader and the items that were clicked; whoever is named saw the first item."""
    migrate(warehouse)
    warehouse.insert("served", columns_of([one for one, _, _ in happened], 36_000))
    events = [
        (kind, one.request_id, item, reader)
        for one, reader, clicked in happened
        if reader
        for kind, item in (("impression", one.item_ids[0]), *(("click", item) for item in clicked))
    ]
    names = ("kind", "request_id", "item_id", "anonymous_id")
    columns = dict(zip(names, map(list, zip(*events, strict=True)), strict=True))
    columns["actor"] = columns["anonymous_id"]
    n = len(events)
    columns |= {"event_id": [str(uuid4()) for _ in range(n)], "occurred_at": [AT] * n, "local_date": [DAY] * n}
    warehouse.insert("events", columns)


def test_a_list_comes_once_with_its_reader_and_its_clicks(warehouse: ClickHouseWarehouse) -> None:
    scene = f"s{uuid4().hex[:8]}"
    seen, unseen = a_list(scene, "abc"), a_list(scene, "xyz")
    old = a_list(scene, "old", at=datetime(2026, 3, 9, 15, 59, tzinfo=UTC))  # 23:59 of the day before
    store(warehouse, [(seen, "reader", "bb"), (unseen, "", ""), (old, "reader", "o")])
    (row,) = read_served_clicks(warehouse, scene, DAY, DAY).to_pylist()
    assert (row["request_id"], row["reader"], row["clicked"]) == (seen.request_id, "reader", ["b"])


def test_a_variant_is_worth_what_its_visitors_clicked(warehouse: ClickHouseWarehouse) -> None:
    scene = f"s{uuid4().hex[:8]}"
    store(warehouse, [
        (a_list(scene, "ab", "trees", variant_share=0.25), "one", "ab"),
        *[(a_list(scene, "cd", "", variant_share=0.75), f"other{n}", "c" if n else "") for n in range(3)],
        (a_list(scene, "ab", "trees"), "before the experiment", "a"),
    ])  # fmt: skip
    figures = evaluate_counterfactual(warehouse, scene, DAY, DAY, Policy.of("variant:trees"))
    assert (figures["lists"], figures["visitors"]) == (4, 4)
    assert figures["logged"]["clicks"] == 1.0
    assert figures["ips"]["clicks"] == figures["snips"]["clicks"] == 2.0
    assert "equally weighed lists" in figures["doubt"]
    scene_itself = evaluate_counterfactual(warehouse, scene, DAY, DAY, Policy.of("variant:"))
    assert scene_itself["ips"]["clicks"] == pytest.approx(2 / 3, abs=1e-4)


def test_what_ran_in_the_shadow_is_worth_what_was_clicked_where_both_agree(warehouse: ClickHouseWarehouse) -> None:
    scene = f"s{uuid4().hex[:8]}"
    store(warehouse, [
        (a_list(scene, "abc", shadow="b", shadow_ids=["a", "x", "c"], propensities=[1.0, 1.0, 0.5]), "one", "ac"),
        (a_list(scene, "abc", shadow="b", shadow_ids=["a", "b"], propensities=[1.0, 1.0, 0.0]), "two", "b"),
        (a_list(scene, "abc"), "three", "a"),
    ])  # fmt: skip
    figures = evaluate_counterfactual(warehouse, scene, DAY, DAY, Policy.of("shadow:b"))
    assert figures["lists"] == 2
    # One: a counts 1, x was not shown, c counts twice. Two: a and b stand alike, of the third place nothing is known.
    assert figures["ips"]["clicks"] == (1 + 2 + 1) / 2
    assert figures["covered"] == pytest.approx((1 + 2 + 2) / 6, abs=1e-4)
    assert "could show" in figures["doubt"]


def test_lists_that_say_nothing_are_refused_in_a_sentence(warehouse: ClickHouseWarehouse) -> None:
    scene = f"s{uuid4().hex[:8]}"
    store(warehouse, [(a_list(scene, "ab"), "one", "a")])
    for policy, why in (("variant:b", "no experiment divided"), ("shadow:b", "did not run in their shadow")):
        with pytest.raises(InvalidInput, match=rf"1 lists of scene .* {why}"):
            evaluate_counterfactual(warehouse, scene, DAY, DAY, Policy.of(policy))


@pytest.mark.parametrize("text", ["", "b", "variant", "shadow:", "run:2026"])
def test_a_policy_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="expected variant:NAME"):
        Policy.of(text)
