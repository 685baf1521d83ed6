"""The demo as a story: a city's catalogue, two weeks of visitors, a night's work, and one visitor's three clicks.

In: settings. Out: words on stderr, and on stdout the visitor's list before and after, with the reason for each item.
"""

from __future__ import annotations

import shutil
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from rich.console import Console

from civicrec.accounting.books import read_books
from civicrec.clients import http_client
from civicrec.clock import monotonic_s, rfc3339, utc_now
from civicrec.errors import ConfigError
from civicrec.home import DEMO, STACK_LOCK
from civicrec.items import Item
from civicrec.process.locks import owned
from civicrec.process.progress import ShowProgress, progress_bars
from civicrec.registry.accounts import FIRST_NAME
from civicrec.registry.first_account import first_password
from civicrec.security.passwords import with_passwords
from civicrec.settings import Settings
from operations.demo.catalogue import demo_items
from operations.demo.load import import_demo, post_events
from operations.demo.needs import NEEDS, Need, needed
from operations.demo.simulator import Parameters, simulate
from operations.harness.waiting import wait_for
from operations.stack.endpoints import urls
from operations.stack.supervisor import running

_SHOWN = 8
_STREAM_S = 300.0
_CHANGE_S = 20.0
_PAUSE_S = 0.1
_SEE_LOG = "the log above says what is wrong"


def run_demo(settings: Settings, *, visitors: int, leave: bool) -> None:
    """Run the demo on a home of its own, emptied first.

    Parameters
    ----------
    settings
        Its `home` is the demo's folder.
    visitors
        People of the simulated fortnight.
    leave
        Stop after printing; otherwise stay up until Ctrl-C.

    Raises
    ------
    ConfigError
        If the folder holds something else, or a port is taken.
    Unavailable
        If a process stops answering.
    """
    words = Console(stderr=True)
    _empty(settings.home)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    words.print(f"civicrec demo in {settings.home}: starting the stack", highlight=False)
    with suppress(KeyboardInterrupt), running(settings) as settings:
        now = utc_now()
        settings = with_passwords(settings)  # a new home's stores have made theirs only now
        with progress_bars() as report:
            _fill(settings, visitors, now, report)
            _night(settings, report)
        with http_client(base_url=_serving(settings), timeout=10) as api:
            _three_clicks(settings, api, now)
        words.print(f"\nPortal  {urls(settings)['start']}portal/", highlight=False)
        words.print(f"Console {urls(settings)['console']}", highlight=False)
        words.print(
            f"        account {FIRST_NAME}, password {first_password(settings)}", highlight=False, soft_wrap=True
        )
        if not leave:
            words.print("Ctrl-C stops everything.", highlight=False)
            signal.pause()


def _empty(home: Path) -> None:
    if home.exists() and any(home.iterdir()) and not DEMO.of(home).exists():
        raise ConfigError(f"{home} holds something that is not a demo; name another folder with --home")
    home.mkdir(parents=True, exist_ok=True)
    with owned(STACK_LOCK.of(home), "the stack"):  # a demo that runs holds its home: this says so
        shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True, exist_ok=True)
    DEMO.of(home).touch()


def _fill(settings: Settings, visitors: int, now: datetime, report: ShowProgress) -> None:
    """Import the catalogue, post the fortnight, and wait until the stream has stored all of it."""
    imported = import_demo(settings, now)
    report("catalogue", imported.added, imported.added)
    events = list(simulate(demo_items(now), Parameters(visitors=visitors), now))
    report("two weeks of visitors", 0, len(events))
    sent = 0

    def posted(n: int) -> None:
        nonlocal sent
        sent += n
        report("two weeks of visitors", sent, len(events))

    post_events(_collector(settings), events, posted)

    def streamed() -> bool:
        books = read_books(settings)
        report("streamed", books.accepted - books.pending, books.accepted)
        return books.pending == 0

    wait_for(streamed, _STREAM_S, f"the stream to store everything; {_SEE_LOG}", _PAUSE_S)


def _night(settings: Settings, report: ShowProgress) -> None:
    from operations.nightly import run_nightly  # loads scikit-learn and implicit: 3 s not paid before

    run = run_nightly(settings, report=report)["run"]
    with http_client(base_url=_serving(settings), timeout=10) as api:
        what = f"serving to take up the new model; {_SEE_LOG}"
        wait_for(lambda: _list(api, "nobody-yet")["model"] == run, _CHANGE_S, what, _PAUSE_S)


def _three_clicks(settings: Settings, api: httpx.Client, now: datetime) -> None:
    """Print one new visitor's list, let them click three things they need, and print the list again."""
    visitor = f"demo-{uuid4().hex[:12]}"
    need = next(need for need in NEEDS if need.name == "graduates")
    before = _list(api, visitor)
    clicked = _needed(demo_items(now), need, [row["item_id"] for row in before["items"]])
    _print("Before: the list of a new visitor", before["items"])
    _click(settings, visitor, clicked)
    print("\nThe visitor clicks:", *(f"  {item.title}" for item in clicked), sep="\n")  # noqa: T201  # data
    first = [row["item_id"] for row in before["items"]]
    began = monotonic_s()
    after = before

    def changed() -> bool:
        nonlocal after
        after = _list(api, visitor)
        return [row["item_id"] for row in after["items"]] != first

    wait_for(changed, _CHANGE_S, f"the visitor's list to change; {_SEE_LOG}", _PAUSE_S)
    print(f"\nThe list changed {monotonic_s() - began:.1f} s after the clicks.")  # noqa: T201  # data
    time.sleep(1)  # the three clicks may have reached the store in two batches
    _print("After: the same visitor", _list(api, visitor)["items"])


def _needed(items: Sequence[Item], need: Need, shown: Sequence[str]) -> list[Item]:
    """Return the three items this need asks for most among those that are not on the list already, of three types."""
    fitting = [item for item in items if item.item_id not in shown and item.status == "online"]
    chosen: dict[str, Item] = {}
    for item in sorted(fitting, key=lambda item: (-needed(item, need), item.item_id)):
        chosen.setdefault(item.item_type, item)
    return list(chosen.values())[:3]


def _click(settings: Settings, visitor: str, clicked: Sequence[Item]) -> None:
    events = [
        {
            "event_id": str(uuid4()), "kind": "click", "occurred_at": rfc3339(utc_now()), "site": "demo",
            "anonymous_id": visitor, "item_id": item.item_id, "item_type": item.item_type, "consent": "personalise",
        }
        for item in clicked
    ]  # fmt: skip
    post_events(_collector(settings), events)


def _list(api: httpx.Client, visitor: str) -> dict[str, Any]:
    answer = api.get("/v1/recommendations", params={"scene": "home", "n": _SHOWN, "anonymous_id": visitor})
    answer.raise_for_status()
    taken: dict[str, Any] = answer.json()
    return taken


def _print(title: str, rows: Sequence[dict[str, Any]]) -> None:
    print(f"\n{title}\n")  # noqa: T201  # data
    for row in rows:
        reasons = "；".join(reason["text"] for reason in row["reasons"])
        print(f"{row['position'] + 1:3}. [{row['item_type']}] {row['title']}")  # noqa: T201  # data
        print(f"     {row['source']}: {reasons}")  # noqa: T201  # data


def _collector(settings: Settings) -> str:
    return settings.collector.endpoint.url


def _serving(settings: Settings) -> str:
    return settings.serving.endpoint.url
