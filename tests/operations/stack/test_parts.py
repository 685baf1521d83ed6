"""Parts of which the disk took less than the engine wrote: no such insert is answered, no merge takes rows away."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from operations.stack.engine import Engine, EngineError, Statement
from operations.stack.part_files import is_whole
from operations.stack.parts import Parts, set_aside_unreadable
from tests.running import problems, running_stack, wait_for

pytestmark = pytest.mark.stack

N = 1_000


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parts") / "data"


@pytest.fixture(scope="module")
def engine(data: Path) -> Iterator[Engine]:
    opened = Engine(data, 2)
    yield opened
    opened.close()


@pytest.fixture
def parts(engine: Engine, data: Path) -> Parts:
    ask(engine, "DROP TABLE IF EXISTS full SYNC")
    ask(engine, "CREATE TABLE full (a UInt64, b String) ENGINE = ReplacingMergeTree ORDER BY a"
                " SETTINGS non_replicated_deduplication_window = 100")  # fmt: skip
    parts = Parts(engine.run, data)
    parts.look()
    return parts


def ask(engine: Engine, sql: str) -> str:
    return engine.run(Statement(sql, "TSV")).data.decode().strip()


def insert(engine: Engine, first: int) -> None:
    ask(engine, f"INSERT INTO full SETTINGS insert_deduplication_token = '{first}'"
                f" SELECT {first} + number, randomPrintableASCII(50) FROM numbers({N})")  # fmt: skip


def write(parts: Parts, *steps: Callable[[], object]) -> None:
    with parts.stored():
        for step in steps:
            step()


def cut(part: Path, left: int = 0) -> None:
    os.truncate(part / "data.bin", left)


def folder(engine: Engine) -> Path:
    """The part that came last."""
    return Path(ask(engine, "SELECT path FROM system.parts WHERE active AND table = 'full'"
                            " ORDER BY min_block_number DESC LIMIT 1"))  # fmt: skip


@pytest.mark.parametrize("left", [0, 4_096])
def test_an_insert_the_disk_did_not_take_is_refused_and_can_be_sent_again(
    engine: Engine, parts: Parts, left: int
) -> None:
    with parts.stored():
        insert(engine, 0)
    with pytest.raises(EngineError, match="NOT_ENOUGH_SPACE"):
        write(parts, lambda: insert(engine, N), lambda: cut(folder(engine), left))
    assert ask(engine, "SELECT count() FROM full") == str(N)
    assert parts.damaged == set()
    for _ in range(2):
        with parts.stored():
            insert(engine, N)
        assert ask(engine, "SELECT count(), uniqExact(a), uniqExact(b) FROM full") == f"{2 * N}\t{2 * N}\t{2 * N}"


def test_an_insert_under_way_while_another_is_damaged_is_sent_again_too_and_counts_once(
    engine: Engine, parts: Parts
) -> None:
    def another() -> None:
        with pytest.raises(EngineError, match="NOT_ENOUGH_SPACE"):
            write(parts, lambda: insert(engine, N), lambda: cut(folder(engine)))

    with pytest.raises(EngineError, match="NOT_ENOUGH_SPACE"):
        write(parts, lambda: insert(engine, 0), another)
    for first in (0, N):
        with parts.stored():
            insert(engine, first)
    assert ask(engine, "SELECT count() FROM full") == str(2 * N)


@pytest.mark.parametrize("sql", ["OPTIMIZE TABLE full FINAL", "ALTER TABLE full DELETE WHERE a % 1000 = 1"])
def test_a_merged_or_changed_part_is_told_and_set_aside(engine: Engine, parts: Parts, sql: str) -> None:
    for first in (0, N):
        insert(engine, first)
    with pytest.raises(EngineError, match="NOT_ENOUGH_SPACE"):
        write(parts, lambda: ask(engine, f"{sql} SETTINGS mutations_sync = 1"), lambda: cut(folder(engine)))
    (damaged,) = parts.damaged
    assert (damaged.parent / "detached" / f"broken_{damaged.name}").exists()
    parts.set_aside()
    assert (damaged.parent / "detached" / f"broken_{damaged.name}").exists()
    assert not damaged.exists()


def test_what_was_merged_from_a_damaged_part_is_no_better(engine: Engine, parts: Parts) -> None:
    for first in (0, N):
        insert(engine, first)
    ask(engine, "OPTIMIZE TABLE full FINAL")
    damaged = folder(engine)
    insert(engine, 2 * N)
    ask(engine, "OPTIMIZE TABLE full FINAL")
    later = folder(engine)
    cut(damaged)
    parts.look()
    assert damaged != later
    assert not damaged.exists()
    assert not later.exists()
    left = {part.name for part in damaged.parent.glob("all_*")}
    assert {"all_1_1_1", "all_2_2_1", "all_3_3_1"} <= left


def test_a_part_that_does_not_say_what_belongs_to_it_is_set_aside_before_a_start(engine: Engine, parts: Parts) -> None:
    insert(engine, 0)
    part = folder(engine)
    data = part.parents[3]
    set_aside_unreadable(data)
    assert part.exists()
    os.truncate(part / "checksums.txt", 0)
    set_aside_unreadable(data)
    assert not part.exists()
    assert (part.parent / "detached" / f"broken_{part.name}" / "data.bin").exists()


def test_what_a_part_lacks_is_seen_whichever_file_it_is(engine: Engine, parts: Parts) -> None:
    insert(engine, 0)
    part = folder(engine)
    assert is_whole(part)
    files = sorted(part.iterdir())
    assert len(files) > 8
    for file in files:
        content = file.read_bytes()
        file.write_bytes(b"")
        assert not is_whole(part), file.name
        file.write_bytes(content)
    assert is_whole(part)
    parts.look()
    assert ask(engine, "SELECT count() FROM full") == str(N)


def test_a_part_of_another_version_is_left_alone(engine: Engine, parts: Parts) -> None:
    with parts.stored():
        insert(engine, 0)
    checksums = folder(engine) / "checksums.txt"
    checksums.write_bytes(checksums.read_bytes().replace(b"version: 4", b"version: 5"))
    cut(folder(engine))
    assert is_whole(folder(engine))


@pytest.mark.parametrize("keep", [30, 60, -1])
def test_checksums_that_were_cut_off_are_no_whole_part(engine: Engine, parts: Parts, keep: int) -> None:
    insert(engine, 0)
    checksums = folder(engine) / "checksums.txt"
    assert is_whole(folder(engine))
    checksums.write_bytes(checksums.read_bytes()[:keep])
    assert not is_whole(folder(engine))


def test_a_damaged_merge_is_undone_by_a_new_start(tmp_path: Path) -> None:
    with (
        running_stack(tmp_path, only=("warehouse",)) as stack,
        closing(ClickHouseWarehouse(stack.settings.warehouse)) as warehouse,
    ):
        warehouse.command("CREATE TABLE full (a UInt64) ENGINE = MergeTree ORDER BY a")
        for first in (0, N, 2 * N):
            warehouse.insert("full", {"a": list(range(first, first + N))})
        warehouse.command("OPTIMIZE TABLE full FINAL")
        (part,) = parts_of(warehouse)
        cut(Path(part))
        stack.wait_restarted("warehouse", stack.kill("warehouse"))
        wait_for(warehouse.ping, 60, "the warehouse")
        assert warehouse.rows("SELECT count() AS n, sum(a) AS s FROM full") == [
            {"n": 3 * N, "s": 3 * N * (3 * N - 1) // 2}
        ]
        wait_for(lambda: "damaged_part_replaced" in stack.log, 30, "the end of the start")  # it answers before
        assert "detached" not in problems(stack)  # nothing is missing


def parts_of(warehouse: ClickHouseWarehouse) -> list[str]:
    return [row["path"] for row in warehouse.rows("SELECT path FROM system.parts WHERE active AND table = 'full'")]
