import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from civicrec.settings import Settings
from operations.stack.endpoints import is_ready
from operations.stack.supervisor import state_path
from operations.stack.valkey import valkey_config
from tests.running import environment, running_stack, settings_on_free_ports, wait_for

pytestmark = pytest.mark.stack
STORES = ("valkey", "warehouse")


def up(settings: Settings, **extra: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "civicrec", "up", "--only", "valkey", "--only", "warehouse"],
        env=environment(settings, extra), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def assert_one_line(done: subprocess.CompletedProcess[str], says: str) -> None:
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("civicrec: ")
    assert done.stderr.count("\n") == 1
    assert says in done.stderr


def family(pid: int) -> list[psutil.Process]:
    return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]


def assert_all_end(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=30)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


def test_a_port_in_use_is_one_line_and_exit_two(tmp_path: Path) -> None:
    settings = settings_on_free_ports(tmp_path)
    with socket.create_server(("127.0.0.1", settings.redis.port)):
        assert_one_line(up(settings), f"redis cannot listen on 127.0.0.1:{settings.redis.port}")
    assert not state_path(settings).exists()


def test_an_unwritable_home_is_one_line_and_exit_two(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    assert_one_line(up(settings_on_free_ports(tmp_path / "home")), "cannot write to home")
    assert_one_line(up(settings_on_free_ports(Path("/proc/civicrec"))), "cannot write to home /proc/civicrec")


def test_a_full_disk_is_one_line_and_exit_two(tmp_path: Path) -> None:
    done = up(settings_on_free_ports(tmp_path), CIVICREC_MIN_FREE_DISK_MB="999999")
    assert_one_line(done, "MB free, expected at least 999999 MB")


def test_a_second_up_on_the_home_is_one_line_and_exit_two(tmp_path: Path) -> None:
    with running_stack(tmp_path, only=("valkey",)) as stack:
        done = up(settings_on_free_ports(tmp_path))
        assert_one_line(done, f"in use as the stack by process {stack.process.pid}")
        assert is_ready("valkey", stack.settings)


def test_an_unknown_process_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "civicrec", "up", "--only", "kafka"],
        env=environment(settings_on_free_ports(tmp_path)), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert_one_line(done, "got --only kafka; expected one of valkey, warehouse")


@pytest.mark.parametrize("name", STORES)
def test_a_child_that_dies_is_restarted_and_said_so(tmp_path: Path, name: str) -> None:
    with running_stack(tmp_path, only=STORES) as stack:
        old = stack.kill(name)
        new = stack.wait_restarted(name, old)
        wait_for(lambda: is_ready(name, stack.settings), 30, name)
        assert psutil.pid_exists(new)
        log = stack.log
    assert log.count("child_died") == 1
    assert "SIGKILL" in log
    assert log.count("child_restarted") == 1


def test_what_valkey_kept_survives_kill_nine(tmp_path: Path) -> None:
    from civicrec.clients import redis_client

    with running_stack(tmp_path, only=("valkey",)) as stack:
        client = redis_client(stack.settings.redis)
        client.set("key", "值".encode())
        stack.wait_restarted("valkey", stack.kill("valkey"))
        wait_for(lambda: is_ready("valkey", stack.settings), 30, "valkey")
        client.close()
        assert client.get("key") == "值".encode()
        client.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_in_reverse_order_and_leaves_no_child(tmp_path: Path, number: signal.Signals) -> None:
    with running_stack(tmp_path, only=STORES) as stack:
        processes = family(stack.process.pid)
        # A terminal signals the whole group; each child must hear of it once, from the supervisor.
        assert len({os.getpgid(process.pid) for process in processes}) == 3
        os.killpg(stack.process.pid, number)
        assert stack.process.wait(30) == 0
        assert_all_end(processes)
        assert "Traceback" not in stack.log
        assert re.findall(r"child_stopped +child=(\w+)", stack.log) == ["warehouse", "valkey"]
        assert not state_path(stack.settings).exists()


def test_children_end_with_a_killed_supervisor_and_the_home_is_free_again(tmp_path: Path) -> None:
    with running_stack(tmp_path, only=STORES) as stack:
        processes = family(stack.process.pid)
        stack.process.kill()
        stack.process.wait()
        assert_all_end(processes)
    with running_stack(tmp_path, only=STORES, settings=stack.settings):
        pass


def test_status_answers_when_nothing_runs(tmp_path: Path) -> None:
    settings = settings_on_free_ports(tmp_path / "never")
    done = subprocess.run(
        [sys.executable, "-m", "civicrec", "status", "--json"],
        env=environment(settings), capture_output=True, text=True, check=False,
    )  # fmt: skip
    facts = json.loads(done.stdout)
    assert done.returncode == 1
    assert {name: facts[name] for name in ("accepted", "stored", "rejected", "pending", "balanced", "freshness_s")} == {
        "accepted": 0, "stored": 0, "rejected": {}, "pending": 0, "balanced": True, "freshness_s": None,
    }  # fmt: skip
    assert any("start one with `civicrec up`" in problem for problem in facts["problems"])
    assert not (tmp_path / "never").exists()


def test_status_says_how_fresh_and_who_runs(tmp_path: Path) -> None:
    from civicrec.warehouse.clickhouse import ClickHouseWarehouse

    with running_stack(tmp_path, only=STORES) as stack:
        warehouse = ClickHouseWarehouse(stack.settings.warehouse)
        empty = json.loads(stack.civicrec("status", "--json", check=False).stdout)
        warehouse.command("INSERT INTO events (received_at) SELECT now64(3, 'UTC') - INTERVAL 100 SECOND")
        facts = json.loads(stack.civicrec("status", "--json", check=False).stdout)
        warehouse.close()
    assert empty["freshness_s"] is None
    assert 100 <= facts["freshness_s"] < 130
    assert facts["answers"] == {"valkey": True, "warehouse": True, "collect": False, "serve": False}
    assert {name: one["alive"] for name, one in facts["processes"].items()} == {
        "up": True,
        "valkey": True,
        "warehouse": True,
    }
    assert 0 < facts["memory_mb"] < 1_000


def test_doctor_finds_what_is_needed(tmp_path: Path) -> None:
    settings = settings_on_free_ports(tmp_path / "home")
    command = [sys.executable, "-m", "civicrec", "doctor"]
    done = subprocess.run(command, env=environment(settings), capture_output=True, text=True, check=False)
    assert (done.returncode, "missing" in done.stdout) == (0, False)
    full = environment(settings, {"CIVICREC_MIN_FREE_DISK_MB": "999999"})
    assert subprocess.run(command, env=full, capture_output=True, text=True, check=False).returncode == 1


def test_valkey_listens_on_loopback_and_evicts_nothing() -> None:
    text = valkey_config(Settings().redis, Path("/tmp/x y"))
    for line in ("bind 127.0.0.1", "appendonly yes", "maxmemory-policy noeviction", 'dir "/tmp/x y"'):
        assert f"{line}\n" in text
    assert "requirepass" not in text
