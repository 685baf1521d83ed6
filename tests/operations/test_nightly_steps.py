"""The steps of a night: a real process is killed between two, and the next night goes on with the one after."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from civicrec.accounting.night_steps import NightSteps, StepDone
from civicrec.clients import redis_client
from civicrec.errors import Unavailable
from civicrec.items import Item
from civicrec.registry.catalogue import upsert_items
from civicrec.registry.runs import latest_run
from civicrec.registry.tables import open_registry
from civicrec.settings import Settings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from operations.night import Night
from operations.nightly import STEPS, Step, run_nightly
from profiles.online.redis_store import RedisOnlineStore
from tests.operations.nights import DAY, an_event, at, everything, fill_catalogue, many_events, store_events
from tests.running import RunningStack

pytestmark = pytest.mark.stack
NAMES = [step.name for step in STEPS]
#: A night as `civicrec nightly` runs it, killed as by the kernel once its first n steps are done.
KILLED = """
import os, signal, sys
from datetime import date
from civicrec.settings import load_settings
from operations.nightly import STEPS, Step, run_nightly
n = int(sys.argv[1])
kill = Step("kill", (), lambda night: os.kill(os.getpid(), signal.SIGKILL))
run_nightly(load_settings(None), date.fromisoformat(sys.argv[2]), steps=(*STEPS[:n], kill, *STEPS[n:]))
"""


def environment(stores: RunningStack, own: Settings) -> dict[str, str]:
    training = own.training
    return {
        **stores.env, **stores.stores_by_url, "CIVICREC_HOME": str(own.home),
        "CIVICREC_TRAINING__FACTORS": str(training.factors),
        "CIVICREC_TRAINING__NEIGHBOURS": str(training.neighbours),
        "CIVICREC_TRAINING__WINDOW_DAYS": str(training.window_days),
    }  # fmt: skip


def kill_after(n: int, stores: RunningStack, own: Settings, day: date = DAY) -> None:
    command = [sys.executable, "-c", KILLED, str(n), day.isoformat()]
    done = subprocess.run(command, env=environment(stores, own), capture_output=True, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr


def online(own: Settings) -> RedisOnlineStore:
    return RedisOnlineStore(redis_client(own.redis))


def made(settings: Settings, rows: Any) -> dict[str, Any]:
    """Return all a night makes but how long it took."""
    whole = everything(settings, rows)
    models = {name: digest for name, digest in whole["models"].items() if name.endswith(".npy")}
    return {**whole, "models": models, "run": whole["run"] and whole["run"][0]}


@pytest.fixture
def filled(settings: Settings) -> Settings:
    fill_catalogue(settings)
    store_events(settings, many_events())
    online(settings).set_complete(True)
    return settings


@pytest.mark.parametrize("n", range(1, len(STEPS) + 1))
def test_a_night_killed_between_two_steps_goes_on_with_the_next(
    n: int, stores: RunningStack, filled: Settings, rows: Any
) -> None:
    own = filled.model_copy(update={"home": filled.home / "killed"})
    fill_catalogue(own)
    kill_after(n, stores, own)
    assert made(own, rows)["run"] is None  # saved last
    command = [sys.executable, "-m", "civicrec", "nightly", "--day", DAY.isoformat()]
    done = subprocess.run(command, env=environment(stores, own), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    manifest = json.loads(done.stdout)
    resumed = made(own, rows)
    assert manifest["resumed"] == NAMES[:n]
    assert manifest["seconds"].keys() == {"read", *NAMES}
    assert latest_run(open_registry(own.registry_address)) == (manifest["run"], manifest)
    undisturbed = run_nightly(filled, DAY)
    assert undisturbed["resumed"] == []  # the night ended: from then on everything is done again
    assert made(filled, rows) == resumed
    assert {name: undisturbed[name] for name in ("run", "window", "retention", "tags")} == {
        name: manifest[name] for name in ("run", "window", "retention", "tags")
    }


def events_of_somebody_new(own: Settings, stores: RunningStack) -> None:
    store_events(own, [an_event(9_000, at(), actor="new", item_id="i2")])


def a_wiped_online_store(own: Settings, stores: RunningStack) -> None:
    online(own).clear()


def a_dropped_day(own: Settings, stores: RunningStack) -> None:
    ClickHouseWarehouse(own.warehouse).command(f"ALTER TABLE actor_tags DROP PARTITION {DAY:%Y%m%d}")


def lost_models(own: Settings, stores: RunningStack) -> None:
    for path in own.models_path.iterdir():
        (path / "factors.npy").write_bytes(b"")


def a_renamed_item(own: Settings, stores: RunningStack) -> None:
    upsert_items(open_registry(own.registry_address), [Item(item_id="i1", item_type="service", title="改名")])


def a_night_of_another_day(own: Settings, stores: RunningStack) -> None:
    kill_after(0, stores, own, DAY - timedelta(days=1))
    kill_after(1, stores, own, DAY - timedelta(days=1))


@pytest.mark.parametrize(("between", "again"), [
    (events_of_somebody_new, ["tags", "segments", "rankers", "models"]),
    (a_wiped_online_store, ["tags"]),
    (a_dropped_day, ["tags"]),
    (lost_models, ["models"]),
    (a_renamed_item, ["items", "tags", "segments", "rankers", "models"]),
    (a_night_of_another_day, ["retention", "items", "tags", "segments", "rankers", "models"]),
])  # fmt: skip
def test_what_was_made_of_something_else_or_is_gone_is_made_again(
    between: Callable[[Settings, RunningStack], None], again: list[str], stores: RunningStack, filled: Settings
) -> None:
    kill_after(len(STEPS), stores, filled)
    between(filled, stores)
    manifest = run_nightly(filled, DAY)
    assert [name for name in NAMES if name not in manifest["resumed"]] == again


def test_a_step_is_added_in_one_line(filled: Settings) -> None:
    seen = []
    steps = (*STEPS, Step("count", ("models",), lambda night: {"items": len(night.catalogue[1]), "n": len(seen)}))
    manifest = run_nightly(filled, DAY, steps=steps)
    assert manifest["count"] == {"items": 12, "n": 0}
    assert manifest["seconds"]["count"] >= 0
    saved = latest_run(open_registry(filled.registry_address))
    assert saved is not None
    assert saved[1]["count"] == manifest["count"]  # the run is saved after the last step, whatever it is
    seen.append(1)
    assert run_nightly(filled, DAY, "count", steps=steps)["count"]["n"] == 1


def test_a_step_may_need_only_what_is_read_or_made_before_it(filled: Settings) -> None:
    early = Step("early", ("models",), lambda night: {})
    with pytest.raises(ValueError, match="'early' needs 'models'; expected an input or an earlier step"):
        run_nightly(filled, DAY, steps=(early, *STEPS))


def test_a_step_that_fails_is_where_the_next_night_begins(filled: Settings) -> None:
    down = [True]

    def flaky(night: Night) -> dict[str, Any]:
        if down.pop():
            raise Unavailable("the store is down")
        return {}

    steps = (*STEPS[:3], Step("flaky", ("tags",), flaky), *STEPS[3:])
    with pytest.raises(Unavailable):
        run_nightly(filled, DAY, steps=steps)
    down.append(False)
    assert run_nightly(filled, DAY, steps=steps)["resumed"] == ["retention", "items", "tags"]


def test_a_journal_names_nobody(stores: RunningStack, filled: Settings) -> None:
    open_registry(filled.registry_address)
    kill_after(len(STEPS), stores, filled)
    journal = (filled.home / "nightly-steps.json").read_text()
    assert not any(f'"a{n}"' in journal for n in range(60))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"day": "2026-03-31", "done": {"tags": 1}}'])
def test_a_damaged_journal_counts_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "nightly-steps.json").write_bytes(content)
    journal = NightSteps(tmp_path, DAY)
    assert journal.done("tags", "x") is None
    journal.note("tags", StepDone("x", {"rows": 1}, 0.1))
    assert NightSteps(tmp_path, DAY).done("tags", "x") == StepDone("x", {"rows": 1}, 0.1)
    assert NightSteps(tmp_path, DAY).done("tags", "y") is None
    assert NightSteps(tmp_path, DAY - timedelta(days=1)).done("tags", "x") is None
