"""The nightly tags: interactions of the window → tags per actor, in the warehouse for analysts, online for serving.

In: what the warehouse holds, what items teach, what people decided. Out: `actor_tags` of the day, weighed there
(`civicrec.warehouse.actor_tags`), and the online store's tags.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from civicrec.logs import get_logger
from civicrec.registry.choices import Choices
from civicrec.warehouse.actor_tags import TaughtTag, weigh_actors, weights_by_actor
from civicrec.warehouse.day_tables import drop_days_before
from civicrec.warehouse.interests import WITHDRAWALS, withdrawals
from civicrec.warehouse.ports import Warehouse
from profiles.choices import put_learned_tags, put_switches, without_learned
from profiles.online.ports import DecidedStore
from profiles.tags import Vocabulary, has_changed, load_vocabulary

#: Days of tags kept for analysts: personal data, so no longer than a month's comparison needs (PIPL 19).
KEPT_DAYS = 35
#: Tags of other days that were made before their actor withdrew consent.
_WITHDRAWN = f"""
day != {{day:Date}} AND (day, actor, tag) IN (
    SELECT day, actor, tag FROM actor_tags INNER JOIN ({WITHDRAWALS}) AS gone ON gone.who = actor_tags.actor
    WHERE toUnixTimestamp64Milli(last_at) <= until_ms
)
"""
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TagsWritten:
    """What one rebuild wrote, and by which version of the vocabulary."""

    actors: int
    rows: int
    suppressed: int
    vocabulary: str


def rebuild_tags(
    warehouse: Warehouse,
    store: DecidedStore,
    first: date,
    day: date,
    parts: int,
    item_tags: Mapping[str, Sequence[str]],
    choices: Callable[[], Choices],
    withdrawn: Mapping[str, int],
) -> TagsWritten:
    """Weigh the tags of every actor and write them to both stores, replacing those of the day.

    An actor who deleted tags is written even when nothing is left, so that no older tag of theirs stays online; who
    chose some has them online, whatever was learned, and analysts see what was learned alone. Of actors who withdrew
    consent nothing older stays, and what was withdrawn while this ran is taken back at the end. The vocabulary is the
    one this process began with; that it was edited meanwhile is logged, and the next night uses it.

    Parameters
    ----------
    first, day
        The days that are learned from, both included.
    parts
        Into how many parts the actors are cut: one is weighed at once.
    item_tags
        item id → names of governed tags; those that behaviour may not give are passed over.
    choices
        Reads what people decided.
    withdrawn
        actor → time of the last withdrawal of consent, read before this.
    """
    vocabulary, deleted = load_vocabulary(), choices().deleted
    n_rows = weigh_actors(warehouse, first, day, parts, _taught(vocabulary, item_tags), deleted)
    _remove_withdrawn(warehouse, day)
    drop_days_before(warehouse, "actor_tags", day - timedelta(days=KEPT_DAYS))
    put_switches(store, choices)
    by_actor = weights_by_actor(warehouse, day, parts)
    actors = put_learned_tags(store, day.isoformat(), by_actor, choices, withdrawn)
    withdrawn_now = withdrawals(warehouse, day - timedelta(days=KEPT_DAYS))
    newly = {actor for actor, until in withdrawn_now.items() if until != withdrawn.get(actor)}
    store.put_tags(day.isoformat(), without_learned(newly, choices().deleted))
    if has_changed(vocabulary):
        _log.warning("vocabulary_edited", used=vocabulary.version, hint="this night used what it began with")
    return TagsWritten(actors, n_rows, len(deleted), vocabulary.version)


def _taught(vocabulary: Vocabulary, item_tags: Mapping[str, Sequence[str]]) -> dict[str, list[TaughtTag]]:
    rules = {
        name: TaughtTag(name, tag.half_life_days, tag.min_evidence)
        for name, tag in vocabulary.tags.items()
        if tag.inferable
    }
    return {
        item_id: [rules[name] for name in sorted(set(names)) if name in rules] for item_id, names in item_tags.items()
    }


def _remove_withdrawn(warehouse: Warehouse, day: date) -> None:
    parameters = {"day": day, "first": day - timedelta(days=KEPT_DAYS)}
    if warehouse.rows(f"SELECT 1 FROM actor_tags WHERE {_WITHDRAWN} LIMIT 1", parameters):
        warehouse.command(f"ALTER TABLE actor_tags DELETE WHERE {_WITHDRAWN} SETTINGS mutations_sync = 2", parameters)
