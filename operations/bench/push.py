"""How many messages a second pushes reach: the inbox, and a gateway over HTTP, everybody looked at again right before.

In: how many people. Out: figures of one run, beside the plainest insert of as many rows into the same registry.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import insert

from civicrec.clock import monotonic_s, utc_now
from civicrec.registry.notice import notice_of
from civicrec.registry.tables import inbox
from civicrec.settings import Settings
from civicrec.settings.consent import ConsentSettings
from civicrec.settings.push import PushSettings
from operations.bench.push_crowd import put_crowd, start_for_all
from recommender.push.people import People, people_at
from recommender.push.worker import sender_of

_AT_ONCE = 500


def bench_push(n: int) -> dict[str, Any]:
    """Measure with `n` people.

    Returns
    -------
    dict
        Messages a second: ``inbox``, and of CPU ``inbox_cpu``; ``webhook`` in requests of a hundred,
        ``webhook_single`` alone; ``enlist``, people a second whose rows are written; ``plain_insert``, rows a second,
        and ``of_plain`` the inbox beside it.
    """
    with tempfile.TemporaryDirectory() as folder, _gateway() as url:
        consent = ConsentSettings(notice_version="bench")
        settings = Settings(home=Path(folder), consent=consent, push=PushSettings(holdout_share=0, webhook_url=url))
        with people_at(settings) as people:
            put_crowd(people.registry, people.keys, notice_of(settings), n, utc_now())
            plain = _plain_insert(people, n)
            enlist, sent, of_cpu = _sent(settings, people, "inbox", n)
            _, batched, _ = _sent(settings, people, "webhook", n)
            single = settings.model_copy(update={"push": settings.push.model_copy(update={"webhook_batch": 1})})
            _, alone, _ = _sent(single, people, "webhook", n, "single")
        came = int(httpx.get(url).text)
    assert came == 2 * n, f"{came} of {2 * n} messages came"
    return {
        "people": n, "inbox": round(sent), "inbox_cpu": round(of_cpu), "webhook": round(batched),
        "webhook_single": round(alone), "enlist": round(enlist), "plain_insert": round(plain),
        "of_plain": round(sent / plain, 3),
    }  # fmt: skip


def _sent(settings: Settings, people: People, channel: str, n: int, name: str = "") -> tuple[float, float, float]:
    """Send a campaign; return people enlisted and messages decided on a second, and messages a second of CPU."""
    start_for_all(people, [channel], settings.push, utc_now(), campaign_id=name or channel)
    with sender_of(settings) as sender:
        sender.step()  # its window begins
        began = monotonic_s()
        first = sender.step()  # all recipients, and the first messages
        enlisted, busy_s = monotonic_s(), time.process_time()
        n_sent = first
        while some := sender.step():
            n_sent += some
        over, busy_s = monotonic_s(), time.process_time() - busy_s
    assert n_sent == n, f"{n_sent} of {n} messages were decided on"
    return n / (enlisted - began), (n - first) / (over - enlisted), (n - first) / busy_s


def _plain_insert(people: People, n: int) -> float:
    """Return rows a second of a plain insert of as many messages, in steps of as many as the sender takes."""
    now, began = utc_now(), monotonic_s()
    for start in range(0, n, _AT_ONCE):
        rows = [
            {
                "delivery_key": f"plain-{k}", "subject": f"{k:032x}", "campaign_id": "plain", "version": 1, "at": now,
                "read_at": None, "deleted_at": None,
            }
            for k in range(start, min(start + _AT_ONCE, n))
        ]  # fmt: skip
        with people.registry.begin() as connection:
            connection.execute(insert(inbox), rows)
    return n / (monotonic_s() - began)


@contextmanager
def _gateway() -> Iterator[str]:
    command = [sys.executable, "-m", "operations.bench.push_gateway"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(child.stdout.readline())}/push"
        finally:
            child.kill()
