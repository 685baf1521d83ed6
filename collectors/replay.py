"""Events from a file: told what would become of each, or sent to a collector again.

In: JSON lines. Out: a `Verdict` a line, or the sums of what a collector answered. Ids repeat, so sending a file twice
stores nothing twice.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from civicrec.clock import monotonic_s
from civicrec.errors import InvalidInput, Unavailable
from civicrec.events import MAX_BATCH_BYTES, Dropped
from collectors.arrival import read_event
from collectors.steps import take
from collectors.visit import Visit

#: Big enough to make a request's own cost small, small enough for a progress bar to move.
_BATCH_LINES = 100
#: With the pauses below about two minutes of a collector being away.
_TRIES = 30
_LONGEST_PAUSE_S = 5.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What would become of one line."""

    line: int
    reason: str = ""
    detail: str = ""
    altered: tuple[str, ...] = ()


@dataclass(slots=True)
class Replayed:
    """What a collector answered so far."""

    lines: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected: Counter[str] = field(default_factory=Counter)


def judged(lines: Iterable[bytes], visit: Visit) -> Iterator[Verdict]:
    """Say of each line that is not blank what the collector would do with it."""
    seen: set[int] = set()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        visit.altered.clear()
        arrival = read_event(line)
        taken = arrival if isinstance(arrival, Dropped) else take(arrival, visit)
        if isinstance(taken, Dropped):
            yield Verdict(number, taken.reason, taken.detail)
        elif taken.event_id.int in seen:
            yield Verdict(number, "duplicate", "the id stands on an earlier line")
        else:
            seen.add(taken.event_id.int)
            yield Verdict(number, altered=tuple(sorted(+visit.altered)))


def replay(
    lines: Iterable[bytes],
    client: httpx.Client,
    *,
    from_line: int = 1,
    rate: float = 0,
    tell: Callable[[Replayed, int], object] = lambda replayed, n: None,
    refused: Callable[[Verdict], object] = lambda verdict: None,
) -> Replayed:
    """Send the lines to ``/v1/events``, batch after batch, in order.

    Parameters
    ----------
    lines
        One event a line; blank lines are passed over.
    client
        With the collector's address and, if it has one, the site's key.
    from_line
        First line to send, from 1: where an earlier run stopped.
    rate
        Events a second at most; 0 means as fast as the collector answers.
    tell
        Called after each batch with the sums and the number of the last line answered.
    refused
        Called for each line the collector refused.

    Raises
    ------
    Unavailable
        If the collector stays away; the message says from which line to go on.
    InvalidInput
        If it refuses a batch as a whole.
    """
    sums = Replayed()
    began = monotonic_s()
    for batch in _batches(lines, from_line):
        answer = _post(client, batch)
        sums.lines += len(batch)
        sums.accepted += answer["accepted"]
        sums.duplicates += answer["duplicates"]
        for no in answer["rejected"]:
            sums.rejected[no["reason"]] += 1
            refused(Verdict(batch[no["index"]][0], no["reason"], no["detail"]))
        tell(sums, batch[-1][0])
        if rate:
            time.sleep(max(0.0, began + sums.lines / rate - monotonic_s()))
    return sums


def _batches(lines: Iterable[bytes], from_line: int) -> Iterator[list[tuple[int, bytes]]]:
    batch: list[tuple[int, bytes]] = []
    size = 0
    for number, line in enumerate(lines, 1):
        if number < from_line or not line.strip():
            continue
        if len(batch) >= _BATCH_LINES or (batch and size + len(line) + 1 > MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((number, line.rstrip(b"\r\n")))
        size += len(line) + 1
    if batch:
        yield batch


def _post(client: httpx.Client, batch: list[tuple[int, bytes]]) -> dict[str, Any]:
    trouble, first = "", batch[0][0]
    body = b"\n".join(line for _, line in batch)
    for attempt in range(_TRIES):
        pause_s = min(_LONGEST_PAUSE_S, 0.1 * 2**attempt)
        try:
            answer = client.post("/v1/events", content=body, headers={"content-type": "application/x-ndjson"})
        except httpx.TransportError as error:
            trouble = str(error) or type(error).__name__
        else:
            if answer.status_code == 200:
                return answer.json()  # type: ignore[no-any-return]
            trouble = f"{answer.status_code} {answer.text[:200]}"
            if answer.status_code == 400:  # not one line is JSON
                detail = "not a JSON object"
                return {"accepted": 0, "duplicates": 0, "rejected": [
                    {"index": index, "reason": "bad_json", "detail": detail} for index in range(len(batch))
                ]}  # fmt: skip
            if answer.status_code not in (429, 502, 503, 504):
                raise InvalidInput(f"the collector refuses lines {first} to {batch[-1][0]}: {trouble}")
        time.sleep(pause_s)
    raise Unavailable(
        f"the collector at {client.base_url} did not answer in {_TRIES} tries: {trouble}; "
        f"go on with --from-line {first}"
    )
