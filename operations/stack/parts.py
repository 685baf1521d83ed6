"""Whether each new part of the warehouse is on the disk as the engine means it, which drops what it cannot write.

In: the engine. Out: a damaged part of an insert is taken out of its table, and the insert refused. A part that was
merged is set aside with all that were merged from it since, and told: a start of the engine puts back what they were
merged from.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from civicrec.clock import monotonic_s
from civicrec.logs import get_logger
from operations.stack.engine import EngineError, Result, Statement, identifier, quoted

log = get_logger("gateway")

NOT_ENOUGH_SPACE = 243
#: Files of a part that its `bytes_on_disk` leaves out; none of them is ever empty.
_LEFT_OUT = frozenset(
    ("checksums.txt", "columns.txt", "columns_substreams.txt", "default_compression_codec.txt", "metadata_version.txt")
)
#: Parts are looked at for so long, seconds, and longer if the last look is longer ago: their times are whole seconds.
_NEW_S = 5
_ALWAYS_S = 1 << 31

# Merged ones, too: what was merged from a damaged part looks whole, and its rows are not those that were stored.
# Of one insert: and no mutation since.
_NEW = """
SELECT database, table, name, path, rows AS n_rows, bytes_on_disk AS n_bytes,
       min_block_number = max_block_number AND data_version = min_block_number AS is_of_one_insert
FROM system.parts WHERE rows > 0 AND modification_time >= now() - toIntervalSecond({seconds:UInt32})
"""
_MADE_FROM = """
SELECT count() AS n FROM system.parts AS other, (SELECT * FROM system.parts WHERE path = {path:String}) AS part
WHERE NOT other.active AND other.database = part.database AND other.table = part.table
  AND other.partition_id = part.partition_id AND other.rows > 0 AND other.level < part.level
  AND other.min_block_number >= part.min_block_number AND other.max_block_number <= part.max_block_number
"""
# At a start, before much is merged again.
_REPLACED = """
SELECT broken.table AS table, broken.name AS name, any(broken.path) AS path, sum(part.rows) AS n_rows
FROM system.detached_parts AS broken JOIN system.parts AS part
ON part.database = broken.database AND part.table = broken.table AND part.partition_id = broken.partition_id
WHERE broken.reason IN ('broken', 'broken-on-start') AND broken.level > 0 AND part.active AND part.rows > 0
  AND part.min_block_number >= broken.min_block_number AND part.max_block_number <= broken.max_block_number
GROUP BY ALL
"""


@dataclass(frozen=True, slots=True)
class _Part:
    """A part as the engine has it in memory."""

    database: str
    table: str
    name: str
    path: str
    n_rows: int
    n_bytes: int
    is_of_one_insert: int

    @property
    def place(self) -> str:
        return f"{identifier(self.database)}.{identifier(self.table)}"


class Parts:
    """Looks at the parts that came since it looked last; safe to use from any thread.

    Parameters
    ----------
    run
        Runs a statement on the engine.

    Attributes
    ----------
    damaged
        Folders of merged parts that are damaged; the engine is to be closed, and started again.
    """

    def __init__(self, run: Callable[[Statement], Result]) -> None:
        self._run = run
        self._lock = threading.Lock()
        self._known: set[str] = set()
        self._looked_s: float | None = None
        self._n_damaged = 0
        self._sizes_hold = False
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
        """Look at the new parts, all of them the first time."""
        with self._lock:
            now_s = monotonic_s()
            seconds = _ALWAYS_S if self._looked_s is None else round(now_s - self._looked_s) + _NEW_S
            parts = [_Part(**json.loads(line)) for line in self._ask(_NEW, {"seconds": str(seconds)}).splitlines()]
            whole = {part.path for part in parts if part.path in self._known or _has_all_bytes(part)}
            self._sizes_hold = self._sizes_hold or bool(whole)
            for part in parts:
                if part.path not in whole and not self._says_whole(part):
                    self._see_to(part)
            self._known = {part.path for part in parts}
            self._looked_s = now_s

    def set_aside(self) -> None:
        """Once the engine is closed: what it has merged from damaged parts meanwhile is none the better."""
        for folder in self.damaged:
            _set_aside(folder)

    def clear(self) -> None:
        """Remove damaged parts that were set aside, where the parts they were merged from are back."""
        for row in map(json.loads, self._ask(_REPLACED).splitlines()):
            shutil.rmtree(row["path"], ignore_errors=True)
            log.warning("damaged_part_replaced", table=row["table"], part=row["name"], rows=row["n_rows"])

    def _see_to(self, part: _Part) -> None:
        folder = Path(part.path)
        if not folder.exists():  # set aside with another
            return
        self._n_damaged += 1
        log.error(
            "part_damaged", table=part.table, part=part.name, rows=part.n_rows,
            remedy="the disk did not take it: free disk space; what is acknowledged is not lost",
        )  # fmt: skip
        if part.is_of_one_insert and not self._is_made_from_others(part) and not _covering(folder):
            # Whoever wrote it has no answer yet, and gets none that says it is stored.
            self._ask(f"ALTER TABLE {part.place} DROP PART {quoted(part.name)}")
            for gone in [folder, *_covering(folder)]:  # an empty one, which the disk did not take either
                shutil.rmtree(gone, ignore_errors=True)
        else:
            self.damaged.add(folder)
            _set_aside(folder)

    def _says_whole(self, part: _Part) -> bool:
        """Ask the engine, who reads all of the part: another version may keep its files in another way."""
        try:
            said = self._ask(
                f"CHECK TABLE {part.place} PART {quoted(part.name)} SETTINGS check_query_single_value_result = 0"
            )
        except EngineError:
            said = b""
        if not said:  # merged since: then its sizes are believed, if those of any other part were right
            return not self._sizes_hold
        return all(json.loads(line)["is_passed"] for line in said.splitlines())

    def _is_made_from_others(self, part: _Part) -> bool:
        return bool(json.loads(self._ask(_MADE_FROM, {"path": part.path}))["n"])

    def _ask(self, sql: str, parameters: Mapping[str, str] | None = None) -> bytes:
        numbers = {"output_format_json_quote_64bit_integers": "0"}
        return self._run(Statement(sql, "JSONEachRow", parameters=parameters or {}, settings=numbers)).data


def _has_all_bytes(part: _Part) -> bool:
    try:
        return has_all_bytes(Path(part.path), part.n_bytes)
    except FileNotFoundError:  # dropped or set aside meanwhile
        return True


def has_all_bytes(folder: Path, n_bytes: int) -> bool:
    """Tell whether a part's files hold what the engine wrote into them, and those it does not count hold anything.

    Raises
    ------
    FileNotFoundError
        If the part is gone.
    """
    found = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():  # a projection
                found += sum(file.stat().st_size for file in Path(entry).iterdir() if file.name not in _LEFT_OUT)
            elif entry.name not in _LEFT_OUT:
                found += entry.stat().st_size
            elif entry.stat().st_size == 0:
                return False
    return found >= n_bytes


def set_aside_unreadable(data: Path) -> None:
    """Set parts aside of which a file is empty that says what belongs to them, before the engine opens the folder.

    It would take what is left for all there was, and find it whole.
    """
    for name in ("checksums.txt", "columns.txt"):
        for file in data.glob(f"store/*/*/*_*_*_*/{name}"):
            with suppress(FileNotFoundError):  # set aside with another
                if file.stat().st_size == 0 and _blocks(file.parent.name):
                    _set_aside(file.parent)


def _set_aside(damaged: Path) -> None:
    """Take a part and all merged from it out of their table; at its next start the engine finds the others."""
    for folder in filter(Path.exists, [damaged, *_covering(damaged)]):
        aside = folder.parent / "detached" / f"broken_{folder.name}"
        aside.parent.mkdir(exist_ok=True)
        if aside.exists():
            shutil.rmtree(aside)
        folder.rename(aside)
        log.warning("part_set_aside", part=folder.name, because_of=damaged.name)


def _covering(folder: Path) -> list[Path]:
    """Return the parts beside this one that were merged or changed from it."""
    part = _blocks(folder.name)
    if part is None:
        return []
    return [
        other
        for other in folder.parent.iterdir()
        if (of := _blocks(other.name))
        and of[0] == part[0]
        and of[1] <= part[1]
        and part[2] <= of[2]
        and part[3:] < of[3:]
    ]


def _blocks(name: str) -> tuple[str, int, int, int, int] | None:
    """Read a part's name: partition, first and last block, level, mutation; nothing if it is none."""
    partition, *numbers = name.split("_")
    if partition in ("tmp", "delete") or len(numbers) not in (3, 4) or not all(number.isdigit() for number in numbers):
        return None
    first, last, level, *mutation = map(int, numbers)
    return partition, first, last, level, mutation[0] if mutation else 0
