"""Facts in, stores written. Each sink takes a whole batch and names it, so a second delivery changes nothing.

The warehouse knows a batch by its token, the online store by its fence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from civicrec.clock import to_ms, utc_now
from civicrec.eventlog.ledger import Plan
from civicrec.warehouse.ports import Warehouse
from profiles.store import OnlineStore
from streaming.blocks import Columns, DeadLetter, Facts
from streaming.catalogue import CatalogueSnapshot
from streaming.fold import fold, personal_actors


@dataclass(slots=True)
class Outcome:
    """What became of a batch's events, counted where they were written."""

    stored: int = 0
    rejected: Counter[str] = field(default_factory=Counter)


class Stores:
    """The open stores of one stream process, and what was written into them for the batch under way."""

    def __init__(self, warehouse: Warehouse, online: OnlineStore, catalogue: CatalogueSnapshot) -> None:
        self.warehouse = warehouse
        self.online = online
        self.catalogue = catalogue
        self.outcome = Outcome()


class PartialBatch(Exception):
    """A sink got a part of a batch. Under the batch's token the rest would be lost, so nothing was written."""


def whole_batch(blocks: Sequence[Facts]) -> tuple[Plan, list[Facts]]:
    """Return the plan and its blocks in log order.

    Raises
    ------
    PartialBatch
        If a block is missing, doubled, or of another batch.
    """
    ordered = sorted(blocks, key=lambda block: block.place.index)
    place = ordered[0].place
    if [(block.place.plan, block.place.index) for block in ordered] != [(place.plan, n) for n in range(place.count)]:
        raise PartialBatch(f"got {len(ordered)} of {place.count} blocks of {place.plan}; the runner split the bundle")
    return place.plan, ordered


def write_events(stores: Stores, plan: Plan, blocks: Sequence[Facts]) -> None:
    """Write the rows of ``events``."""
    columns = _joined([block.columns for block in blocks])
    stores.outcome.stored = len(columns.get("event_id", ()))
    if columns:
        stores.warehouse.insert("events", columns, plan.token("events"))


def write_dead_letters(stores: Stores, plan: Plan, blocks: Sequence[Facts]) -> None:
    """Write what was refused, the original bytes and the reason."""
    dead = [letter for block in blocks for letter in block.dead]
    rejected: Counter[str] = Counter()
    for letter in dead:
        rejected[letter.reason] += letter.n_events
    stores.outcome.rejected = rejected
    if dead:
        stores.warehouse.insert("dead_letters", _letter_columns(dead), plan.token("dead_letters"))


def write_online(stores: Stores, plan: Plan, blocks: Sequence[Facts]) -> None:
    """Fold the turns into the online store."""
    turns = [turn for block in blocks for turn in block.turns]
    if turns:
        updates = fold(turns, stores.online.recent_of(personal_actors(turns)))
        stores.online.apply(plan.log, plan.first, plan.last, updates)


def _joined(parts: Sequence[Columns]) -> Columns:
    whole = [part for part in parts if part]
    return {name: [value for part in whole for value in part[name]] for name in (whole[0] if whole else ())}


def _letter_columns(dead: Sequence[DeadLetter]) -> Mapping[str, Sequence[object]]:
    return {
        "log_offset": [letter.log_offset for letter in dead],
        "piece": [letter.piece for letter in dead],
        "seen_at": [to_ms(utc_now())] * len(dead),
        "reason": [letter.reason for letter in dead],
        "detail": [letter.detail for letter in dead],
        "step": [letter.step for letter in dead],
        "version": [code_version()] * len(dead),
        "raw": [letter.raw for letter in dead],
        "n_events": [letter.n_events for letter in dead],
    }


@cache
def code_version() -> str:
    """Return the installed version of civicrec."""
    try:
        return version("civicrec")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "unknown"
