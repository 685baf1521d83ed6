"""How the job starts, stops and goes on: from its newest checkpoint, never from nothing if there was something."""

import shutil
from collections.abc import Iterator

import pytest

from tests.running import wait_for
from tests.services.on_flink import OnFlink, on_flink, records_of
from tests.streaming.test_embedded import behaviour

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnFlink]:
    with on_flink(tmp_path_factory.mktemp("flink-resume")) as one:
        yield one


def test_a_stopped_job_goes_on_from_its_savepoint_and_a_lost_one_is_not_begun_from_nothing(world: OnFlink) -> None:
    records = records_of(behaviour(300))
    n_events = [record.n_events for record in records]
    world.send(records[:40])
    world.start()
    world.wait_counted(sum(n_events[:40]))
    wait_for(lambda: world.settings.flink_path.exists(), 30, "the note of the first checkpoint")
    facts = world.status()
    assert facts["balanced"] is True
    assert (facts["accepted"], facts["stored"], facts["pending"]) == (sum(n_events[:40]), sum(n_events[:40]), 0)
    flink = facts["flink"]
    assert flink["restarts"] == 0  # type: ignore[index]
    assert 0 <= flink["checkpoint_age_s"] < 60  # type: ignore[index]
    assert flink["lag"] == {"0": 0, "1": 0, "2": 0}  # type: ignore[index]

    # Leaving does not stop it; a second start attaches.
    world.leave()
    world.send(records[40:50])
    world.wait_counted(sum(n_events[:50]))
    world.start()
    world.leave()

    stopped = world.civicrec("stream", "--runner", "flink", "--stop")
    assert stopped.returncode == 0, stopped.stderr
    assert "savepoint-" in stopped.stdout
    world.send(records[50:])
    facts = world.status()
    assert facts["balanced"] is True
    assert facts["pending"] == sum(n_events[50:])
    assert sum(flink["lag"].values()) == 0 < sum(facts["flink"]["lag"].values())  # type: ignore[index, attr-defined]
    assert any("no job" in problem for problem in facts["problems"])  # type: ignore[attr-defined]
    again = world.civicrec("stream", "--runner", "flink", "--stop")
    assert again.returncode == 1
    assert "nothing was stopped" in again.stderr

    world.start()
    assert f"checkpoint={stopped.stdout.strip().removeprefix('file:')}" in world.log_text
    world.wait_counted(300)
    assert world.stored() == (300, 300)
    world.leave()
    assert world.civicrec("stream", "--runner", "flink", "--stop").returncode == 0

    kept = world.cluster.checkpoints.with_name("elsewhere")
    world.cluster.checkpoints.rename(kept)
    world.cluster.checkpoints.mkdir()
    refused = world.civicrec("stream", "--runner", "flink")
    assert refused.returncode == 2
    assert "--from-start" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1

    # From the start everything is read again, and nothing counts again.
    world.start("--from-start")
    extra = records_of(behaviour(30, seed=2))
    world.send(extra)
    world.wait_counted(330)
    assert world.stored() == (330, 330)
    shutil.rmtree(kept)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("workers", "the pool of Python workers does not listen"),
        ("expansion", "Beam's expansion service does not listen"),
        ("jobserver", "Beam's job server does not listen"),
        ("jobmanager", "the JobManager at"),
    ],
)
def test_a_peer_that_is_away_is_named_in_one_line(world: OnFlink, name: str, says: str) -> None:
    world.leave()
    world.civicrec("stream", "--runner", "flink", "--stop")
    world.cluster.kill(name)
    refused = world.civicrec("stream", "--runner", "flink")
    assert refused.returncode == 1
    assert says in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    world.cluster.start(name)
