"""Served lists are kept, name nobody, and never stand in the way of a list."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import httpx
import msgspec
import pytest

from civicrec.accounting.served import ServedCounts, ServedSpool, served_counts
from civicrec.errors import Unavailable
from civicrec.items import Item
from civicrec.registry.catalogue import upsert_items
from civicrec.settings import ServingSettings, Settings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from recommender.request import RankedList
from recommender.scenes.files import shipped_scenes
from serving import list_log
from tests.running import RunningStack, wait_for
from tests.serving.conftest import NOW, Api

VISITOR = "visitor-of-the-list-log"


def waiting(api: Api) -> list[dict[str, object]]:
    """Return the lists that wait for the warehouse, as fields."""
    api.app.state.list_log.flush()
    with closing(ServedSpool(api.settings.served_path, 1 << 20)) as spool:
        batch = spool.next_batch()
    return [msgspec.structs.asdict(one) for one in batch.lists] if batch else []


def metric(api: Api, fate: str) -> float:
    line = f'civicrec_list_log_total{{fate="{fate}"}} '
    return next(float(text.removeprefix(line)) for text in api.get("/metrics").text.splitlines() if line in text)


def test_a_list_is_kept_as_it_was_answered(api: Api) -> None:
    answer = api.get("/v1/recommendations", n=5, slot="side", site="gz", explain=1).json()
    (kept,) = waiting(api)
    items = answer["items"]
    assert (kept["request_id"], kept["scene"], kept["slot"], kept["site"]) == (
        answer["request_id"],
        "home",
        "side",
        "gz",
    )
    assert (kept["mode"], kept["model"], kept["variant"], kept["degraded"]) == ("general", "", "", False)
    assert kept["served_ms"] == int(NOW.timestamp() * 1000)
    assert kept["item_ids"] == [item["item_id"] for item in items]
    assert [sources[0] for sources in kept["sources"]] == [item["source"] for item in items]
    assert [set(sources) - {"fallback"} for sources in kept["sources"]] == [set(item["parts"]) for item in items]
    assert kept["reasons"] == [[reason["code"] for reason in item["reasons"]] for item in items]


def test_each_block_and_each_list_of_a_page_is_kept_under_the_number_it_shows(api: Api) -> None:
    blocks = api.post("/v1/recommendations", {"blocks": [{"scene": "hot"}, {"scene": "latest"}]}).json()["blocks"]
    page = api.get("/portal/").text
    kept = waiting(api)
    assert [one["request_id"] for one in kept[:2]] == [block["request_id"] for block in blocks]
    assert len(kept) > 2
    assert all(str(one["request_id"]) in page for one in kept[2:])


def test_what_belongs_to_an_item_is_kept_under_the_number_it_shows(api: Api) -> None:
    lists = api.get("/v1/items/i0/related", n=3, site="gz", explain=1).json()["lists"]
    page = api.get("/portal/items/i0").text
    kept = waiting(api)
    told = [(one["request_id"], f"related-{one['item_type']}", [item["item_id"] for item in one["items"]])
            for one in lists]  # fmt: skip
    assert [(one["request_id"], one["slot"], one["item_ids"]) for one in kept[: len(lists)]] == told
    assert {(one["scene"], one["site"], one["mode"]) for one in kept[: len(lists)]} == {("related", "gz", "general")}
    assert [one["reasons"] for one in kept[: len(lists)]] == [
        [[reason["code"] for reason in item["reasons"]] for item in one["items"]] for one in lists
    ]
    of_page = [one for one in kept[len(lists) :] if one["scene"] == "related"]
    assert of_page
    assert all(str(one["request_id"]) in page for one in of_page)


def test_nothing_that_is_kept_says_who_asked(api: Api) -> None:
    api.get("/v1/recommendations", anonymous_id=VISITOR, recent="i7,i9")
    api.app.state.list_log.flush()
    raw = api.settings.served_path.read_bytes() + Path(f"{api.settings.served_path}-wal").read_bytes()
    assert VISITOR.encode() not in raw
    (kept,) = waiting(api)
    assert kept["mode"] == "personalised"
    assert not {"i7", "i9"} & set(kept["item_ids"])


def test_who_explored_is_known_from_the_request_id_alone(api: Api) -> None:
    upsert_items(api.registry, [
        Item(item_id=f"new{n}", item_type="policy", title="新", published_at=NOW - timedelta(hours=2))
        for n in range(12)
    ])  # fmt: skip
    api.live.refresh()
    for _ in range(100):
        api.get("/v1/recommendations", recent="i7,i9", n=5)
    lists = waiting(api)
    share = shipped_scenes()["home"].explore_share
    by_id = [int(str(one["request_id"])[8:16], 16) / 2**32 < share for one in lists]
    assert [one["sources"][-1][0] == "exploration" for one in lists] == by_id
    assert any(by_id)
    assert all(one["propensities"][:-1] == [1.0] * 4 for one in lists)
    assert {one["propensities"][-1] for one, explored in zip(lists, by_id, strict=True) if not explored} == {1 - share}
    assert all(0 < one["propensities"][-1] <= share for one, explored in zip(lists, by_id, strict=True) if explored)


def test_who_sends_the_signal_leaves_what_everybody_gets(api: Api) -> None:
    api.ask(
        "GET", "/v1/recommendations", params={"anonymous_id": VISITOR, "recent": "i7"}, headers={"Sec-GPC": "1"}
    )  # fmt: skip
    api.get("/v1/recommendations", mode="general")
    first, second = waiting(api)
    assert first["mode"] == "general"
    assert first["item_ids"] == second["item_ids"]


def test_what_finds_no_place_in_memory_is_counted_and_answered(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_log, "MAX_QUEUED", 2)
    assert all(api.ids(n=3) for _ in range(5))
    assert len(waiting(api)) == 2
    assert (metric(api, "kept"), metric(api, "queue_full")) == (2, 3)
    assert served_counts(api.settings.served_path) == ServedCounts(0, 2, {"queue_full": 3})


def test_a_full_file_takes_no_more_and_says_so(api: Api) -> None:
    api.app.state.list_log._max_bytes = 1_000
    for _ in range(6):
        assert api.ids(n=10)
        api.app.state.list_log.flush()
    counts = served_counts(api.settings.served_path)
    assert counts.waiting == metric(api, "kept") > 0
    assert counts.lost == {"spool_full": metric(api, "spool_full")} == {"spool_full": 6 - counts.waiting}


def test_a_file_that_cannot_be_written_costs_no_list_and_is_counted_once_it_can(api: Api) -> None:
    api.settings.served_path.mkdir()
    assert api.ids(n=3)
    api.app.state.list_log.flush()
    assert metric(api, "unwritable") == 1
    api.settings.served_path.rmdir()
    assert api.ids(n=3)
    api.app.state.list_log.flush()
    assert served_counts(api.settings.served_path) == ServedCounts(0, 1, {"unwritable": 1})


@pytest.mark.parametrize(("share", "kept"), [(0.0, 0), (0.25, 15), (1.0, 60)])
def test_the_share_that_is_declared_is_kept(share: float, kept: int, tmp_path: Path) -> None:
    log = list_log.ListLog(Settings(home=tmp_path, serving=ServingSettings(served_share=share)), lambda *_: None)
    for n in range(60):
        log.add(RankedList("hot", "general"), f"{n * 71_582_789:08x}{0:024}", NOW, site="gz")
    log.flush()
    assert served_counts(tmp_path / "served.sqlite").waiting == kept


def test_a_batch_stays_the_same_until_it_is_done_and_counts_once(tmp_path: Path, api: Api) -> None:
    api.ids(n=3)
    (one,) = waiting(api)
    with closing(ServedSpool(api.settings.served_path, 1 << 20)) as spool:
        begun = spool.next_batch()
        api.ids(n=3)
        api.app.state.list_log.flush()
        assert spool.next_batch() == begun
        assert begun is not None
        assert [listed.request_id for listed in begun.lists] == [one["request_id"]]
        spool.done(begun)
        spool.done(begun)
        later = spool.next_batch()
        assert later is not None
        assert later.name != begun.name
    assert served_counts(api.settings.served_path) == ServedCounts(1, 1, {})


def test_the_counts_of_no_file_are_zero_and_those_of_a_damaged_one_are_refused(tmp_path: Path) -> None:
    assert served_counts(tmp_path / "none") == ServedCounts()
    (tmp_path / "bad").write_bytes(b"no database" * 100)
    with pytest.raises(Unavailable, match="cannot be read"):
        served_counts(tmp_path / "bad")


@pytest.mark.stack
def test_a_running_stack_brings_them_to_the_warehouse(stack: RunningStack) -> None:
    before = served_counts(stack.settings.served_path).stored
    answer = httpx.get(f"{stack.serving_url}/v1/recommendations", params={"scene": "latest"}).json()
    wait_for(lambda: served_counts(stack.settings.served_path).stored > before, 30, "the list in the warehouse")
    with closing(ClickHouseWarehouse(stack.settings.warehouse)) as warehouse:
        rows = warehouse.rows("SELECT * FROM served WHERE request_id = {id:String}", {"id": answer["request_id"]})
    assert [row["item_ids"] for row in rows] == [[item["item_id"] for item in answer["items"]]]
