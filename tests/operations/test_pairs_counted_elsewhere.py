"""Pairs counted in the warehouse, and drawn clicks: the same as in memory, to the last digit, however it is cut."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from civicrec.settings import Settings
from civicrec.warehouse import co_occurrence
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.clicks import draw_of, read_clicks
from civicrec.warehouse.co_occurrence import count_pairs
from civicrec.warehouse.interests import count_interactions, read_interests
from civicrec.warehouse.migrate import migrate
from operations.nightly import run_nightly
from operations.stack import rights
from operations.stack.engine import Engine, EngineWarehouse, Statement
from recommender.artifacts import RECENT_DAYS, load_models
from recommender.training.co_occurrence import CoOccurrence, co_occurrence_from, co_occurrence_of
from recommender.training.interactions import interactions_from
from recommender.training.train import train
from tests.operations.nights import DAY, an_event, at, everything, fill_catalogue, many_events, store_events

pytestmark = pytest.mark.stack
FIRST = DAY - timedelta(days=39)
KNOWN = {f"i{k}" for k in range(1, 13)} | {"never seen"}  # events name i13 and others, too


def events(seed: int) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    made = [
        {**event, "actor": f"a{rng.randrange(90)}", "item_id": f"i{min(rng.randrange(1, 16), rng.randrange(1, 16))}"}
        for event in many_events(1_200)
    ]
    gone = at(DAY - timedelta(days=5), 9)
    return [*made, *(
        an_event(9_000 + k, gone, actor=f"a{k}", kind="consent_withdrawn", item_id="", consent="none")
        for k in range(0, 90, 7)
    )]  # fmt: skip


def assert_same(one: CoOccurrence, other: CoOccurrence) -> None:
    assert (one.item_ids, one.n_actors, one.chance) == (other.item_ids, other.n_actors, other.chance)
    for name in ("actors", "recent_actors", "active", "gram"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)
    np.testing.assert_array_equal(one.shared.toarray(), other.shared.toarray())
    assert one.fingerprint() == other.fingerprint()


@pytest.mark.parametrize(("seed", "max_active", "min_actors"), [(1, 100, 2), (2, 5, 3), (3, 0, 4)])
def test_the_same_pairs_and_the_same_models_from_both_ways(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, seed: int, max_active: int, min_actors: int
) -> None:
    made = events(seed)
    store_events(settings, made)
    store_events(settings, made[:300])  # delivered twice
    with closing(ClickHouseWarehouse(settings.warehouse)) as warehouse:
        table = read_interests(warehouse, FIRST, DAY)
        data, n_unknown = interactions_from(table, KNOWN)
        in_memory = co_occurrence_of(data, max_active, min_actors)
        found = [count_pairs(warehouse, FIRST, DAY, KNOWN, RECENT_DAYS, max_active, min_actors)]
        monkeypatch.setattr(co_occurrence, "PAIRS_AT_ONCE", 700)
        found.append(count_pairs(warehouse, FIRST, DAY, KNOWN, RECENT_DAYS, max_active, min_actors))
    assert in_memory.shared.nnz > 0
    for item_ids, unknown, counts in found:
        elsewhere = co_occurrence_from(item_ids, counts)
        assert unknown == n_unknown > 0
        assert_same(elsewhere, in_memory)
    one, other = (train(data, "r", settings.training, counted=counted) for counted in (in_memory, elsewhere))
    for name in ("popularity", "neighbours", "neighbour_weights", "neighbour_actors", "recent_actors", "factors"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name
    assert replace_seconds(one.manifest) == replace_seconds(other.manifest)


def replace_seconds(manifest: Any) -> Any:
    return msgspec.structs.replace(manifest, seconds={})


def test_parts_hold_every_actor_once_and_whole(settings: Settings) -> None:
    store_events(settings, events(4))
    with closing(ClickHouseWarehouse(settings.warehouse)) as warehouse:
        whole = read_interests(warehouse, FIRST, DAY).to_pylist()
        parts = [read_interests(warehouse, FIRST, DAY, k, 3).to_pylist() for k in range(3)]
        n, digest = count_interactions(warehouse, FIRST, DAY)
        store_events(settings, [an_event(9_999, at(), actor="a1", item_id="i1")])
        n_then, digest_then = count_interactions(warehouse, FIRST, DAY)
    actors = [{row["actor"] for row in part} for part in parts]
    assert all(actors)
    assert sum(map(len, actors)) == len(set.union(*actors))
    by_pair = sorted((row for part in parts for row in part), key=lambda row: (row["actor"], row["item_id"]))
    assert by_pair == whole
    assert n_then == n + 1
    assert digest_then != digest


def test_a_draw_is_told_by_the_event_alone(settings: Settings) -> None:
    made = [an_event(k, at(hour=k % 24), item_id=f"i{k}") for k in range(400)]
    store_events(settings, made)
    with closing(ClickHouseWarehouse(settings.warehouse)) as warehouse:
        draws = {row["item_id"]: row["draw"] for row in read_clicks(warehouse, DAY, DAY, 1_000).to_pylist()}
        newest = read_clicks(warehouse, DAY, DAY, 50).to_pylist()
    assert draws == {f"i{k}": draw_of(str(UUID(int=k))) for k in range(400)}
    assert all(draws[row["item_id"]] == row["draw"] for row in newest)
    assert 60 <= sum(draw < 0.25 for draw in draws.values()) <= 140  # of 400


def test_a_night_of_more_interactions_than_are_read_at_once(settings: Settings, rows: Any) -> None:
    fill_catalogue(settings)
    store_events(settings, events(5))
    small = run_nightly(settings, DAY)
    whole, models = everything(settings, rows), load_models(settings.models_path, small["run"])
    training = settings.training.model_copy(update={"max_interactions": 150})
    large = run_nightly(settings.model_copy(update={"training": training}), DAY)
    cut, in_parts = everything(settings, rows), load_models(settings.models_path, large["run"])
    assert large["run"] != small["run"]
    assert large["models"]["als"]["one_in"] >= 3
    assert "one_in" not in small["models"]["als"]
    assert large["models"]["counts"] == small["models"]["counts"]
    assert (cut["actor_tags"], large["tags"]) == (whole["actor_tags"], small["tags"])
    assert {actor: set(tags) for actor, tags in cut["online"].items()} == {
        actor: set(tags) for actor, tags in whole["online"].items()
    }
    assert in_parts.item_ids == models.item_ids
    # What all actors did together is the same; only ALS and the choice of knobs know fewer of them.
    for name in ("popularity", "recent_actors"):
        np.testing.assert_array_equal(getattr(in_parts, name), getattr(models, name))
    assert in_parts.chance_actors == models.chance_actors
    pairs = [
        {(row, other): actors
         for row, (near, shared) in enumerate(zip(one.neighbours.tolist(), one.neighbour_actors.tolist(), strict=True))
         for other, actors in zip(near, shared, strict=True) if other >= 0}
        for one in (models, in_parts)
    ]  # fmt: skip
    assert pairs[0] == pairs[1]


#: Two shards at this very address, where the engine finds both without a network: each holds all rows, so that an actor
#: or a pair that was added up where it ought to be found again would count twice.
SHARD = "<shard><replica><host>127.0.0.1</host><port>9000</port></replica></shard>"
CLUSTER = f"<tcp_port>9000</tcp_port><remote_servers><two>{SHARD}{SHARD}</two></remote_servers>"


class ArrowEngine(EngineWarehouse):
    """The engine itself, with what reading pairs needs of a warehouse besides."""

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pa.Table:
        return pa.Table.from_pylist(self.rows(sql, parameters))

    def insert(self, table: str, columns: Mapping[str, Sequence[Any]], token: str = "") -> int:
        names = list(columns)
        lines = [
            json.dumps(dict(zip(names, row, strict=True)), default=str) for row in zip(*columns.values(), strict=True)
        ]
        rows = "\n".join(lines).encode()
        self._engine.run(Statement(f"INSERT INTO {table}", "JSONEachRow", rows, database=self.database))
        return len(lines)


def test_the_same_pairs_from_a_table_of_many_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rights, "_CONFIG", rights._CONFIG.replace("<clickhouse>", f"<clickhouse>{CLUSTER}", 1))
    monkeypatch.setattr(rights, "_USERS", rights._USERS.replace("<query>REVOKE SOURCES ON *.*</query>", ""))
    with closing(Engine(tmp_path / "data", 1)) as engine:
        warehouse = ArrowEngine(engine, "civicrec")
        migrate(warehouse)
        times = ("occurred_at", "received_at")
        made = [event | {name: f"{event[name] / 1000:.3f}" for name in times} for event in events(6)]
        warehouse.insert("events", {name: [event[name] for event in made] for name in made[0]})
        asked = (FIRST, DAY, KNOWN, RECENT_DAYS, 8, 3)
        here = co_occurrence_from(*count_pairs(warehouse, *asked)[::2])
        warehouse.command("RENAME TABLE events TO events_here")
        warehouse.command(
            "CREATE TABLE events AS events_here"
            " ENGINE = Distributed('two', 'civicrec', 'events_here', sipHash64(actor))"
        )
        (rows,) = warehouse.rows("SELECT count() AS n, uniqExact(event_id) AS ids FROM events")
        assert rows == {"n": 2 * len(made), "ids": len(made)}  # both shards are asked
        assert_same(co_occurrence_from(*count_pairs(warehouse, *asked)[::2]), here)
