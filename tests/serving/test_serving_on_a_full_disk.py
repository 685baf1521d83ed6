"""Serving starts on a disk that is full, or that takes no write at all, and withdrawals act once there is space."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from civicrec.registry.catalogue import set_status, upsert_items
from civicrec.registry.connection import connect_as_it_stands
from civicrec.registry.runs import save_run
from civicrec.registry.tables import open_registry, registry_at
from civicrec.security.tokens import load_keys
from civicrec.settings import Settings
from profiles.online.memory import MemoryOnlineReader, MemoryOnlineStore
from recommender.artifacts import save_models
from serving import counters as counters_module
from serving.counters import metrics_of_all_processes
from serving.site import create_site
from tests.faults.disk import filled, small_disk
from tests.recommender.worlds import some_models
from tests.serving.conftest import NOW, Api, items


@contextmanager
def read_only(disk: Path) -> Iterator[None]:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)


@pytest.mark.parametrize("kind", ["full", "read-only"])
def test_lists_come_from_a_disk_that_takes_nothing(tmp_path: Path, kind: str) -> None:
    with small_disk(tmp_path / "home", 8) as home:
        settings = Settings(home=home, pepper=SecretStr(""))
        load_keys(settings)
        save_models(settings.models_path, some_models([f"i{n}" for n in range(30)], seed=1))
        with registry_at(settings.registry_address) as registry:
            upsert_items(registry, items())
            save_run(registry, "run-1", NOW.date(), {}, NOW)
        store = MemoryOnlineStore()
        with filled(home, 0) if kind == "full" else read_only(home):
            app = create_site(settings, store, MemoryOnlineReader(store), lambda: NOW)
            app.state.live.refresh()
            answer = asked(app, settings, store).get("/v1/recommendations", n=3, recent="i3")
            assert (answer.status_code, answer.json()["model"], len(answer.json()["items"])) == (200, "run-1", 3)
        with registry_at(settings.registry_address) as registry:
            set_status(registry, ["i1"], "withdrawn", who="editor", why="wrong", now=NOW)
        app.state.live.refresh()
        assert "i1" not in asked(app, settings, store).ids(n=100)
        app.state.live.stop()


def asked(app: object, settings: Settings, store: MemoryOnlineStore) -> Api:
    return Api(app, settings, None, store)  # type: ignore[arg-type]  # asks only


def test_changes_that_only_the_log_holds_are_never_passed_over(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/registry.sqlite"
    registry = open_registry(address)
    upsert_items(registry, items())
    assert (tmp_path / "registry.sqlite-wal").stat().st_size > 0
    assert connect_as_it_stands(address) is None
    registry.dispose()  # the last one to leave writes the log into the file
    engine = connect_as_it_stands(address)
    assert engine is not None
    engine.dispose()
    assert connect_as_it_stands("postgresql://keeper@127.0.0.1/registry") is None
    assert connect_as_it_stands(f"sqlite:///{tmp_path}/none.sqlite") is None


def test_each_process_counts_for_itself_where_there_is_no_space(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    for places, needed in (((str(tmp_path / "none"),), 1), ((str(tmp_path),), 1 << 60)):
        monkeypatch.setattr(counters_module, "_PLACES", places)
        monkeypatch.setattr(counters_module, "_NEEDED_BYTES", needed)
        with metrics_of_all_processes():
            assert "PROMETHEUS_MULTIPROC_DIR" not in counters_module.os.environ
    monkeypatch.setattr(counters_module, "_PLACES", (str(tmp_path / "none"), str(tmp_path)))
    monkeypatch.setattr(counters_module, "_NEEDED_BYTES", 1)
    with metrics_of_all_processes():
        assert counters_module.os.environ["PROMETHEUS_MULTIPROC_DIR"].startswith(str(tmp_path))
    assert "PROMETHEUS_MULTIPROC_DIR" not in counters_module.os.environ
