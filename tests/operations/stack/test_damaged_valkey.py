"""A Valkey whose files were damaged begins empty, and what it had is kept aside."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from civicrec.clients import redis_client
from civicrec.settings import RedisSettings, Settings
from operations.stack.children import Child, ChildSpec
from operations.stack.endpoints import is_ready
from operations.stack.valkey import KEPT_ASIDE, set_aside, set_aside_if_damaged, valkey_binary, valkey_config
from tests.running import free_ports, wait_for


def a_valkey(folder: Path) -> tuple[Child, RedisSettings]:
    settings = RedisSettings(port=free_ports(1)[0])
    ready = partial(is_ready, "valkey", Settings(home=folder.parent, redis=settings))
    mend = partial(set_aside_if_damaged, folder)
    command = (str(valkey_binary()), "-")
    text = valkey_config(settings, folder)
    return Child(ChildSpec("valkey", command, ready, text, keeps_own_log=False, mend=mend)), settings


def written(folder: Path) -> Path:
    """Let a Valkey write some; return the folder of its files."""
    folder.mkdir()
    child, settings = a_valkey(folder)
    child.start()
    wait_for(child.spec.ready, 30, "valkey")
    with redis_client(settings) as client:
        client.mset({f"before{n}": n for n in range(100)})
        client.bgrewriteaof()
        wait_for(lambda: not client.info("persistence")["aof_rewrite_in_progress"], 30, "the rewriting")
        wait_for(lambda: list(folder.glob("*/*.2.base.rdb")), 30, "the new file")
        client.mset({f"after{n}": n for n in range(100)})
    child.stop()
    return folder / "appendonlydir"


def overwritten(pattern: str, files: Path) -> None:
    (path,) = files.glob(pattern)
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(content[:middle] + bytes(range(256)) + content[middle + 256 :])


def removed(pattern: str, files: Path) -> None:
    (path,) = files.glob(pattern)
    path.unlink()


@pytest.mark.parametrize(
    "damage",
    [partial(overwritten, "*.incr.aof"), partial(overwritten, "*.base.rdb"), partial(overwritten, "*.manifest"),
     partial(removed, "*.incr.aof")],
    ids=["log", "base", "manifest", "no log"],
)  # fmt: skip
def test_a_damaged_valkey_begins_empty_and_its_files_are_kept(damage: Callable[[Path], None], tmp_path: Path) -> None:
    folder = tmp_path / "valkey"
    damage(written(folder))
    child, settings = a_valkey(folder)
    child.start()
    wait_for(child.keep_alive, 30, "the death")
    (aside,) = set_aside(folder)
    assert list(aside.glob("appendonlydir/*"))
    wait_for(child.keep_alive, 30, "the restart")
    wait_for(child.spec.ready, 30, "valkey")
    with redis_client(settings) as client:
        assert client.dbsize() == 0
    child.stop()


def test_what_valkey_kept_is_not_moved_when_something_else_ended_it(tmp_path: Path) -> None:
    folder = tmp_path / "valkey"
    files = written(folder)
    child, settings = a_valkey(folder)
    child.start()
    wait_for(child.spec.ready, 30, "valkey")
    child.kill()
    wait_for(child.keep_alive, 30, "the death")
    wait_for(child.keep_alive, 30, "the restart")
    wait_for(child.spec.ready, 30, "valkey")
    other, _ = a_valkey(folder)
    other.spec = ChildSpec("valkey", child.spec.command, child.spec.ready, child.spec.text, False, mend=other.spec.mend)
    other.start()  # the port is in use
    wait_for(other.keep_alive, 30, "the death")
    child.stop()
    assert set_aside(folder) == []
    assert list(files.iterdir())


@pytest.mark.parametrize("reason", ["No space left on device", "Permission denied", "Read-only file system"])
def test_a_disk_that_refuses_is_no_damage(reason: str, tmp_path: Path) -> None:
    words = [f"1:M 28 Nov 2026 09:54:28.223 # Can't open or create append-only dir appendonlydir: {reason}"]
    folder = tmp_path / "valkey"
    folder.mkdir()
    assert set_aside_if_damaged(folder, 1, words) == ""
    assert folder.exists()


def test_only_the_newest_damaged_folders_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "valkey"
    for day in range(10, 10 + KEPT_ASIDE + 2):
        (tmp_path / f"valkey-damaged-202601{day}T000000Z").mkdir()
    folder.mkdir()
    (folder / "file").touch()
    said = set_aside_if_damaged(
        folder, 1, ["1:M 28 Nov 2026 09:54:28.223 # Bad file format reading the append only file"]
    )
    kept = set_aside(folder)
    assert len(kept) == KEPT_ASIDE
    assert str(kept[-1]) in said
    assert (kept[-1] / "file").exists()
    assert list(folder.iterdir()) == []
