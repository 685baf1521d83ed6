"""Tags weighed in the warehouse: what one event at a time gives, however it is cut, killed or edited meanwhile."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from civicrec.clients import redis_client
from civicrec.erasure import Person
from civicrec.errors import ConfigError, Unavailable
from civicrec.events import INTEREST_WEIGHTS
from civicrec.items import Item
from civicrec.registry.catalogue import upsert_items
from civicrec.registry.choices import delete_tag
from civicrec.registry.tables import open_registry, registry_at
from civicrec.settings import Settings
from civicrec.warehouse import actor_tags
from civicrec.warehouse.actor_tags import TaughtTag, parts_of, weigh_actors, weights_by_actor
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from civicrec.warehouse.night_tables import NIGHT_TABLES, NightTables
from operations.nightly import STEPS, Step, run_nightly
from profiles import tags as vocabulary_module
from profiles.evidence import TagEvidence
from profiles.online.redis_store import RedisOnlineStore
from tests.operations.nights import DAY, an_event, at, everything, fill_catalogue, many_events, store_events
from tests.operations.test_nightly_steps import environment
from tests.running import RunningStack

pytestmark = pytest.mark.stack
FIRST = DAY - timedelta(days=59)
RULES = {
    "theme:a": TaughtTag("theme:a", 14.0, 1), "theme:b": TaughtTag("theme:b", 2.5, 2),
    "group:c": TaughtTag("group:c", 60.0, 3),
}  # fmt: skip
TAUGHT = {
    "i1": [RULES["group:c"], RULES["theme:a"], RULES["theme:b"]], "i2": [RULES["theme:b"]],
    "i3": [RULES["group:c"], RULES["theme:b"]], "i4": [RULES["group:c"]], "i5": [],
}  # fmt: skip
EVENTS = st.lists(
    st.fixed_dictionaries({
        "actor": st.sampled_from(["u1", "u2", "u3"]),
        "item_id": st.sampled_from([*TAUGHT, *TAUGHT, "of no catalogue"]),
        "kind": st.sampled_from([*INTEREST_WEIGHTS, "impression"]),
        "age_days": st.sampled_from([0, 0, 1, 2, 20, 59, 60]),  # the last is out of the window
        "hour": st.integers(0, 23),
        "consent": st.sampled_from(["personalise"] * 5 + ["measure"]),
        "bot_reason": st.sampled_from([""] * 5 + ["user_agent"]),
    }),
    max_size=60,
)  # fmt: skip
GONE = st.dictionaries(st.sampled_from(["u1", "u2"]), st.integers(0, 30), max_size=1)  # actor → days ago, at 10:30
DELETED = st.sets(st.tuples(st.sampled_from(["u1", "u2"]), st.sampled_from(sorted(RULES))), max_size=2)


def folded(events: list[dict[str, Any]], gone: dict[str, int]) -> dict[tuple[str, str], TagEvidence]:
    """Fold the events in the order they come."""
    found: dict[tuple[str, str], TagEvidence] = {}
    for event in events:
        since = gone.get(event["actor"])
        is_gone = since is not None and (-event["age_days"], event["hour"]) < (-since, 11)
        counts = event["consent"] == "personalise" and not event["bot_reason"] and event["kind"] in INTEREST_WEIGHTS
        if counts and not is_gone and event["age_days"] < 60:
            day = DAY - timedelta(days=event["age_days"])
            for tag in TAUGHT.get(event["item_id"], ()):
                one = found.setdefault((event["actor"], tag.name), TagEvidence(tag.half_life_days, tag.min_evidence))
                one.update(event["item_id"], day, INTEREST_WEIGHTS[event["kind"]])
    return {key: one for key, one in found.items() if one.is_given}


@examples(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(EVENTS, GONE, DELETED, st.integers(1, 3), st.randoms(use_true_random=False))
def test_the_night_gives_what_events_give_when_folded_one_by_one_in_any_order(
    settings: Settings, events: list[dict[str, Any]], gone: dict[str, int], deleted: set[tuple[str, str]], parts: int,
    order: Any,
) -> None:  # fmt: skip
    days = [DAY - timedelta(days=event["age_days"]) for event in events]
    made = [
        an_event(n, at(day, event["hour"]), **{name: event[name] for name in event.keys() - {"age_days", "hour"}})
        for n, (day, event) in enumerate(zip(days, events, strict=True))
    ]
    made += made[::3]  # delivered twice
    made += [
        an_event(900 + n, at(DAY - timedelta(days=ago), 10) + timedelta(minutes=30), actor=actor,
                 kind="consent_withdrawn", item_id="", consent="measure")
        for n, (actor, ago) in enumerate(gone.items())
    ]  # fmt: skip
    with closing(ClickHouseWarehouse(settings.warehouse)) as warehouse:
        warehouse.command("TRUNCATE TABLE events")
        if made:
            store_events(settings, made)
        n_rows = weigh_actors(warehouse, FIRST, DAY, parts, TAUGHT, deleted)
        rows = warehouse.rows("SELECT * FROM actor_tags WHERE day = {day:Date}", {"day": DAY})
        by_actor = dict(weights_by_actor(warehouse, DAY, parts))
    shuffled = list(events)
    order.shuffle(shuffled)
    expected = {key: one for key, one in folded(shuffled, gone).items() if key not in deleted}
    found = {(row["actor"], row["tag"]): row for row in rows}
    assert n_rows == len(rows) == len(found)
    assert found.keys() == expected.keys()
    for key, one in expected.items():
        assert found[key]["weight"] == pytest.approx(one.weight(DAY), rel=1e-6, abs=1e-7)
        assert found[key]["evidence"] == one.evidence
        assert found[key]["confidence"] == pytest.approx(one.confidence(DAY), rel=1e-6, abs=1e-7)
    flat = {(actor, tag): weight for actor, tags in by_actor.items() for tag, weight in tags.items()}
    assert flat == {key: row["weight"] for key, row in found.items()}


def test_parts_change_nothing_to_the_last_digit(settings: Settings, rows: Any) -> None:
    store_events(settings, many_events())
    made = []
    with closing(ClickHouseWarehouse(settings.warehouse)) as warehouse:
        for parts in (1, 1, 2, 7):
            weigh_actors(warehouse, FIRST, DAY, parts, TAUGHT, ())
            of_actors = sorted(weights_by_actor(warehouse, DAY, parts))
            made.append((rows("SELECT * FROM actor_tags ORDER BY ALL"), of_actors))
    assert all(one == made[0] for one in made)
    assert len(made[0][0]) > 30
    assert [parts_of(n) for n in (0, 1, 2_000_000, 2_000_001, 10_000_000)] == [1, 1, 1, 2, 5]


def test_more_deleted_tags_than_one_statement_names(settings: Settings, rows: Any) -> None:
    store_events(settings, [an_event(n, at(), actor=f"a{n}") for n in range(40)])
    deleted = {(f"gone{n:09}", "theme:a") for n in range(11_000)} | {("a7", "theme:a"), ("a8", "theme:b")}
    with closing(ClickHouseWarehouse(settings.warehouse)) as warehouse:
        assert weigh_actors(warehouse, FIRST, DAY, 1, TAUGHT, deleted) == 39
    assert {row["actor"] for row in rows("SELECT actor FROM actor_tags")} == {f"a{n}" for n in range(40) if n != 7}


def test_of_many_who_withdrew_consent_no_older_tag_stays(settings: Settings, rows: Any) -> None:
    fill_catalogue(settings)
    before, actors = DAY - timedelta(days=1), [f"a:{n:032x}" for n in range(3_000)]
    store_events(settings, [an_event(n, at(before), actor=actor) for n, actor in enumerate([*actors, "stays"])])
    run_nightly(settings, before, "tags")
    store_events(settings, [
        an_event(5_000 + n, at(), actor=actor, anonymous_id=actor[2:], kind="consent_withdrawn", item_id="",
                 consent="measure")
        for n, actor in enumerate(actors)
    ])  # fmt: skip
    run_nightly(settings, DAY, "tags")
    kept = rows("SELECT DISTINCT actor, day FROM actor_tags ORDER BY day")
    assert kept == [{"actor": "stays", "day": day} for day in (before, DAY)]


def test_behaviour_gives_no_sensitive_tag_and_none_of_who_somebody_is(settings: Settings, rows: Any) -> None:
    items = [
        Item(item_id=f"i{n}", item_type="service", title="指南", theme=("民族宗教", "其他", "就业创业"),
             person_groups=("残疾人", "妇女", "高校毕业生"), life_events=("离婚",), enterprise_scales=("小型企业",))
        for n in (1, 2, 3)
    ]  # fmt: skip
    upsert_items(open_registry(settings.registry_address), items)
    store_events(settings, [an_event(n, at(), item_id=f"i{n}") for n in (1, 2, 3)])
    run_nightly(settings, DAY, "tags")
    given = {row["tag"] for row in rows("SELECT tag FROM actor_tags")}
    assert given == {"theme:就业创业", "group:高校毕业生", "scale:小型企业"}
    assert given == {row["tag"] for row in rows("SELECT tag FROM item_tags")}
    # What somebody read of small firms is told as an interest, not as what they are.
    assert vocabulary_module.load_vocabulary().tag("scale:小型企业").sentence == "您近期关注与小型企业有关的内容"


#: The step of tags in two parts, killed as by the kernel right before its n-th statement or write to the online store.
KILLED = """
import os, signal, sys
from datetime import date
from civicrec.settings import load_settings
from civicrec.warehouse import actor_tags
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from operations.nightly import run_nightly
from profiles.online.redis_store import RedisOnlineStore
actor_tags.INTERACTIONS_AT_ONCE = 400
left = [int(sys.argv[1])]
def killing(act):
    def done(*given):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return act(*given)
    return done
for kind, name in ((ClickHouseWarehouse, "command"), (ClickHouseWarehouse, "insert"), (RedisOnlineStore, "put_tags")):
    setattr(kind, name, killing(getattr(kind, name)))
run_nightly(load_settings(None), date.fromisoformat(sys.argv[2]), "tags")
"""


#: Half of the day is staged; it stands for analysts, and is not online yet; it is about to go online.
@pytest.mark.parametrize("n", [11, 13, 15])
def test_a_night_killed_between_two_writes_is_made_whole_by_the_next(
    n: int, stores: RunningStack, settings: Settings, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actor_tags, "INTERACTIONS_AT_ONCE", 400)
    fill_catalogue(settings)
    store_events(settings, many_events())
    command = [sys.executable, "-c", KILLED, str(n), DAY.isoformat()]
    done = subprocess.run(command, env=environment(stores, settings), capture_output=True, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert bool(rows("SELECT * FROM actor_tags")) == (n > 12)  # the whole day at once
    assert (tables_left(rows) != []) == (n < 15)
    run_nightly(settings, DAY, "tags")
    resumed = everything(settings, rows)
    assert resumed["actor_tags"]
    with closing(ClickHouseWarehouse(settings.warehouse)) as warehouse:
        warehouse.command("TRUNCATE TABLE actor_tags")
    redis_client(settings.redis).flushdb()
    run_nightly(settings, DAY, "tags")
    assert everything(settings, rows) == resumed


def tables_left(rows: Any) -> list[str]:
    names = rows("SELECT name FROM system.tables WHERE database = currentDatabase()")
    return sorted({row["name"] for row in names} & set(NIGHT_TABLES))


def test_what_a_killed_night_left_of_a_person_is_erased_and_by_the_next_night_gone(
    stores: RunningStack, settings: Settings, rows: Any
) -> None:
    fill_catalogue(settings)
    store_events(settings, many_events())
    person, other = Person("demo", "a7"), Person("demo", "a8")

    def killed(n: int) -> None:
        command = [sys.executable, "-c", KILLED, str(n), DAY.isoformat()]
        done = subprocess.run(command, env=environment(stores, settings), capture_output=True, text=True, timeout=120)
        assert done.returncode == -signal.SIGKILL, done.stderr

    with registry_at(settings.registry_address) as registry:
        for one in (person, other):
            delete_tag(registry, one.subject_id, "theme:就业创业", at())
    killed(12)
    assert tables_left(rows) == sorted(NIGHT_TABLES[:2])
    runs = [True]
    with closing(ClickHouseWarehouse(settings.warehouse)) as warehouse:
        store = NightTables(warehouse, lambda: runs[0])
        assert store.count(person) == 0  # they are a night's own that runs
        store.erase(person)
        assert tables_left(rows) == sorted(NIGHT_TABLES[:2])
        runs[0] = False
        staged = rows("SELECT actor FROM actor_tags_staging ORDER BY actor LIMIT 1")[0]["actor"]
        assert store.count(Person("demo", staged)) >= 1
        assert store.count(person) >= 1  # by what they deleted
        assert store.count(Person("demo", "nobody")) == 0
        store.erase(Person("demo", "nobody"))
        assert store.count(other) >= 1
        for _ in range(2):
            store.erase(person)
        assert (store.count(person), tables_left(rows)) == (0, [])
        killed(12)
        run_nightly(settings, DAY, "retention")
        assert tables_left(rows) == []


def test_a_vocabulary_edited_while_the_night_runs_acts_in_the_next_and_is_told(
    settings: Settings, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr("profiles.nightly._log.warning", lambda event, **facts: told.append(f"{event} {facts['used']}"))
    fill_catalogue(settings)
    store_events(settings, [an_event(1, at(), item_id="i1")])
    began_with = vocabulary_module.load_vocabulary()
    run_nightly(settings, DAY, "tags")
    assert told == []
    before = rows("SELECT * FROM actor_tags")

    def edited() -> Any:
        page = (
            'version = "3"\ndimension = "theme"\nowner = "o"\nrule = "r"\nsentence = "{word}"\n'
            'half_life_days = 1\nmin_evidence = 9\ntags = [{ word = "就业创业" }]'
        )
        return vocabulary_module.read_vocabulary([("theme.toml", page)])

    def broken() -> Any:
        raise ConfigError("half saved")

    for now in (edited, broken):
        monkeypatch.setattr(vocabulary_module, "_shipped", now)
        assert run_nightly(settings, DAY, "tags")["tags"]["vocabulary"] == began_with.version
        assert told.pop() == f"vocabulary_edited {began_with.version}"
        assert rows("SELECT * FROM actor_tags") == before


def test_a_night_that_was_cut_off_weighs_again_by_another_vocabulary(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(night: Any) -> dict[str, Any]:
        raise Unavailable("the store is down")

    after = [step.name for step in STEPS].index("tags") + 1
    fill_catalogue(settings)
    store_events(settings, [an_event(1, at(), item_id="i1")])
    RedisOnlineStore(redis_client(settings.redis)).set_complete(True)
    with pytest.raises(Unavailable):
        run_nightly(settings, DAY, steps=(*STEPS[:after], Step("down", (), down), *STEPS[after:]))
    monkeypatch.setattr("operations.night.load_vocabulary", lambda: vocabulary_module.read_vocabulary([]))
    assert run_nightly(settings, DAY)["resumed"] == ["retention", "items"]
