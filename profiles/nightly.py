"""The nightly tags: interests of the window → tags per actor, in the warehouse for analysts, online for serving.

In: interests, catalogue tags, what people deleted. Out: `actor_tags` of the day, and the online store's tags.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from itertools import chain
from typing import Any

import pyarrow as pa

from civicrec.registry.choices import Choices
from civicrec.warehouse.day_tables import drop_days_before, replace_day
from civicrec.warehouse.interests import withdrawals
from civicrec.warehouse.ports import Warehouse
from profiles.choices import put_learned_tags, put_switches, without_learned
from profiles.online.ports import DecidedStore
from profiles.tags import load_vocabulary
from profiles.update import TagWeights, weigh_tags

#: Days of tags kept for analysts: personal data, so no longer than a month's comparison needs (PIPL 19).
KEPT_DAYS = 35
#: Actors named in one statement.
_ACTORS_AT_ONCE = 5_000
_WITHDRAWN = (
    "day != {day:Date} AND has({actors:Array(String)}, actor) AND toUnixTimestamp64Milli(last_at)"
    " <= {until:Array(Int64)}[indexOf({actors:Array(String)}, actor)]"
)


@dataclass(frozen=True, slots=True)
class TagsWritten:
    """What one rebuild wrote."""

    actors: int
    rows: int
    suppressed: int
    vocabulary: str


def rebuild_tags(
    warehouse: Warehouse,
    store: DecidedStore,
    day: date,
    interests: Callable[[int], pa.Table],
    parts: int,
    item_tags: Mapping[str, Sequence[str]],
    choices: Callable[[], Choices],
    withdrawn: Mapping[str, int],
) -> TagsWritten:
    """Weigh the tags of every actor and write them to both stores, replacing those of the day.

    An actor who deleted tags is written even when nothing is left, so that no older tag of theirs stays online; who
    chose some has them online, whatever was learned, and analysts see what was learned alone. Of actors who withdrew
    consent nothing older stays, and what was withdrawn while this ran is taken back at the end.

    Parameters
    ----------
    interests
        From the number of one of `parts` parts of the actors to their interests.
    choices
        Reads what people decided.
    withdrawn
        actor → time of the last withdrawal of consent, of those that the interests know of.
    """
    vocabulary, deleted = load_vocabulary(), choices().deleted

    @lru_cache(1)  # of several parts each is weighed twice: all at once would not fit
    def weighed(part: int) -> TagWeights:
        return weigh_tags(interests(part), item_tags, allowed=vocabulary.inferable, suppressed=deleted)

    n_rows = replace_day(warehouse, "actor_tags", day, (_columns(weighed(part)) for part in range(parts)))
    _remove_withdrawn(warehouse, day)
    drop_days_before(warehouse, "actor_tags", day - timedelta(days=KEPT_DAYS))
    by_actor = chain.from_iterable(weighed(part).by_actor() for part in range(parts))
    put_switches(store, choices)
    actors = put_learned_tags(store, day.isoformat(), by_actor, choices, withdrawn)
    withdrawn_now = withdrawals(warehouse, day - timedelta(days=KEPT_DAYS))
    newly = {actor for actor, until in withdrawn_now.items() if until != withdrawn.get(actor)}
    store.put_tags(day.isoformat(), without_learned(newly, choices().deleted))
    return TagsWritten(actors, n_rows, len(deleted), vocabulary.version)


def _remove_withdrawn(warehouse: Warehouse, day: date) -> None:
    """Remove the tags of other days that were made before their actor withdrew consent."""
    every = sorted(withdrawals(warehouse, day - timedelta(days=KEPT_DAYS)).items())
    for start in range(0, len(every), _ACTORS_AT_ONCE):
        part = every[start : start + _ACTORS_AT_ONCE]
        parameters = {"actors": [actor for actor, _ in part], "until": [until for _, until in part], "day": day}
        if warehouse.rows(f"SELECT 1 FROM actor_tags WHERE {_WITHDRAWN} LIMIT 1", parameters):
            warehouse.command(
                f"ALTER TABLE actor_tags DELETE WHERE {_WITHDRAWN} SETTINGS mutations_sync = 2", parameters
            )


def _columns(weighed: TagWeights) -> dict[str, Any]:
    return {
        "actor": weighed.actors,
        "tag": weighed.tags,
        "weight": weighed.weights,
        "evidence": weighed.evidence,
        "last_at": weighed.last_ms,
    }
