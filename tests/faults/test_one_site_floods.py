"""One site at full throttle from many connections, and another beside it that must not notice."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import httpx

from civicrec.clock import utc_now
from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.events import load
from tests.builders import raw_event
from tests.running import running_collector

SECONDS = 4.0
SITE_EVENTS_PER_S = 150
BURST_S = 1.0
BATCH = 10
CONNECTIONS = 24
SOON_S = 2.0


def batches(site: str, numbers: Iterator[int]) -> Iterator[bytes]:
    for first in numbers:
        events = [raw_event(n=first + k, site=site, at=utc_now()) for k in range(BATCH)]
        yield json.dumps({"events": events}).encode()


async def flood(url: str, bodies: Iterator[bytes], until: float, address: str) -> Counter[int]:
    statuses: Counter[int] = Counter()
    async with httpx.AsyncClient(base_url=url, timeout=20, headers={"x-forwarded-for": address}) as client:
        while time.monotonic() < until:
            answer = await client.post("/v1/events", content=next(bodies))
            statuses[answer.status_code] += 1
            assert answer.status_code == 200 or int(answer.headers["retry-after"]) >= 1
    return statuses


async def send_quietly(url: str, bodies: Iterator[bytes], until: float) -> list[tuple[int, float]]:
    answers: list[tuple[int, float]] = []
    async with httpx.AsyncClient(base_url=url, timeout=20, headers={"x-forwarded-for": "203.0.113.200"}) as client:
        while time.monotonic() < until:
            began = time.monotonic()
            answer = await client.post("/v1/events", content=next(bodies))
            answers.append((answer.status_code, time.monotonic() - began))
            await asyncio.sleep(0.1)
    return answers


def test_site_that_floods_is_held_to_its_limit_and_another_is_served_at_once(tmp_path: Path) -> None:
    sites = {name: {"key": name * 20, "api_key": f"{name}-server-key-of-2026"} for name in ("loud", "quiet")}
    limits = {"SITE_EVENTS_PER_S": f"{SITE_EVENTS_PER_S}", "BURST_S": f"{BURST_S}", "UNLIMITED_NETWORKS": "[]"}
    env = {"CIVICREC_SITES": json.dumps(sites), "CIVICREC_COLLECTOR__TRUSTED_PROXIES": '["127.0.0.1"]'}
    env |= {f"CIVICREC_COLLECTOR__LIMITS__{name}": value for name, value in limits.items()}
    with running_collector(tmp_path, env) as process:

        async def both() -> tuple[Counter[int], list[tuple[int, float]], float]:
            began = time.monotonic()
            until, numbers = began + SECONDS, count(0, BATCH)
            floods = [flood(process.url, batches("loud", numbers), until, f"203.0.113.{n}") for n in range(CONNECTIONS)]
            quiet = send_quietly(process.url, batches("quiet", count(10_000_000, BATCH)), until)
            *loud, answers = await asyncio.gather(*floods, quiet)
            return sum(loud, Counter()), answers, time.monotonic() - began  # type: ignore[arg-type]

        statuses, answers, took_s = asyncio.run(both())
        assert {status for status, _ in answers} == {200}
        assert max(seconds for _, seconds in answers) < SOON_S
        assert set(statuses) == {200, 429}
        # The burst, the rate, and the last request, which may overdraw.
        assert statuses[200] * BATCH <= SITE_EVENTS_PER_S * (BURST_S + took_s) + BATCH
        log = SqliteEventLog(process.settings.log_path, readonly=True)
        events = [event for found in log.read(0, log.head()) for event in load(found.record.value)[0]]
        log.close()
        kept = Counter(event.site for event in events)
        assert kept == {"loud": statuses[200] * BATCH, "quiet": len(answers) * BATCH}
