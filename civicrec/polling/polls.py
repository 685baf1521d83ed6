"""Polls of all feeds that are due, one after another; what one fails on keeps no other waiting.

In: settings, names. Out: an outcome a feed; each is also kept in the home, for `status` and the next poll.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Engine

from civicrec.clock import Clock, rfc3339
from civicrec.errors import CivicrecError
from civicrec.polling.feed_file import Feed
from civicrec.polling.fetch import Fetcher
from civicrec.polling.guarded import Resolve, resolved
from civicrec.polling.memory import Memory, fingerprint, keep_memory, memory_of
from civicrec.polling.pages_of_sitemap import poll_pages
from civicrec.polling.run import Found, Polling, poll_entries, read_listed
from civicrec.settings import Settings

_KEPT_REASONS = 20
_SHOWN = 300
#: A timer is never on the second.
_SLACK = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one feed: what was found, or what it failed on."""

    name: str
    found: Found = field(default_factory=Found)
    fault: str = ""


def poll_feeds(
    settings: Settings, registry: Engine, feeds: Mapping[str, Feed], clock: Clock, *, only_due: bool = False,
    afresh: bool = False, resolve: Resolve = resolved,
) -> Iterator[Outcome]:  # fmt: skip
    """Poll feeds by name.

    Parameters
    ----------
    only_due
        Pass over those whose interval is not over.
    afresh
        Ask for everything, whatever is known of it.

    Raises
    ------
    ConfigError
        If the home cannot be written.
    """
    for name, feed in feeds.items():
        memory, of, now = memory_of(settings.home, name), fingerprint(feed), clock()
        if memory.of != of or afresh:
            memory = Memory(of=of, good_at=memory.good_at)
        elif only_due and not is_due(feed, memory, now):
            continue
        memory.began_at, memory.ended_at = rfc3339(now), ""
        keep_memory(settings.home, name, memory)
        outcome = _polled(settings, registry, name, feed, memory, now, resolve)
        memory.ended_at, memory.fault = rfc3339(clock()), outcome.fault
        if not outcome.fault:
            memory.good_at = memory.ended_at
        keep_memory(settings.home, name, memory)
        yield outcome


def is_due(feed: Feed, memory: Memory, now: datetime) -> bool:
    """Tell whether the interval of a feed is over."""
    if not memory.began_at:
        return True
    interval = timedelta(minutes=feed.interval_min)
    elapsed = now - datetime.fromisoformat(memory.began_at)
    return elapsed >= interval - min(_SLACK, interval / 2) or elapsed < timedelta()


def _polled(
    settings: Settings, registry: Engine, name: str, feed: Feed, memory: Memory, now: datetime, resolve: Resolve
) -> Outcome:
    limits = settings.polling
    try:
        with Fetcher(feed.reach(limits.networks), limits.timeout_s, resolve) as fetcher:
            polling = Polling(name, feed, registry, fetcher, limits.max_mb << 20, now)
            documents, entries, base = read_listed(polling, memory)
            pages = memory.pages
            if entries is not None:
                found = poll_entries(polling, entries, base)
            elif documents[feed.url].kind == "feed":
                found = Found(is_as_before=True)
            else:
                found, pages = poll_pages(polling, documents, memory.pages)
    except CivicrecError as error:
        return Outcome(name, fault=" ".join(str(error).split())[:_SHOWN])
    memory.documents, memory.pages = documents, pages  # only now: what failed is asked for again
    if not found.is_as_before:
        memory.counts = found.counts()
        memory.refused = [f"{place}: {reason}"[:_SHOWN] for place, reason in found.bad[:_KEPT_REASONS]]
        memory.gone = [f"{item_id} {address}" for item_id, address in found.gone[:_KEPT_REASONS]]
        memory.has_kept = memory.has_kept or found.rows > len(found.bad)
    return Outcome(name, found)
