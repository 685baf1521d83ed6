"""Event ids that left memory: sorted files, each written once, looked up by binary search.

In: the ids of one generation and the range of log offsets they came with. Out: which of some ids were among them.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from civicrec.logs import get_logger

_log = get_logger(__name__)

Ids = npt.NDArray[np.bytes_]
#: Bytes that compare as UUIDs do; numpy drops trailing NULs, which changes no comparison of one length.
_ID = np.dtype("S16")
_SUFFIX = ".ids"

#: Spans of a run's version 7 ids are 2**14 ms, about 16 s.
_SPAN_BITS = 14
#: Stands among a run's spans for its ids of other versions, whose first bits are no time.
_NO_TIME = 1 << 62
#: A run with more spans (36 h of them) is asked for every id: its senders' clocks say nothing.
_MAX_SPANS = 8_192
#: Spans of all runs that are kept in memory, about 20 MB; a day is 5 274.
_MAX_ALL_SPANS = 100_000


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One file of sorted ids.

    Attributes
    ----------
    first, last
        It holds the ids of the log's records with ``first < offset <= last``.
    newest_ms
        Arrival of the newest, epoch milliseconds.
    spans
        Spans of time in which its version 7 ids were made, and `_NO_TIME`; empty if there are too many to tell.
    ids
        Shape (n,), mapped from the file: the kernel may drop its pages at any time.
    """

    path: Path
    first: int
    last: int
    newest_ms: int
    spans: frozenset[int]
    ids: Ids


class Runs:
    """The runs in force, and which of them may hold an id.

    An id is rarely looked for on disk: a new one of version 7 was made in a span that no run has.
    """

    def __init__(self, runs: Iterable[Run] = ()) -> None:
        self._runs: list[Run] = []
        self._by_span: dict[int, list[Run]] = {}
        self._wide: list[Run] = []
        for run in runs:
            self.add(run)

    def __len__(self) -> int:
        return len(self._runs)

    def add(self, run: Run) -> None:
        """Look into this run too from now on."""
        self._runs.append(run)
        if not run.spans or len(self._by_span) + len(run.spans) > _MAX_ALL_SPANS:
            self._wide.append(run)
            return
        for span in run.spans:
            self._by_span.setdefault(span, []).append(run)

    def that_may_hold(self, event_ids: Iterable[int]) -> dict[Run, list[int]]:
        """Return the runs to look into, each with the ids to look for; mostly none."""
        wanted: dict[Run, list[int]] = {}
        if self._runs:
            for event_id in event_ids:
                for run in (*self._by_span.get(span_of(event_id), ()), *self._wide):
                    wanted.setdefault(run, []).append(event_id)
        return wanted

    def expire(self, before_ms: int) -> None:
        """Remove the runs whose newest id arrived before a time, files and all."""
        if all(run.newest_ms >= before_ms for run in self._runs):
            return
        runs, self._runs, self._by_span, self._wide = self._runs, [], {}, []
        for run in runs:
            if run.newest_ms < before_ms:
                run.path.unlink(missing_ok=True)
            else:
                self.add(run)


def span_of(event_id: int) -> int:
    """Return the span of time in which an id was made, or that it has none."""
    return event_id >> 80 + _SPAN_BITS if event_id >> 76 & 0xF == 7 else _NO_TIME


def find(wanted: Mapping[Run, Collection[int]]) -> set[int]:
    """Return the ids that are in the run they are looked for in."""
    found: set[int] = set()
    for run, event_ids in wanted.items():
        asked = np.sort(np.frombuffer(b"".join(event_id.to_bytes(16) for event_id in event_ids), _ID))
        at = np.minimum(np.searchsorted(run.ids, asked), len(run.ids) - 1)
        hits = asked[run.ids[at] == asked].tobytes()
        found.update(int.from_bytes(hits[n : n + 16]) for n in range(0, len(hits), 16))
    return found


def write_run(folder: Path, packed: bytes, first: int, last: int, newest_ms: int) -> Run:
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
    spans = _spans(ids)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{first:016d}-{last:016d}-{newest_ms}{_SUFFIX}"
    unfinished = path.with_suffix(".unfinished")
    try:
        with unfinished.open("wb") as file:
            file.write(np.array([len(spans), *spans], "<u8").tobytes())
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


def open_runs(folder: Path) -> list[Run]:
    """Return the runs of a folder, oldest first; what a crash left unfinished is removed."""
    for unfinished in folder.glob("*.unfinished"):
        unfinished.unlink()
    runs: list[Run] = []
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        try:
            runs.append(_open(path))
        except (OSError, ValueError) as error:  # the warehouse still counts an id once
            _log.error("run_of_ids_passed_over", file=str(path), error=str(error))
    return runs


def _open(path: Path) -> Run:
    first, last, newest_ms = (int(part) for part in path.stem.split("-"))
    with path.open("rb") as file:
        n_spans = int.from_bytes(file.read(8), "little")
        if n_spans > _MAX_SPANS:
            raise ValueError(f"{path} begins with {n_spans}, at most {_MAX_SPANS} spans were written")
        spans = np.frombuffer(file.read(8 * n_spans), "<u8")
    ids: Any = np.memmap(path, _ID, "r", offset=8 + 8 * n_spans)
    return Run(path, first, last, newest_ms, frozenset(spans.tolist()), ids)


def _spans(ids: Ids) -> list[int]:
    high = np.frombuffer(ids.tobytes(), ">u8")[::2]
    has_time = high >> 12 & 0xF == 7
    spans: list[int] = np.unique(high[has_time] >> 16 + _SPAN_BITS).tolist()
    if not has_time.all():
        spans.append(_NO_TIME)
    return spans if len(spans) <= _MAX_SPANS else []


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
