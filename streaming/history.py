"""What happened before civicrec was there: written into the warehouse, and no part of anything live.

In: events. Out: rows of ``events`` under a log of their own, which no stream reads and the online store is never made
from. An event is known by its id, whichever way it came first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from hashlib import blake2b

from civicrec.clock import local_date
from civicrec.events import Event
from civicrec.warehouse.ports import Warehouse
from streaming.blocks import HISTORY, Block, Origin, Parsed
from streaming.enrich import enrich
from streaming.parse import epoch_ms
from streaming.registry import RegistryFacts

_KNOWN = """
SELECT DISTINCT toString(event_id) AS known FROM events
WHERE local_date BETWEEN {first:Date} AND {last:Date} AND event_id IN {ids:Array(UUID)}
"""


def write_history(
    warehouse: Warehouse,
    registry: RegistryFacts,
    events: Sequence[Event],
    touches: Callable[[set[date]], object] = lambda days: None,
) -> int:
    """Write those events that the warehouse has not, but of who was erased; return how many.

    The same events again write nothing.

    Parameters
    ----------
    registry
        What the registry knows.
    touches
        Called with the portal's days whose figures change, before they do.
    """
    by_month: dict[tuple[int, int], dict[str, Event]] = defaultdict(dict)  # a part of the table each
    for event in events:
        by_month[event.occurred_at.year, event.occurred_at.month].setdefault(str(event.event_id), event)
    n_new = 0
    for mine in by_month.values():
        days = {local_date(event.occurred_at) for event in mine.values()}
        known = warehouse.rows(_KNOWN, {"first": min(days), "last": max(days), "ids": list(mine)})
        for row in known:
            del mine[row["known"]]
        for event in list(mine.values()):
            if registry.erased.have(event.subject_id, event.anonymous_id, event.occurred_at):
                del mine[str(event.event_id)]
        if mine:
            touches({local_date(event.occurred_at) for event in mine.values()})
            warehouse.insert("events", _columns(list(mine.values()), registry), _token(mine))
            n_new += len(mine)
    return n_new


def _columns(events: list[Event], registry: RegistryFacts) -> dict[str, list[object]]:
    parsed = Parsed(Block(Origin(HISTORY), []), [], events, [0] * len(events), [], [])
    parsed.occurred_ms.extend(epoch_ms(event.occurred_at) for event in events)
    columns = enrich(parsed, registry).columns
    columns["received_at"] = columns["occurred_at"]  # when the file was read says nothing of the visit
    return columns


def _token(event_ids: Mapping[str, Event]) -> str:
    return blake2b("".join(sorted(event_ids)).encode(), digest_size=16).hexdigest()
