"""Send events to a civicrec collector from a server or an app's backend; Python's standard library is enough.

    echo '{"kind": "service_submit", "anonymous_id": "v1", "item_id": "a-1", "consent": "personalise"}' |
        python python_sender.py http://127.0.0.1:8701 --site demo

In: one event a line, fields as in docs/contracts.md §1; id, time, site and channel are filled in. Out: the collector's
answers, one a line. Exit status 1 if an event was refused or a line held none, 2 if the collector refused a whole batch
or could not be reached; standard error says what, and how many.
"""

import argparse
import email.utils
import http.client
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
LONGEST_ASKED_S = 3_600.0


def uuid7() -> str:
    """Return a UUIDv7 (RFC 9562 §5.7): 48 bits of time in ms, version, 74 random bits."""
    number = int(time.time() * 1000) << 80 | int.from_bytes(os.urandom(10), "big")
    return str(uuid.UUID(int=number & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62))


class Refused(Exception):
    """The collector refused a batch as a whole: sending it again would not help."""


class NoAnswer(Exception):
    """Nobody answered, or somebody else did: a login page, a firewall. Keep the batch and send it later."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A POST that is led elsewhere arrives there as a GET, without its events."""

    def redirect_request(self, *_: Any) -> None:
        return None


#: Not through a proxy of the environment: it would read the visitors' events.
_open = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect()).open


def complete(event: dict[str, Any], site: str) -> dict[str, Any]:
    """Give a fact its id and time, once: every retry repeats them, and the collector counts the fact once."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    given: dict[str, Any] = clean(event)
    return {"event_id": uuid7(), "occurred_at": now, "site": site, "channel": "server", **given}


def clean(value: Any) -> Any:
    """Leave out nulls, which say nothing, and halves of characters, which are no text."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")
    if isinstance(value, dict):
        return {name: clean(inner) for name, inner in value.items() if inner is not None}
    return value


def send(url: str, events: list[dict[str, Any]], api_key: str = "", tries: int = 10) -> dict[str, Any]:
    """Post one batch until the collector has answered for it.

    Raises
    ------
    Refused
        If it refuses the batch as a whole, and its problem document says so.
    NoAnswer
        If it has not answered in `tries` tries.
    """
    headers = {"Content-Type": "application/json", **({"X-API-Key": api_key} if api_key else {})}
    for n in itertools.count(1):
        body = json.dumps({"sent_at": datetime.now(UTC).isoformat(), "events": events}).encode()
        asked = 0.0
        try:
            with _open(urllib.request.Request(f"{url}/v1/events", body, headers), timeout=30) as answer:
                fields = parsed(answer.read())
                if answer.status == 200 and type(fields.get("accepted")) is int:
                    return fields
                why = f"got {answer.status} {answer.headers.get('Content-Type', '')}, not the collector's answer"
        except urllib.error.HTTPError as error:
            fields = parsed(rest_of(error))
            if error.code in (400, 401, 413, 415) and fields.get("status") == error.code and "title" in fields:
                raise Refused(fields.get("detail", error.reason)) from None
            asked = seconds_of(error.headers.get("Retry-After", ""))
            why = f"got {error.code}"
        except (OSError, http.client.HTTPException) as error:
            why = str(error)
        if n == tries:
            raise NoAnswer(why)
        time.sleep(asked + min(LONGEST_WAIT_S, 2.0 ** (n - 1)) * random.uniform(0.25, 0.5))
    raise AssertionError("unreachable")


def rest_of(error: urllib.error.HTTPError) -> bytes:
    """Read what goes with a refusal; a proxy may cut it off."""
    try:
        return error.read()
    except (OSError, http.client.HTTPException):
        return b""


def parsed(text: bytes) -> dict[str, Any]:
    """Read a JSON object; empty if it is none."""
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def seconds_of(retry_after: str) -> float:
    """Read a Retry-After header: seconds or an HTTP date, 0 if it is neither; an hour at most, whoever says more."""
    try:
        if retry_after.endswith("GMT"):
            asked = (email.utils.parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds()
        else:
            asked = float(retry_after)
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return min(asked, LONGEST_ASKED_S) if asked > 0 else 0.0


def read(lines: Iterable[str], site: str, unread: list[int]) -> Iterator[dict[str, Any]]:
    """Read events from lines of JSON; put the numbers of lines that hold none into `unread`."""
    for number, line in enumerate(lines, 1):
        event = parsed(line.encode("utf-8", "surrogatepass"))
        if event:
            yield complete(event, site)
        elif line.strip():
            unread.append(number)
            sys.stderr.write(f"line {number} is no JSON object; it was not sent\n")


def main() -> int:
    """Send what comes on standard input."""
    parser = argparse.ArgumentParser(description="Send events, one JSON object a line, to a civicrec collector.")
    parser.add_argument("url", help="address of the collector, http://127.0.0.1:8701")
    parser.add_argument("--site", default="", help="portal id")
    parser.add_argument("--api-key", default="", help="the site's API key, if it has one")
    chosen = parser.parse_args()
    refused = lost = 0
    unread: list[int] = []
    events = read(sys.stdin, chosen.site, unread)
    while batch := list(itertools.islice(events, BATCH)):
        try:
            answer = send(chosen.url, batch, chosen.api_key)
        except Refused as error:
            lost += len(batch)
            sys.stderr.write(f"the collector refused a batch of {len(batch)}: {error}\n")
        except NoAnswer as error:
            left = len(batch) + sum(1 for _ in events)
            sys.stderr.write(f"{left} events were not sent, from {batch[0]['event_id']} on: {error}\n")
            return 2
        else:
            sys.stdout.write(json.dumps(answer) + "\n")
            refused += len(answer["rejected"])
    if lost:
        sys.stderr.write(f"{lost} events were refused with their batches\n")
        return 2
    return 1 if refused or unread else 0


if __name__ == "__main__":
    sys.exit(main())
