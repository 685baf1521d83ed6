"""A stopped home copied elsewhere is the same installation: what docs/operations.md says of backup and restore."""

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from civicrec.accounting.books import Books, read_books
from civicrec.clock import utc_now
from civicrec.settings import Settings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from tests.builders import raw_event
from tests.running import RunningStack, running_stack, settings_on_free_ports, wait_for

pytestmark = pytest.mark.stack
ITEM = '{"item_id": "a-1", "item_type": "service", "title": "青年驿站免费住宿申请"}\n'
STREAMING = ("valkey", "warehouse", "collect", "stream")


def some_events(first: int, n: int) -> list[dict[str, object]]:
    at = utc_now()
    return [
        raw_event(n=first + k, at=at, item="a-1", anonymous_id=f"visitor-{k}", consent="personalise") for k in range(n)
    ]


def send(stack: RunningStack, events: Sequence[dict[str, object]]) -> dict[str, int]:
    answer = httpx.post(f"{stack.collector_url}/v1/events", json={"events": events}).raise_for_status().json()
    assert answer.pop("rejected") == []
    return answer


def balanced_books(settings: Settings) -> Books:
    books = read_books(settings)
    assert books.balanced
    return books


def stored_ids(stack: RunningStack) -> set[str]:
    with closing(ClickHouseWarehouse(stack.settings.warehouse)) as warehouse:
        rows = warehouse.rows("SELECT toString(event_id) AS id FROM events FINAL")
    assert len(rows) == len({row["id"] for row in rows})
    return {row["id"] for row in rows}


def recent_of(stack: RunningStack, actor: str) -> list[str]:
    """What the online store holds of an actor."""
    profile = json.loads(stack.civicrec("profile", "show", actor).stdout)
    return [item["item_id"] for item in profile["recent"]]


def test_a_stopped_home_copied_elsewhere_goes_on_where_it_was(tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "another machine" / "civicrec"
    settings = settings_on_free_ports(home)
    first, second, third = some_events(0, 200), some_events(200, 150), some_events(350, 10)
    with running_stack(home, only=STREAMING, settings=settings) as stack:
        (home / "items.jsonl").write_text(ITEM)
        stack.civicrec("catalog", "import", str(home / "items.jsonl"))
        assert send(stack, first)["accepted"] == 200
        wait_for(lambda: balanced_books(settings).pending == 0, what="the stream")
    with running_stack(home, only=("collect",), settings=settings) as stack:
        assert send(stack, second)["accepted"] == 150
    assert (balanced_books(settings).stored, balanced_books(settings).pending) == (200, 150)

    elsewhere.parent.mkdir()
    subprocess.run(["cp", "-a", home, elsewhere], check=True)
    home.rename(tmp_path / "gone")  # nothing may lead back to it
    settings = settings_on_free_ports(elsewhere)
    assert (balanced_books(settings).stored, balanced_books(settings).pending) == (200, 150)
    with running_stack(elsewhere, only=STREAMING, settings=settings) as stack:
        wait_for(lambda: balanced_books(settings).pending == 0, what="the stream")
        assert send(stack, [*first, *second]) == {"accepted": 0, "duplicates": 350}
        assert send(stack, third)["accepted"] == 10
        wait_for(lambda: balanced_books(settings).pending == 0, what="the stream")
        assert balanced_books(settings).accepted == balanced_books(settings).stored == 360
        assert stored_ids(stack) == {str(event["event_id"]) for event in [*first, *second, *third]}
        assert stack.civicrec("catalog", "list").stdout.startswith("a-1\tservice\tonline")
        assert recent_of(stack, "visitor-199") == ["a-1"]


def copy_in_use(source: Path, target: Path) -> None:
    """Copy a SQLite file that others write."""
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
        one.backup(other)


@pytest.mark.slow
def test_an_older_ledger_streams_again_what_the_warehouse_has_and_each_event_counts_once(tmp_path: Path) -> None:
    home, ledger = tmp_path / "home", tmp_path / "stream.sqlite"
    settings = settings_on_free_ports(home)
    events = [some_events(n * 100, 100) for n in range(4)]
    with running_stack(home, only=STREAMING, settings=settings) as stack:
        for n, some in enumerate(events):
            send(stack, some)
            wait_for(lambda n=n: balanced_books(settings).stored == (n + 1) * 100, what="the stream")
            if n == 1:
                copy_in_use(settings.stream_path, ledger)
    settings.stream_path.unlink()
    ledger.rename(settings.stream_path)
    assert (balanced_books(settings).stored, balanced_books(settings).pending) == (200, 200)
    with running_stack(home, only=STREAMING, settings=settings) as stack:
        wait_for(lambda: balanced_books(settings).pending == 0, what="the stream")
        assert balanced_books(settings).stored == 400
        assert stored_ids(stack) == {str(event["event_id"]) for some in events for event in some}


def test_ledger_and_log_copied_in_this_order_from_a_running_stack_balance(tmp_path: Path) -> None:
    with running_stack(tmp_path / "home", only=STREAMING) as stack:
        n_pending = 0
        for n in range(200):  # a quick stream may leave nothing pending for a while
            send(stack, some_events(n * 100, 100))
            copy = Settings(home=tmp_path / f"copy-{n}")
            copy.home.mkdir()
            for of in ("stream_path", "log_path"):  # the other way round the ledger may know more than the log
                copy_in_use(getattr(stack.settings, of), getattr(copy, of))
            books = balanced_books(copy)
            assert books.accepted == (n + 1) * 100
            n_pending += books.pending > 0
            if n >= 19 and n_pending:
                break
        assert n_pending


@pytest.mark.slow
def test_a_home_restored_without_the_online_store_balances_and_serves(tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "restored"
    settings = settings_on_free_ports(home)
    with running_stack(home, only=STREAMING, settings=settings) as stack:
        (home / "items.jsonl").write_text(ITEM)
        stack.civicrec("catalog", "import", str(home / "items.jsonl"))
        send(stack, some_events(0, 50))
        wait_for(lambda: balanced_books(settings).pending == 0, what="the stream")

    shutil.copytree(home, elsewhere, symlinks=True, ignore=shutil.ignore_patterns("valkey", "ids"))
    settings = settings_on_free_ports(elsewhere)
    with running_stack(elsewhere, settings=settings) as stack:
        assert balanced_books(settings).stored == 50
        asked = {"scene": "home", "n": 1, "anonymous_id": "visitor-1"}
        answer = httpx.get(f"{stack.serving_url}/v1/recommendations", params=asked).raise_for_status().json()
        assert ([item["item_id"] for item in answer["items"]], answer["degraded"]) == (["a-1"], False)
        wait_for(lambda: recent_of(stack, "visitor-49") == ["a-1"], what="the online store made again")
        send(stack, some_events(50, 5))
        wait_for(lambda: balanced_books(settings).pending == 0, what="the stream")
        assert balanced_books(settings).stored == len(stored_ids(stack)) == 55
