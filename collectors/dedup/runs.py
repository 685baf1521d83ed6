"""Event ids that left memory: sorted files, each written once, and a filter that mostly makes a look at them needless.

In: the ids of one generation and the range of log offsets they came with. Out: which of some ids were among them.
"""

from __future__ import annotations

import os
import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rbloom import Bloom

from civicrec.errors import Unavailable
from civicrec.logs import get_logger

_log = get_logger(__name__)

PackedIds = npt.NDArray[np.bytes_]
#: Bytes that compare as UUIDs do; numpy passes over trailing NULs, which changes no comparison of one length.
_ID = np.dtype("S16")
_SUFFIX = ".ids"
#: Ids read at once: two pages of the disk.
_BLOCK = 512

#: Two filters of 23 MB each: with 20 million ids a day 1 in 100 new ids is looked up on disk, with 50 million 1 in 5.
_FILTER_IDS = 20_000_000
_FILTER_FAULTS = 0.01
#: Ids of a run put into the filter at once, and the pause in which requests are answered.
_AT_ONCE = 500
_PAUSE_S = 0.0005


@dataclass(frozen=True, slots=True, eq=False)
class IdRun:
    """One file of sorted ids: first the first id of each block, then the ids.

    Attributes
    ----------
    first, last
        It holds the ids of the log's records with ``first < offset <= last``.
    newest_ms
        Arrival of the newest, epoch milliseconds.
    block_starts
        Shape (blocks,): the first id of each block.
    """

    path: Path
    first: int
    last: int
    newest_ms: int
    block_starts: PackedIds

    def ids(self) -> PackedIds:
        """Return all ids of the file, sorted."""
        return np.frombuffer(self.path.read_bytes(), _ID)[len(self.block_starts) :]


class Runs:
    """The runs in force. One thread adds and expires; `may_hold` and `find` may be asked by any.

    Parameters
    ----------
    keep_ms
        How long a run is in force after its newest id.

    Notes
    -----
    Files are read and not mapped: mapped pages would count as memory of the process, and ids without a time in their
    first bits (UUID version 4) touch all of them.
    """

    def __init__(self, keep_ms: int) -> None:
        self._keep_ms = keep_ms
        self._runs: tuple[IdRun, ...] = ()
        self._unfiltered: tuple[IdRun, ...] = ()
        self._newer = self._older = Bloom(_FILTER_IDS, _FILTER_FAULTS)
        self._since_ms: int | None = None

    def __len__(self) -> int:
        return len(self._runs)

    def add(self, runs: Sequence[IdRun], *, filtered: bool = True) -> None:
        """Look into these too; until they are `filtered` every id is looked for on disk."""
        self._runs = (*self._runs, *runs)
        if not filtered:
            self._unfiltered = (*self._unfiltered, *runs)

    def filter_run(self, run: IdRun) -> None:
        """Put a run into the filter: what a start leaves to another thread."""
        with suppress(FileNotFoundError):  # it has expired meanwhile
            packed = run.path.read_bytes()[16 * len(run.block_starts) :]
            for begin in range(0, len(packed), 16 * _AT_ONCE):
                self.filter([packed[n : n + 16] for n in range(begin, min(begin + 16 * _AT_ONCE, len(packed)), 16)])
                time.sleep(_PAUSE_S)
        self._unfiltered = tuple(each for each in self._unfiltered if each is not run)

    def filter(self, event_ids: Iterable[bytes]) -> None:
        """Put ids into the filter: each before its run is added."""
        self._newer.update(event_ids)

    def may_hold(self, event_ids: Sequence[bytes]) -> Sequence[bytes]:
        """Return the ids that have to be looked up on disk: those known, and a few more."""
        if not self._runs:
            return ()
        if self._unfiltered:
            return event_ids
        if self._older is self._newer:
            return [event_id for event_id in event_ids if event_id in self._newer]
        return [event_id for event_id in event_ids if event_id in self._newer or event_id in self._older]

    def find(self, event_ids: Iterable[bytes]) -> set[bytes]:
        """Return the ids that a run holds.

        Raises
        ------
        Unavailable
            If a file cannot be read.
        """
        wanted_ids = sorted(set(event_ids))
        held: set[bytes] = set()
        try:
            for run in self._runs:
                held.update(_find(run, wanted_ids))
        except OSError as error:
            raise Unavailable(f"the event ids of the last day cannot be read: {error}; check the disk") from error
        return held

    def expire(self, now_ms: int) -> None:
        """Remove the runs that are no longer in force, files and all."""
        if self._since_ms is None:
            self._since_ms = now_ms
        if now_ms - self._since_ms > self._keep_ms:
            # Whatever the older filter alone knows has been there for `keep_ms`.
            self._newer, self._older, self._since_ms = Bloom(_FILTER_IDS, _FILTER_FAULTS), self._newer, now_ms
        old = [run for run in self._runs if now_ms - run.newest_ms > self._keep_ms]
        if old:
            self._runs = tuple(run for run in self._runs if run not in old)
            for run in old:
                run.path.unlink(missing_ok=True)


def write_run(folder: Path, packed: bytes, first: int, last: int, newest_ms: int) -> IdRun:
    """Write the ids as a run that survives a crash once this has returned.

    Parameters
    ----------
    packed
        16 bytes an id, in any order, at least one.

    Raises
    ------
    OSError
        If the disk does not take it; nothing is left behind then.
    """
    ids = np.sort(np.frombuffer(packed, _ID))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{first:016d}-{last:016d}-{newest_ms}{_SUFFIX}"
    unfinished = path.with_suffix(".unfinished")
    try:
        with unfinished.open("wb") as file:
            file.write(ids[::_BLOCK].tobytes())
            file.write(ids.tobytes())
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        _sync_folder(folder)
    except OSError:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise
    return _open(path)


def open_runs(folder: Path, *, tidy: bool = True) -> list[IdRun]:
    """Return the runs of a folder, oldest first; their owner is `tidy`: what a crash left unfinished is removed."""
    for unfinished in folder.glob("*.unfinished") if tidy else ():
        unfinished.unlink()
    runs: list[IdRun] = []
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        try:
            runs.append(_open(path))
        except (OSError, ValueError) as error:  # the warehouse still counts an id once
            _log.error("run_of_ids_passed_over", file=str(path), error=str(error))
    return runs


def take_out(run: IdRun, event_ids: PackedIds) -> None:
    """Overwrite ids of a run, each by the one before it that stays, in place: its owner may look into it meanwhile.

    The file keeps its length and its order, and every other id is found as before.
    """
    ids = run.ids()
    stays = ~np.isin(ids, event_ids)
    if stays.all():
        return
    places = np.where(stays, np.arange(len(ids)), -1)
    places = np.maximum.accumulate(places)
    if stays.any():
        places[places < 0] = int(np.argmax(stays))  # before the first that stays
        ids = ids[places]
    else:
        ids = np.zeros(len(ids), _ID)
    with run.path.open("r+b") as file:
        file.write(ids[::_BLOCK].tobytes())
        file.write(ids.tobytes())
        file.flush()
        os.fsync(file.fileno())


def _open(path: Path) -> IdRun:
    first, last, newest_ms = (int(part) for part in path.stem.split("-"))
    n_bytes = path.stat().st_size
    if n_bytes % 16 or not n_bytes:
        raise ValueError(f"{path} has {n_bytes} bytes, expected 16 an id")
    n_blocks = -(-(n_bytes // 16) // (_BLOCK + 1))
    with path.open("rb") as file:
        block_starts = np.frombuffer(file.read(16 * n_blocks), _ID)
    return IdRun(path, first, last, newest_ms, block_starts)


def _find(run: IdRun, wanted_ids: Sequence[bytes]) -> list[bytes]:
    """Return which of the sorted ids the run holds; only the blocks they would be in are read."""
    wanted_ids = wanted_ids[bisect_left(wanted_ids, run.block_starts[0].ljust(16, b"\0")) :]
    if not wanted_ids:
        return []
    held: list[bytes] = []
    blocks = np.searchsorted(run.block_starts, np.array(wanted_ids, _ID), "right") - 1
    with suppress(FileNotFoundError), run.path.open("rb", buffering=0) as file:  # one that has expired holds nothing
        begin = 0
        while begin < len(wanted_ids):
            block = int(blocks[begin])
            end = bisect_right(blocks, block, begin)
            ids = np.frombuffer(
                os.pread(file.fileno(), 16 * _BLOCK, 16 * (len(run.block_starts) + block * _BLOCK)), _ID
            )
            wanted = np.array(wanted_ids[begin:end], _ID)
            at = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
            held += [wanted_ids[begin + n] for n in np.flatnonzero(ids[at] == wanted).tolist()]
            begin = end
    return held


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
