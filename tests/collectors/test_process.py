"""The collector as a real process: durable before the answer, killed, stopped, told to start wrongly."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import httpx
import pytest

from civicrec.clock import utc_now
from tests.builders import raw_event
from tests.running import environment, running_collector, settings_on_free_ports


def a_batch(first: int, n: int = 10) -> bytes:
    return json.dumps({"events": [raw_event(n=first + k, at=utc_now()) for k in range(n)]}).encode()


def send_until_answered(url: str, bodies: Iterable[bytes], answered: list[bytes]) -> None:
    """What a careful client does: the same bytes again until somebody says 200."""
    until = time.monotonic() + 120
    with httpx.Client(verify=False, timeout=10) as client:
        for body in bodies:
            while True:
                assert time.monotonic() < until, "no answer"
                try:
                    if client.post(f"{url}/v1/events", content=body).status_code == 200:
                        break
                except httpx.TransportError:
                    time.sleep(0.05)
            answered.append(body)


def test_kill_loses_nothing_answered_and_a_retry_is_stored_once(tmp_path: Path) -> None:
    with running_collector(tmp_path) as process:
        bodies = [a_batch(10 * n) for n in range(400)]
        answered: list[bytes] = []
        clients = [
            threading.Thread(target=send_until_answered, args=(process.url, bodies[k::4], answered)) for k in range(4)
        ]
        for client in clients:
            client.start()
        for n_answered in (50, 150, 250):
            while len(answered) < n_answered and any(client.is_alive() for client in clients):
                time.sleep(0.001)
            process.end(signal.SIGKILL)
            process.start()
        for client in clients:
            client.join()
        kept = process.kept()
        assert len(kept) == len(set(kept))
        assert set(kept) == {event["event_id"] for body in bodies for event in json.loads(body)["events"]}
        books = httpx.get(f"{process.url}/v1/accounting").json()
        assert (books["accepted"], books["balanced"]) == (4_000, True)
        assert books["received"] == books["accepted"] + books["duplicates"]


def test_answered_events_are_in_the_log_the_moment_the_answer_is_there(tmp_path: Path) -> None:
    with running_collector(tmp_path) as process:
        send_until_answered(process.url, [a_batch(0)], [])
        process.end(signal.SIGKILL)
        assert len(process.kept()) == 10


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_polite_end_answers_what_it_took_and_leaves_with_zero(tmp_path: Path, number: signal.Signals) -> None:
    with running_collector(tmp_path) as process:
        answers: list[int | str] = []

        def send() -> None:
            with httpx.Client(verify=False) as client:
                for n in range(2_000):
                    try:
                        answers.append(client.post(f"{process.url}/v1/events", content=a_batch(n, 1)).status_code)
                    except httpx.TransportError as error:
                        answers.append(type(error).__name__)
                        return

        client = threading.Thread(target=send)
        client.start()
        while len(answers) < 100 and client.is_alive():
            time.sleep(0.001)
        assert process.end(number) == 0
        client.join()
        assert answers.count(200) == len(process.kept()) > 0
        assert not process.settings.log_path.with_name("events.sqlite-wal").exists()


def test_second_collector_on_the_same_home_or_port_is_told_why(tmp_path: Path) -> None:
    with running_collector(tmp_path / "first") as process:
        for home, why in (
            (tmp_path / "first", "in use as the event log"),
            (tmp_path / "second", "cannot listen"),
        ):
            env = environment(process.settings) | {"CIVICREC_HOME": str(home)}
            if home.name == "first":
                env["CIVICREC_COLLECTOR__PORT"] = str(settings_on_free_ports(home).collector.port)
            done = subprocess.run(
                [sys.executable, "-m", "civicrec", "collect"], env=env, capture_output=True, text=True
            )
            assert done.returncode == 2
            assert why in done.stderr
            assert "Traceback" not in done.stderr
