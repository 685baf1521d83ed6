"""Send events to a civicrec collector from a server or an app's backend; Python's standard library is enough.

    echo '{"kind": "service_submit", "anonymous_id": "v1", "item_id": "a-1", "consent": "personalise"}' |
        python python_sender.py http://127.0.0.1:8701 --site demo

In: one event a line, fields as in docs/contracts.md §1; id, time, site and channel are filled in. Out: the collector's
answers, one a line. Exit status 1 if an event was refused, 2 if the collector refused the whole batch.
"""

import argparse
import email.utils
import itertools
import json
import os
import random
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

BATCH = 100
LONGEST_WAIT_S = 60.0


def uuid7() -> str:
    """Return a UUIDv7 (RFC 9562 §5.7): 48 bits of time in ms, version, 74 random bits."""
    number = int(time.time() * 1000) << 80 | int.from_bytes(os.urandom(10), "big")
    return str(uuid.UUID(int=number & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62))


def complete(event: dict[str, Any], site: str) -> dict[str, Any]:
    """Give a fact its id and time, once: every retry repeats them, and the collector counts the fact once."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return {"event_id": uuid7(), "occurred_at": now, "site": site, "channel": "server", **event}


def send(url: str, events: list[dict[str, Any]], api_key: str = "", tries: int = 10) -> dict[str, Any]:
    """Post one batch until the collector has answered for it.

    Raises
    ------
    urllib.error.HTTPError
        If it refuses the batch as a whole (400, 401, 413): sending it again would not help.
    urllib.error.URLError
        If it cannot be reached in `tries` tries; keep the batch and send it later.
    """
    headers = {"Content-Type": "application/json", **({"X-API-Key": api_key} if api_key else {})}
    for n in itertools.count(1):
        body = json.dumps({"sent_at": datetime.now(UTC).isoformat(), "events": events}).encode()
        try:
            with urllib.request.urlopen(
                urllib.request.Request(f"{url}/v1/events", body, headers), timeout=30
            ) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            asked = seconds_of(error.headers.get("Retry-After", ""))
            if n == tries or not (error.code in (408, 429) or error.code >= 500):
                raise
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            asked = 0.0
            if n == tries:
                raise
        time.sleep(asked + min(LONGEST_WAIT_S, 2.0 ** (n - 1)) * random.uniform(0.25, 0.5))
    raise AssertionError("unreachable")


def seconds_of(retry_after: str) -> float:
    """Read a Retry-After header: seconds or an HTTP date, 0 if it is neither."""
    try:
        return float(retry_after)
    except ValueError:
        date = email.utils.parsedate_to_datetime(retry_after) if retry_after.endswith("GMT") else None
        return max(0.0, date.timestamp() - time.time()) if date else 0.0


def batches(lines: Iterable[str], site: str) -> Iterator[list[dict[str, Any]]]:
    """Read events from lines of JSON, `BATCH` at a time."""
    events = (complete(json.loads(line), site) for line in lines if line.strip())
    while batch := list(itertools.islice(events, BATCH)):
        yield batch


def main() -> int:
    """Send what comes on standard input."""
    parser = argparse.ArgumentParser(description="Send events, one JSON object a line, to a civicrec collector.")
    parser.add_argument("url", help="address of the collector, http://127.0.0.1:8701")
    parser.add_argument("--site", default="", help="portal id")
    parser.add_argument("--api-key", default="", help="the site's API key, if it has one")
    chosen = parser.parse_args()
    refused = 0
    for batch in batches(sys.stdin, chosen.site):
        try:
            answer = send(chosen.url, batch, chosen.api_key)
        except urllib.error.HTTPError as error:
            sys.stderr.write(error.read().decode() + "\n")
            return 2
        sys.stdout.write(json.dumps(answer) + "\n")
        refused += len(answer["rejected"])
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
