"""What an operator must know of feeds: polls that failed, that nobody starts, that bring nothing.

In: the home. Out: a state a feed, in one sentence each.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from civicrec.errors import InvalidInput
from civicrec.polling.feed_file import Feed, feed_files, read_feed
from civicrec.polling.memory import Memory, memory_of

#: So many intervals may be missed, and so long the timer may be late, before somebody should look.
_MISSED, _LATE = 3, timedelta(minutes=15)
#: A poll that has not ended after so long was cut off, or hangs.
_LONGEST = timedelta(hours=1)
_HOW = "`civicrec catalog poll` is started by a timer (docs/operations.md)"


@dataclass(frozen=True, slots=True)
class FeedState:
    """How it stands with a feed; `wrong` says whether somebody has to do something."""

    name: str
    wrong: Literal["", "failed", "overdue"]
    text: str


def feed_states(home: Path, now: datetime) -> list[FeedState]:
    """Return the state of every feed of a home, in order of their names."""
    return [_state(home, name, path, now) for name, path in feed_files(home).items()]


def _state(home: Path, name: str, path: Path, now: datetime) -> FeedState:
    try:
        feed = read_feed(path)
    except InvalidInput as error:
        return FeedState(name, "failed", str(error))
    memory = memory_of(home, name)
    began = memory.began_at or datetime.fromtimestamp(_written(path), UTC).isoformat()
    is_late = now - datetime.fromisoformat(began) > _MISSED * timedelta(minutes=feed.interval_min) + _LATE
    if is_late:
        since = f"was polled last at {memory.began_at}" if memory.began_at else "has never been polled"
        return FeedState(name, "overdue", f"{since}, its interval is {feed.interval_min} min: {_HOW}")
    if memory.began_at and not memory.ended_at and now - datetime.fromisoformat(began) > _LONGEST:
        return FeedState(
            name, "failed", f"the poll of {memory.began_at} has not come to its end: it was cut off or hangs"
        )
    if memory.fault:
        good = memory.good_at or "never"
        return FeedState(
            name, "failed", f"the poll of {memory.began_at} failed: {memory.fault}; the last good one: {good}"
        )
    return _of_good(name, feed, memory)


def _of_good(name: str, feed: Feed, memory: Memory) -> FeedState:
    if not memory.began_at:
        return FeedState(name, "", f"not polled yet: {_HOW}")
    counts = memory.counts
    counted = ", ".join(f"{n} {what}" for what, n in counts.items() if n) or "nothing"
    first = f"; refused first: {memory.refused[0]}" if memory.refused else ""
    gone = f"; gone while in lists: {memory.gone[0]}" if memory.gone else ""
    text = f"polled at {memory.began_at}: {counted}{first}{gone}"
    is_feed = any(one.kind == "feed" for one in memory.documents.values())
    # Of a sitemap, a poll may meet nothing but pages of columns.
    if (is_feed or not memory.has_kept) and 0 < counts.get("rows", 0) <= counts.get("bad", 0):
        return FeedState(name, "failed", f"every entry was refused; {text}")
    return FeedState(name, "", text)


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
