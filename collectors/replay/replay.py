"""Events from a file: told what would become of each, or sent to a collector again.

In: JSON lines. Out: a `Verdict` a line, or the sums of what a collector answered. Ids repeat, so sending a file twice
stores nothing twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from civicrec.clock import monotonic_s
from civicrec.errors import InvalidInput, Unavailable
from civicrec.events import MAX_BATCH_BYTES, MAX_EVENT_BYTES, Dropped
from civicrec.process.retry import Retry
from civicrec.process.whose import MISDIRECTED, REFUSAL
from collectors.arrival import Arrival, read_event
from collectors.replay.lines import Lines
from collectors.replay.resume import ReplayProgress
from collectors.request_facts import RequestFacts
from collectors.steps import take

#: Big enough to make a request's own cost small, small enough for a progress bar to move.
_BATCH_LINES = 200
#: With the pauses below about two minutes of a collector being away.
_TRIES = 30
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0
#: What a client sent and may find changed. The rest is the collector's own, or is not changed.
_SENT = ("occurred_at", "site", "subject_id", "session_id", "query", "title", "url_path", "region", "props")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What would become of one line.

    Attributes
    ----------
    reason, detail
        Why it would be refused; empty if it would be taken.
    bot_reason
        Why it would be counted as a robot's.
    altered
        What would be taken away, by the names of the books.
    stored
        The fields a client sent that would be stored otherwise.
    """

    line: int
    reason: str = ""
    detail: str = ""
    bot_reason: str = ""
    altered: tuple[str, ...] = ()
    stored: dict[str, Any] = field(default_factory=dict)


def judged(lines: Iterable[bytes], request: RequestFacts) -> Iterator[Verdict]:
    """Say of each line that is not blank what the collector would do with it."""
    seen: set[int] = set()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        request.altered.clear()
        passed_over: list[str] = []
        arrival = read_event(line, passed_over)
        request.altered.update(passed_over)
        if isinstance(arrival, Dropped):
            yield Verdict(number, arrival.reason, arrival.detail)
            continue
        sent = {name: getattr(arrival, name) for name in _SENT}
        taken = take(arrival, request)
        if isinstance(taken, Dropped):
            yield Verdict(number, taken.reason, taken.detail)
        elif taken.event_id.int in seen:
            yield Verdict(number, "duplicate", "the id stands on an earlier line")
        else:
            seen.add(taken.event_id.int)
            yield Verdict(number, "", "", taken.bot_reason, tuple(sorted(+request.altered)), _changed(sent, taken))


def _changed(sent: dict[str, Any], taken: Arrival) -> dict[str, Any]:
    return {name: getattr(taken, name) for name, value in sent.items() if getattr(taken, name) != value}


def replay(
    lines: Lines,
    client: httpx.Client,
    progress: ReplayProgress,
    *,
    rate: float = 0,
    report: Callable[[ReplayProgress], object] = lambda progress: None,
    refused: Callable[[Verdict], object] = lambda verdict: None,
) -> None:
    """Send the lines to ``/v1/events``, batch after batch, in order.

    One batch is under way at a time, so that an actor's events stay in order and a stop leaves one place to go on from.

    Parameters
    ----------
    lines
        One event a line, the first of them behind `progress`; blank lines are passed over.
    client
        With the collector's address and, if it has one, the site's key.
    progress
        Where to begin; moved on with each batch answered.
    rate
        Events a second at most; 0 means as fast as the collector answers.
    report
        Called after each batch.
    refused
        Called for each line the collector refused.

    Raises
    ------
    Unavailable
        If the collector stays away; the message says from which line to go on.
    InvalidInput
        If it refuses a batch as a whole.
    """
    began, before = monotonic_s(), progress.lines
    for batch, line, offset in _batches(lines, progress.line):
        answer: dict[str, Any] = {"accepted": 0, "duplicates": 0, "rejected": []}
        if batch:
            answer = _post(client, batch)
        progress.line, progress.offset = line, offset
        progress.lines += len(batch)
        progress.accepted += answer["accepted"]
        progress.duplicates += answer["duplicates"]
        for no in answer["rejected"]:
            progress.rejected[no["reason"]] = progress.rejected.get(no["reason"], 0) + 1
            refused(Verdict(batch[no["index"]][0], no["reason"], no["detail"]))
        report(progress)
        if rate:
            time.sleep(max(0.0, began + (progress.lines - before) / rate - monotonic_s()))


def _batches(lines: Lines, line: int) -> Iterator[tuple[list[tuple[int, bytes]], int, int]]:
    """Yield batches of (line number, line), each with the number of its last line and the byte after that.

    A line that is too long for any batch comes alone.
    """
    batch: list[tuple[int, bytes]] = []
    size, offset = 0, lines.offset
    for number, text in enumerate(lines, line + 1):
        if len(batch) >= _BATCH_LINES or (batch and size + len(text) + 1 > MAX_BATCH_BYTES):
            yield batch, line, offset
            batch, size = [], 0
        line, offset = number, lines.offset
        if text.strip():
            batch.append((number, text.rstrip(b"\r\n")))
            size += len(text) + 1
    yield batch, line, offset


def _post(client: httpx.Client, batch: list[tuple[int, bytes]]) -> dict[str, Any]:
    if len(batch[0][1]) > MAX_BATCH_BYTES:
        return _refused(
            batch, "too_large", f"longer than {MAX_BATCH_BYTES} bytes, at most {MAX_EVENT_BYTES} fit one event"
        )
    trouble, first = "", batch[0][0]
    body = b"\n".join(line for _, line in batch)
    retry = Retry(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
    for _ in range(_TRIES):
        retry_after_s = None
        try:
            answer = client.post("/v1/events", content=body, headers={"content-type": "application/x-ndjson"})
        except httpx.TransportError as error:
            trouble = str(error) or type(error).__name__
        else:
            answered = _object_in(answer)
            if answer.status_code == 200 and "accepted" in answered:
                return answered
            trouble = f"{answer.status_code} {answer.text[:200]}"
            if answer.status_code == 400 and answered:  # not one line is JSON
                return _refused(batch, "bad_json", "not a JSON object")
            if answer.status_code == 413 and len(batch) > 1:  # something between us takes less
                return _joined([_post(client, part) for part in (batch[: len(batch) // 2], batch[len(batch) // 2 :])],
                               len(batch) // 2)  # fmt: skip
            if answer.status_code == 413:
                return _refused(batch, "too_large", trouble)
            if (wait := answer.headers.get("retry-after", "")).isdecimal():
                retry_after_s = float(wait)
            if answer.status_code == MISDIRECTED:
                raise Unavailable(f"the collector at {client.base_url} {REFUSAL}")
            if answered and answer.status_code not in (408, 429, 502, 503, 504):
                raise InvalidInput(f"the collector refuses lines {first} to {batch[-1][0]}: {trouble}")
        retry.wait(retry_after_s)
    raise Unavailable(
        f"the collector at {client.base_url} did not answer in {_TRIES} tries: {trouble}; "
        f"the same command goes on, or --from-line {first}"
    )


def _object_in(answer: httpx.Response) -> dict[str, Any]:
    """Return the JSON object of an answer; empty if something else answered, a firewall or a log-in page."""
    try:
        answered = answer.json()
    except ValueError:
        return {}
    return answered if isinstance(answered, dict) else {}


def _refused(batch: list[tuple[int, bytes]], reason: str, detail: str) -> dict[str, Any]:
    rejected = [{"index": index, "reason": reason, "detail": detail} for index in range(len(batch))]
    return {"accepted": 0, "duplicates": 0, "rejected": rejected}


def _joined(answers: list[dict[str, Any]], n_first: int) -> dict[str, Any]:
    first, second = answers
    later = [{**no, "index": no["index"] + n_first} for no in second["rejected"]]
    return {
        "accepted": first["accepted"] + second["accepted"],
        "duplicates": first["duplicates"] + second["duplicates"],
        "rejected": [*first["rejected"], *later],
    }
