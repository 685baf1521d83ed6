"""Processes held still by SIGSTOP under load, one after the other: each is replaced in time, and nothing is lost."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from civicrec.accounting.books import read_books
from operations.stack.supervisor import state_path
from tests.faults.backlog import wait_streamed
from tests.faults.load import fill_catalogue, load_on, n_sent
from tests.running import RunningStack, running_stack, settings_on_free_ports, wait_for

SILENT_S = 5.0
#: Told of, killed, waited for, started: on a busy machine the start takes longest.
BACK_S = 60.0


def workers(stack: RunningStack) -> list[int]:
    family = psutil.Process(stack.pids()["serve"]).children()
    return [child.pid for child in family if "multiprocessing-fork" in " ".join(child.cmdline())]


def entry_of(stack: RunningStack, name: str) -> dict[str, Any]:
    """Return what the supervisor writes of a process, which `civicrec status` puts into words."""
    found: dict[str, Any] = json.loads(state_path(stack.settings).read_text())["processes"][name]
    return found


def lists_come(stack: RunningStack) -> bool:
    """Tell whether ten lists in a row are answered, each within a second."""
    try:
        with httpx.Client(base_url=stack.serving_url, timeout=1, headers={"Connection": "close"}) as client:
            return all(client.get("/v1/recommendations", params={"n": 1}).status_code == 200 for _ in range(10))
    except httpx.TransportError:
        return False


def held_still(stack: RunningStack, name: str, pids: list[int], is_back: Callable[[], bool]) -> None:
    before = entry_of(stack, name)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    wait_for(
        lambda: entry_of(stack, name)["silent_since_ms"] or "silent" in entry_of(stack, name)["says"], BACK_S, "a word"
    )
    wait_for(lambda: not set(pids) & {child.pid for child in psutil.process_iter()}, BACK_S, "the end")
    wait_for(is_back, BACK_S, f"{name} again")
    # What a process tells of its workers comes with its next beat.
    wait_for(
        lambda: entry_of(stack, name)["killed_silent"] - before["killed_silent"] >= len(pids), BACK_S, "a count of it"
    )
    after = entry_of(stack, name)
    assert after["killed_silent"] - before["killed_silent"] == len(pids)
    assert after["restarts"] > before["restarts"]


@pytest.mark.slow
@pytest.mark.stack
def test_every_process_that_is_held_still_is_replaced_and_nothing_is_lost(tmp_path: Path) -> None:
    settings = settings_on_free_ports(tmp_path)
    fill_catalogue(settings)
    with running_stack(tmp_path, settings=settings, env={"CIVICREC_SILENT_S": str(SILENT_S)}) as stack:

        def answers(url: str) -> bool:
            try:
                return httpx.get(f"{url}/readyz", timeout=2).status_code == 200
            except httpx.TransportError:
                return False

        def stores() -> bool:
            stored = read_books(settings).stored
            return bool(wait_for(lambda: read_books(settings).stored > stored, BACK_S, "events stored"))

        with load_on(stack.collector_url, stack.settings, 0.05) as senders:
            wait_for(lambda: read_books(settings).stored > 100, 60, "events")
            held_still(stack, "stream", [stack.pids()["stream"]], stores)
            held_still(stack, "collect", [stack.pids()["collect"]], lambda: answers(stack.collector_url))
            held_still(stack, "warehouse", [stack.pids()["warehouse"]], stores)
            held_still(stack, "valkey", [stack.pids()["valkey"]], stores)
            one, other = workers(stack)
            held_still(stack, "serve", [one], lambda: lists_come(stack))
            wait_for(lambda: len(workers(stack)) == 2, BACK_S, "two workers")
            held_still(stack, "serve", workers(stack), lambda: len(workers(stack)) == 2 and lists_come(stack))
            assert other not in workers(stack)
        wait_streamed(settings)
        books = read_books(settings)
        assert books.balanced
        assert books.stored + sum(books.rejected.values()) >= n_sent(senders)
