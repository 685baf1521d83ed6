"""Two homes on the same ports: what is said to the one never reaches the processes and stores of the other."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from redis.exceptions import ConnectionError as NotReached

import civicrec
from civicrec.accounting.books import read_books
from civicrec.clients import redis_client
from civicrec.clock import utc_now
from civicrec.errors import CivicrecError, Unavailable
from civicrec.home import STACK, STACK_LOCK, home_id
from civicrec.process.locks import is_owned, owned
from civicrec.settings import Settings, load_settings
from civicrec.settings.load import of_its_home
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from operations.stack.doctor import examine
from operations.stack.endpoints import is_ready, peers
from operations.stack.state import look
from profiles.online.redis_reader import RedisOnlineReader
from serving.feedback import Recorder
from tests.builders import raw_event
from tests.running import RunningStack, running_stack, wait_for
from tests.services.redis_server import SERVERS, running_redis

NAMES = ("valkey", "warehouse", "collect", "serve")
GROUPS = ("REDIS", "WAREHOUSE", "COLLECTOR", "SERVING")


@pytest.fixture(scope="module")
def a(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Home A, whose stack runs."""
    with running_stack(tmp_path_factory.mktemp("a")) as stack:
        yield stack


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose stack ran once, with passwords of its own."""
    home = tmp_path_factory.mktemp("b")
    with running_stack(home, only=("valkey", "warehouse"), env={"CIVICREC_REDIS__PASSWORD": ""}):
        pass
    return home


@pytest.fixture(params=["never", "stopped", "copied", "same passwords"])
def b(
    request: pytest.FixtureRequest, a: RunningStack, stopped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Another home on the ports that the stack of A has taken, as a command reads its settings."""
    for group, peer in zip(GROUPS, (peers(a.settings)[name] for name in NAMES), strict=True):
        monkeypatch.setenv(f"CIVICREC_{group}__PORT", str(peer.port))
    home = stopped if request.param == "stopped" else tmp_path / "b"
    if request.param == "copied":  # as a backup is, with its secrets
        home.mkdir()
        for key in a.settings.home.glob("*.key"):
            shutil.copy(key, home)
    if request.param in ("copied", "same passwords"):
        for group, opened in (("REDIS", a.settings.redis), ("WAREHOUSE", a.settings.warehouse)):
            monkeypatch.setenv(f"CIVICREC_{group}__PASSWORD", opened.password.get_secret_value())
    return load_settings(home)


def command(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "civicrec", *arguments, "--home", str(settings.home)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_status_and_doctor_say_that_nothing_of_it_is_there(a: RunningStack, b: Settings) -> None:
    found = look(b, utc_now())
    assert found.answers == dict.fromkeys(NAMES, False)
    assert found.processes == {}
    assert found.freshness_s is None
    said = " ".join(found.problems)
    for name, peer in peers(b).items():
        assert f"{name} at 127.0.0.1:{peer.port} " in said
    assert said.count("is of another home") + said.count("it is of another home") >= len(NAMES)
    assert "civicrec up" in said
    findings = {one.name: one for one in examine(b)}
    assert [findings[name].state for name in NAMES] == ["absent"] * len(NAMES)
    assert all("of another home" in findings[name].detail for name in NAMES)
    assert look(of_its_home(a.settings), utc_now()).answers == dict.fromkeys(NAMES, True)


def test_no_store_of_another_is_read_or_written(b: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(ClickHouseWarehouse(b.warehouse)) as warehouse, pytest.raises(Unavailable, match="of another home"):
        warehouse.rows("SELECT 1")
    for home in (b.home, str(b.home)):  # an analyst is told of the home first, if it is none
        with pytest.raises(CivicrecError, match="of another home|there is no home|it is no home"):
            civicrec.connect(home)
    with closing(redis_client(b.redis)) as client, pytest.raises(NotReached, match="of another home"):
        client.set("key", "of b")

    async def read() -> None:
        reader = RedisOnlineReader(b.redis)
        try:
            await reader.actor("v-1")
        finally:
            await reader.close()

    with pytest.raises(CivicrecError, match="of another home|NOAUTH|WRONGPASS|authenticated"):
        asyncio.run(read())


@pytest.mark.parametrize("b", ["same passwords"], indirect=True)  # the others are refused for less
def test_no_command_sends_to_another(a: RunningStack, b: Settings, tmp_path: Path) -> None:
    before = read_books(a.settings).received
    events = tmp_path / "events.jsonl"
    events.write_text(json.dumps(raw_event(at=utc_now())))
    for arguments in (("events", "replay", str(events)), ("nightly",)):
        done = command(b, *arguments)
        assert done.returncode == 1, done
        assert "of another home" in done.stderr
        assert done.stderr.count("\n") == 1
    event = {"kind": "dislike", "site": "demo", "anonymous_id": "v", "item_id": "x", "consent": "personalise"}
    with closing(Recorder(b)) as recorder:
        assert not recorder.record(event, "", utc_now())
    with closing(Recorder(load_settings(a.settings.home))) as recorder:
        assert recorder.record(event, "", utc_now())
    assert read_books(a.settings).received == before + 1


def test_who_names_no_home_is_answered_and_who_names_this_one_too(a: RunningStack) -> None:
    urls = (f"{a.collector_url}/readyz", f"{a.serving_url}/readyz", f"{a.warehouse_url}/ping")
    for url in urls:
        for said, status in (
            ({}, 200),
            ({"Civicrec-Home": home_id(a.settings.home)}, 200),
            ({"Civicrec-Home": "x"}, 421),
        ):
            assert httpx.get(url, headers=said).status_code == status, (url, said)
    refused = httpx.post(f"{a.collector_url}/v1/events", json={"events": []}, headers={"civicrec-home": "none"})
    assert refused.json()["status"] == 421


def test_a_process_that_is_named_by_url_is_asked_whoever_it_is(
    a: RunningStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for group, peer in zip(GROUPS, (peers(a.settings)[name] for name in NAMES), strict=True):
        scheme = "redis" if group == "REDIS" else "http"
        monkeypatch.setenv(f"CIVICREC_{group}__URL", f"{scheme}://127.0.0.1:{peer.port}")
    for group, opened in (("REDIS", a.settings.redis), ("WAREHOUSE", a.settings.warehouse)):
        monkeypatch.setenv(f"CIVICREC_{group}__PASSWORD", opened.password.get_secret_value())
    attached = load_settings(tmp_path / "elsewhere")
    assert look(attached, utc_now()).answers == dict.fromkeys(NAMES, True)
    with closing(ClickHouseWarehouse(attached.warehouse)) as warehouse:
        assert warehouse.ping()
    with closing(redis_client(attached.redis)) as client:
        assert client.ping()


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("may_look", [True, False])
def test_a_store_of_ones_own_is_of_no_home(
    server: str, may_look: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_redis(server, tmp_path) as own:
        with closing(redis_client(own)) as client:
            if not may_look:
                client.execute_command("ACL", "SETUSER", "default", "-config")
        monkeypatch.setenv("CIVICREC_REDIS__PORT", str(own.port))
        settings = load_settings(tmp_path / "home")
        assert is_ready("valkey", settings)
        with closing(redis_client(settings.redis)) as client:
            assert client.ping()

        async def read() -> None:
            reader = RedisOnlineReader(settings.redis)
            await reader.actor("v-1")
            await reader.close()

        asyncio.run(read())


def test_a_home_is_its_folder_however_it_is_called(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert home_id(home) == "none"
    home.mkdir()
    first = home_id(home)
    (tmp_path / "link").symlink_to(home)
    assert home_id(tmp_path / "link") == first
    home.rename(tmp_path / "moved")
    assert home_id(tmp_path / "moved") == first
    home.mkdir()
    assert home_id(home) != first


def test_numbers_that_others_have_now_are_no_processes_of_ours(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    mine = {"pid": os.getpid(), "restarts": 0}
    STACK.of(tmp_path).write_text(json.dumps({"supervisor": os.getpid(), "processes": {"serve": mine}}))
    assert look(settings, utc_now()).processes == {}  # the supervisor was killed, and its number given away
    with owned(STACK_LOCK.of(tmp_path), "the stack"):
        assert set(look(settings, utc_now()).processes) == {"up", "serve"}


def test_to_look_at_a_lock_keeps_nobody_from_it(tmp_path: Path) -> None:
    lock = tmp_path / "stack.lock"
    assert not is_owned(lock)
    code = f"""
from pathlib import Path
from civicrec.process.locks import is_owned
while True: is_owned(Path({str(lock)!r}))
"""
    with owned(lock, "it"):
        pass
    watcher = subprocess.Popen([sys.executable, "-c", code])
    try:
        wait_for(lambda: watcher.poll() is None, 10, "the watcher")
        for _ in range(300):
            with owned(lock, "it"):
                assert is_owned(lock)
    finally:
        watcher.kill()
        watcher.wait()
