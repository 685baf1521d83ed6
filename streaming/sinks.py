"""Facts in, stores written, so that the same records in whatever bundles, once or again, change nothing twice.

Rows of the warehouse are known by their keys, and a whole bundle that comes again by its token; the online store knows
records by the committed offsets of their partitions. Both engines write here.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Protocol

from civicrec.accounting.progress import Commit, CommittedProgress
from civicrec.clock import to_ms, utc_now
from civicrec.warehouse.ports import Warehouse
from profiles.online.ports import RebuildableStore
from streaming.blocks import DeadLetter, Facts, Origin, joined
from streaming.fold import Slice, fold, other_actors, personal_actors, slices
from streaming.registry import RegistrySnapshot


@dataclass(slots=True)
class Outcome:
    """What became of a batch's events, counted where they were written."""

    stored: int = 0
    rejected: Counter[str] = field(default_factory=Counter)


class DeadLetterTopic(Protocol):
    """Who is told of dead letters besides the warehouse."""

    def put(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Tell of rows of ``dead_letters``; told again, one changes nothing."""


class Stores:
    """The open stores of one stream process, and what was written into them for the batch under way.

    Parameters
    ----------
    dead_letters
        Called with dead letters, too, if given.
    only_complete
        Whether the online store must be complete to be written; not so for who makes it complete.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        online: RebuildableStore,
        registry: RegistrySnapshot,
        dead_letters: DeadLetterTopic | None = None,
        only_complete: bool = True,
    ) -> None:
        self.warehouse = warehouse
        self.online = online
        self.registry = registry
        self.dead_letters = dead_letters
        self.only_complete = only_complete
        self.outcome = Outcome()


def write(stores: Stores, blocks: Sequence[Facts], *, online: bool = True) -> None:
    """Write the facts of a bundle: rows, dead letters, and last the online store, whose progress counts what is done.

    An online store that is left out does not hold them, and its progress stands before them: it must be rebuilt.
    """
    write_events(stores, blocks)
    write_dead_letters(stores, blocks)
    if online:
        write_online(stores, blocks)


def write_events(stores: Stores, blocks: Sequence[Facts]) -> None:
    """Write the rows of ``events``."""
    columns = joined([block.columns for block in blocks])
    stores.outcome.stored += len(columns.get("event_id", ()))
    if columns:
        stores.warehouse.insert("events", columns, token("events", blocks))


def write_dead_letters(stores: Stores, blocks: Sequence[Facts]) -> None:
    """Write what was refused, the original bytes and the reason."""
    dead = [(block.origin.log, dead_letter) for block in blocks for dead_letter in block.dead]
    for _, dead_letter in dead:
        stores.outcome.rejected[dead_letter.reason] += dead_letter.n_events
    if dead:
        columns = dead_letter_columns(dead)
        stores.warehouse.insert("dead_letters", columns, token("dead_letters", blocks))
        if stores.dead_letters is not None:
            stores.dead_letters.put(columns)


def write_online(stores: Stores, blocks: Sequence[Facts]) -> None:
    """Fold the interactions into the online store, each partition in its order, and commit them."""
    by_origin: dict[Origin, list[Facts]] = defaultdict(list)
    for block in blocks:
        by_origin[block.origin].append(block)
    for origin, mine in by_origin.items():
        mine.sort(key=lambda block: block.records[0].offset)
        progress = stores.online.progress(origin.log)
        at = {block.records[-1].offset: block.position for block in mine}
        for part in slices(mine):
            progress = _fold_in(stores, origin, part, progress, at.get(part.records[-1].offset, -1))


def _fold_in(
    stores: Stores, origin: Origin, part: Slice, progress: CommittedProgress, position: int
) -> CommittedProgress:
    """Fold what is not done yet; return the progress as it is then."""
    online = stores.online
    while True:
        records = [
            record for record in part.records if not progress.have(origin.partition, record.actor, record.offset)
        ]
        if not records:
            return progress
        interactions = part.interactions
        if len(records) < len(part.records):
            fresh = {record.offset for record in records}
            interactions = [interaction for interaction in interactions if interaction.offset in fresh]
        rejected: Counter[str] = Counter()
        for record in records:
            rejected.update(record.refused)
        commit = Commit(
            origin.log, progress.at(origin.partition), records[-1].offset, origin.partition,
            sum(record.good for record in records), rejected, position, progress.other_partitions(origin.partition),
        )  # fmt: skip
        known = online.known_of(personal_actors(interactions), other_actors(interactions))
        update = fold(interactions, known.recent, known.withdrawn)
        if online.apply(commit, update, only_complete=stores.only_complete):
            progress.add(commit)
            return progress
        # Another worker was quicker: one that was thought dead, or its successor.
        progress = online.progress(origin.log)


def token(table: str, blocks: Sequence[Facts]) -> str:
    """Name what these records lead to in a table: the same records give the same name, in whatever order they come."""
    records: dict[str, list[int]] = defaultdict(list)
    for block in blocks:
        records[block.origin.log].extend(record.offset for record in block.records)
    named = blake2b(table.encode(), digest_size=16)
    for log in sorted(records):
        named.update(f"|{log}|".encode())
        named.update(array("Q", sorted(set(records[log]))).tobytes())
    return named.hexdigest()


def dead_letter_columns(dead_letters: Sequence[tuple[str, DeadLetter]]) -> Mapping[str, Sequence[object]]:
    """Return dead letters, each with its log, as columns of ``dead_letters``."""
    dead = [dead_letter for _, dead_letter in dead_letters]
    return {
        "log": [log for log, _ in dead_letters],
        "log_offset": [dead_letter.log_offset for dead_letter in dead],
        "piece": [dead_letter.piece for dead_letter in dead],
        "seen_at": [to_ms(utc_now())] * len(dead),
        "reason": [dead_letter.reason for dead_letter in dead],
        "detail": [dead_letter.detail for dead_letter in dead],
        "step": [dead_letter.step for dead_letter in dead],
        "version": [code_version()] * len(dead),
        "raw": [dead_letter.raw for dead_letter in dead],
        "n_events": [dead_letter.n_events for dead_letter in dead],
    }


@cache
def code_version() -> str:
    """Return the installed version of civicrec."""
    try:
        return version("civicrec")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "unknown"
