"""A person is erased from stores that a job on Flink writes, while events of theirs come; the receipt names topics."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import jwt
import pytest
from msgspec.structs import replace
from pydantic import SecretStr

from civicrec.clock import utc_now
from civicrec.erasure import Person
from civicrec.eventlog.ports import Record
from civicrec.events import dump
from civicrec.registry.erasures import erasure, request_erasure
from civicrec.registry.tables import registry_at
from civicrec.security.tokens import load_keys
from tests.builders import uuid7
from tests.running import wait_for
from tests.services.on_flink import OnFlink, on_flink, records_of
from tests.streaming.test_embedded import behaviour

pytestmark = pytest.mark.services
PEPPER = "pepper-of-the-tests-0123"
ME = "5" * 32


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnFlink]:
    with on_flink(tmp_path_factory.mktemp("flink-erases"), env={"CIVICREC_PEPPER": PEPPER}) as one:
        yield one


def mine(n: int, first: int = 0) -> list[Record]:
    """Return records of the person, signed in on one browser."""
    events = behaviour(n, step_s=5, actors=1, seed=first + 1)
    named = [
        replace(event, event_id=uuid7(event.occurred_at, 900_000 + 1_000 * first + k), subject_id=ME,
                anonymous_id="browser-of-mine-0001", site="demo")
        for k, event in enumerate(events)
    ]  # fmt: skip
    return [Record(ME, len(part), dump(part)) for part in (named[k : k + 3] for k in range(0, n, 3))]


def rows_of(world: OnFlink) -> int:
    sql = "SELECT count() AS n FROM events WHERE subject_id = {who:String}"
    return int(world.warehouse.rows(sql, {"who": ME})[0]["n"])


def test_a_person_goes_and_stays_away_and_the_receipt_tells_when_the_topics_end(world: OnFlink) -> None:
    others = behaviour(600, step_s=5, actors=20)
    world.send(records_of(others))
    world.send(mine(30))
    world.start()
    world.wait_counted(630)
    assert rows_of(world) == 30
    assert world.online.holds(ME)
    keys = load_keys(world.settings.model_copy(update={"pepper": SecretStr(PEPPER)}))
    with registry_at(world.settings.registry_address) as registry:
        asked = request_erasure(
            registry, Person("demo", ME), keys.audit_name(ME), [keys.erased_digest(keys.root(ME))],
            due=utc_now().date(), by="subject", now=utc_now(),
        )  # fmt: skip
        world.send(mine(30, 1))  # a collector that had not heard yet
        wait_for(lambda: bool(erasure(registry, asked.number).receipt), 120, f"the receipt; {world.log_text[-2_000:]}")
        receipt = erasure(registry, asked.number).receipt
    told = jwt.decode(receipt, keys.site_key("demo"), algorithms=["HS256"], audience="demo")
    before = {one["store"]: one["before"] for one in told["stores"]}
    assert [one for one in told["stores"] if one["after"]] == []
    assert 30 <= before["events"] <= 60
    assert (rows_of(world), world.online.holds(ME)) == (0, 0)
    done_at = datetime.fromisoformat(told["done_at"])
    topics = {one["store"]: datetime.fromisoformat(one["by"]) for one in told["expires"]}
    kafka = world.settings.kafka
    assert set(topics) == {kafka.events_topic, kafka.dead_topic}
    kept = timedelta(days=kafka.retention_days)
    assert all(done_at + kept < by <= done_at + kept + timedelta(days=8) for by in topics.values())
    world.send(mine(30, 2))
    world.wait_counted(690)
    assert (rows_of(world), world.online.holds(ME)) == (0, 0)
    assert world.stored()[0] == 600
