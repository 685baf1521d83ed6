"""Whether each new part of the warehouse is on the disk as the engine means it, which drops what it cannot write.

In: the engine and its folder. Out: a damaged part of an insert is taken out of its table, and the insert refused. A
part that was merged is set aside with all that were merged from it since, and told: a start of the engine puts back
what they were merged from.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from civicrec.logs import get_logger
from operations.stack.engine import NOT_ENOUGH_SPACE, EngineError, Result, Statement, identifier, quoted
from operations.stack.part_files import blocks, is_whole, made_from

log = get_logger("gateway")

#: A folder whose time is younger may change again without getting another time.
_TICK_NS = 100_000_000

# Of one insert, and no mutation since. The engine may call its folder by another name.
_PART = """
SELECT database, table, rows AS n_rows, partition_id AS partition, level, min_block_number AS first,
       max_block_number AS last, first = last AND data_version = first AS is_of_one_insert
FROM system.parts WHERE rows > 0 AND endsWith(path, {path:String})
"""
_N_MERGED = """
SELECT count() AS n FROM system.parts
WHERE NOT active AND rows > 0 AND database = {database:String} AND table = {table:String} AND level < {level:UInt32}
  AND partition_id = {partition:String} AND min_block_number >= {first:Int64} AND max_block_number <= {last:Int64}
"""
# At a start. Those that are back may be merged again by now, to something larger.
_REPLACED = """
SELECT broken.table AS table, broken.name AS name, any(broken.path) AS path, sum(part.rows) AS n_rows
FROM system.detached_parts AS broken JOIN system.parts AS part
ON part.database = broken.database AND part.table = broken.table AND part.partition_id = broken.partition_id
WHERE broken.reason IN ('broken', 'broken-on-start') AND broken.level > 0 AND part.rows > 0
  AND part.min_block_number >= broken.min_block_number AND part.max_block_number <= broken.max_block_number
GROUP BY ALL
"""


class Parts:
    """Looks at the parts that came since it looked last; safe to use from any thread.

    Parameters
    ----------
    run
        Runs a statement on the engine.
    data
        The engine's folder.

    Attributes
    ----------
    damaged
        Folders of merged parts that are damaged; the engine is to be closed, and started again.
    """

    def __init__(self, run: Callable[[Statement], Result], data: Path) -> None:
        self._run = run
        self._data = data
        self._lock = threading.Lock()
        self._known: dict[Path, frozenset[str]] = {}
        self._times: dict[Path, int] = {}
        self._n_damaged = 0
        self.damaged: set[Path] = set()

    @contextmanager
    def stored(self) -> Iterator[None]:
        """Let the body write, and raise if anything that was written meanwhile, by whomever, is damaged.

        Raises
        ------
        EngineError
            The statement may be sent again: what was damaged is out of its table, and its token forgotten.
        """
        before = self._n_damaged
        yield
        self.look()
        if self._n_damaged > before:
            raise EngineError(
                NOT_ENOUGH_SPACE,
                f"Code: {NOT_ENOUGH_SPACE}. DB::Exception: the disk did not take what was written; free disk space, "
                "then send this again. (NOT_ENOUGH_SPACE)",
            )

    def look(self) -> None:
        """Look at the new parts, all of them the first time: merged ones, too, for what was merged from them."""
        with self._lock:
            for table in self._data.glob("store/*/*"):
                with suppress(FileNotFoundError):  # dropped
                    self._look_into(table)

    def set_aside(self) -> None:
        """Once the engine is closed: what it has merged from damaged parts meanwhile is none the better."""
        for folder in self.damaged:
            _set_aside(folder)

    def clear(self) -> None:
        """Remove damaged parts that were set aside, where the parts they were merged from are back."""
        for row in self._rows(_REPLACED):
            shutil.rmtree(row["path"], ignore_errors=True)
            log.warning("damaged_part_replaced", table=row["table"], part=row["name"], rows=row["n_rows"])

    def _look_into(self, table: Path) -> None:
        time_ns = table.stat().st_mtime_ns
        if self._times.get(table) == time_ns:
            return
        is_settled = time.time_ns() - time_ns > _TICK_NS  # noqa: TID251  # compared with a file's time
        names = frozenset(name for name in os.listdir(table) if blocks(name))
        for name in sorted(names - self._known.get(table, frozenset())):
            if not is_whole(table / name):
                self._see_to(table / name)
        self._known[table] = names
        if is_settled:
            self._times[table] = time_ns

    def _see_to(self, folder: Path) -> None:
        rows = self._rows(_PART, {"path": f"{'/'.join(folder.parts[-4:])}/"})
        if not rows or not folder.exists():  # an empty part that covers what was dropped, or set aside with another
            return
        part = rows[0]
        self._n_damaged += 1
        log.error(
            "part_damaged", table=part["table"], part=folder.name, rows=part["n_rows"],
            remedy="the disk did not take it: free disk space; what is acknowledged is not lost",
        )  # fmt: skip
        names = ("database", "table", "partition", "level", "first", "last")
        n_merged = self._rows(_N_MERGED, {name: str(part[name]) for name in names})[0]["n"]
        if part["is_of_one_insert"] and not n_merged and not made_from(folder):
            # Whoever wrote it has no answer yet, and gets none that says it is stored.
            place = f"{identifier(part['database'])}.{identifier(part['table'])}"
            self._rows(f"ALTER TABLE {place} DROP PART {quoted(folder.name)}")
            for gone in [folder, *made_from(folder)]:  # an empty one, which the disk did not take either
                shutil.rmtree(gone, ignore_errors=True)
        else:
            self.damaged.add(folder)
            _set_aside(folder)

    def _rows(self, sql: str, parameters: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        numbers = {"output_format_json_quote_64bit_integers": "0"}
        answer = self._run(Statement(sql, "JSONEachRow", parameters=parameters or {}, settings=numbers)).data
        return [json.loads(line) for line in answer.splitlines()]


def set_aside_unreadable(data: Path) -> None:
    """Set parts aside of which a file is empty that says what belongs to them, before the engine opens the folder.

    It would take what is left for all there was, and find it whole.
    """
    for name in ("checksums.txt", "columns.txt"):
        for file in data.glob(f"store/*/*/*_*_*_*/{name}"):
            with suppress(FileNotFoundError):  # set aside with another
                if file.stat().st_size == 0 and blocks(file.parent.name):
                    _set_aside(file.parent)


def _set_aside(damaged: Path) -> None:
    """Take a part and all merged from it out of their table; at its next start the engine finds the others."""
    for folder in filter(Path.exists, [damaged, *made_from(damaged)]):
        aside = folder.parent / "detached" / f"broken_{folder.name}"
        aside.parent.mkdir(exist_ok=True)
        if aside.exists():
            shutil.rmtree(aside)
        folder.rename(aside)
        log.warning("part_set_aside", part=folder.name, because_of=damaged.name)
