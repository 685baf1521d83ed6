"""Homes, passwords and rights of the embedded stack, on real processes."""

import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr
from redis import Redis
from redis.exceptions import AuthenticationError

from civicrec.clients import redis_client
from civicrec.security.secrets import ensure_secret, read_secret
from civicrec.settings import RedisSettings, Settings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from operations.stack.checks import check_home
from operations.stack.doctor import examine
from operations.stack.endpoints import is_ready
from tests.running import environment, running_stack, settings_on_free_ports
from tests.services.redis_server import running_redis

STORES = ("valkey", "warehouse")
ODD = "a home ' \" & % # @ \\ $x `y` <中文>"


@pytest.mark.stack
def test_a_home_may_be_called_anything_and_is_this_accounts_alone(tmp_path: Path) -> None:
    home = tmp_path / ODD
    settings = settings_on_free_ports(home)
    for n in (1, 2):  # the second start opens what the first one made
        with running_stack(home, only=STORES, settings=settings) as stack:
            with closing(redis_client(stack.settings.redis)) as client:
                assert client.incr("starts") == n
            with closing(ClickHouseWarehouse(stack.settings.warehouse)) as warehouse:
                warehouse.insert("events", {"event_id": [f"00000000-0000-4000-8000-00000000000{n}"]})
                assert warehouse.rows("SELECT count() AS n FROM events") == [{"n": n}]
    wide = [
        path for path in home.rglob("*")
        if not path.is_symlink() and stat.S_IMODE(path.stat().st_mode) & 0o077 and path.name != "stack.log"
    ]  # fmt: skip
    assert wide == []


@pytest.mark.stack
def test_the_embedded_online_store_knows_nobody_without_its_password(tmp_path: Path) -> None:
    settings = settings_on_free_ports(tmp_path)
    port = settings.redis.port
    settings = settings.model_copy(update={"redis": RedisSettings(port=port)})
    with running_stack(tmp_path, only=("valkey",), settings=settings) as stack:
        assert stack.settings.redis.password.get_secret_value() == read_secret(tmp_path / "valkey.key")
        for client in (Redis(port=port), Redis(port=port, password="wrong password of 2026")):
            for words in (
                ("KEYS", "*"),
                ("FLUSHALL",),
                ("CONFIG", "SET", "appendfsync", "no"),
                ("DEBUG", "SLEEP", "9"),
            ):
                with pytest.raises(AuthenticationError):
                    client.execute_command(*words)
            client.close()
        with closing(redis_client(stack.settings.redis)) as client:
            assert client.ping()
        stranger = stack.settings.model_copy(update={"redis": RedisSettings(port=port)})
        assert is_ready("valkey", stack.settings)
        assert is_ready("valkey", stranger)  # it is there; that it refuses us is said by whoever needs it


@pytest.mark.parametrize(
    "password", ["quotes \" and ' of 2026", "back\\slash\\n of 2026", "空格 与 密码", "# a; %s @", "a\tb\nc"]
)
def test_any_password_opens_the_online_store(password: str, tmp_path: Path) -> None:
    folder = tmp_path / ODD
    folder.mkdir()
    with running_redis("valkey", folder, SecretStr(password)) as settings, closing(redis_client(settings)) as client:
        assert client.ping()
        assert client.config_get("dir")["dir"] == str(folder)


@pytest.mark.parametrize("name", ["what?", "bell\x07", "line\nend", "half\udcff"])
def test_a_home_that_cannot_be_named_is_one_clear_line(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "civicrec", "status", "--home", str(tmp_path / name)], capture_output=True, check=False,
        env=environment(settings_on_free_ports(tmp_path)),
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith(b"civicrec: CIVICREC_HOME: ")
    assert done.stderr.count(b"\n") == 1


def test_a_home_is_made_for_this_account_and_an_open_one_is_told(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"
    check_home(home)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700

    def readiness() -> tuple[str, str]:
        (found,) = [one for one in examine(settings_on_free_ports(home)) if one.name == "home"]
        return found.state, found.detail

    assert readiness() == ("ok", str(home))
    home.chmod(0o755)
    state, detail = readiness()
    assert state == "absent"
    assert f"chmod -R go= {home}" in detail
    assert stat.S_IMODE(home.stat().st_mode) == 0o755  # whose folder it is, is the operator's to say


def test_a_bad_secret_of_a_store_stops_every_command_in_one_line(tmp_path: Path) -> None:
    ensure_secret(tmp_path / "warehouse.key")
    (tmp_path / "warehouse.key").write_text("")
    done = subprocess.run(
        [sys.executable, "-m", "civicrec", "status"], env=environment(settings_on_free_ports(tmp_path)),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "warehouse.key" in done.stderr


def test_tls_for_the_embedded_stores_is_refused_in_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "civicrec", "up"],
        env=environment(settings_on_free_ports(tmp_path), {"CIVICREC_REDIS__TLS": "true"}),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "CIVICREC_REDIS__TLS is for a server of your own" in done.stderr


def test_a_store_of_ones_own_needs_no_password(tmp_path: Path) -> None:
    with running_redis("redis", tmp_path) as settings:
        assert is_ready("valkey", Settings(home=tmp_path, redis=settings))
