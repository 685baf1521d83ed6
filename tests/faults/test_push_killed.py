"""A sender is killed while its gateway is slow and fails every second time: nobody gets it twice or is forgotten.

Real processes and a real HTTP gateway, which takes each key once.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from civicrec.clock import utc_now
from civicrec.registry.campaigns import campaign
from civicrec.registry.deliveries import counts_of
from civicrec.registry.notice import notice_of
from civicrec.security.tokens import load_keys
from civicrec.settings import Settings
from civicrec.settings.consent import ConsentSettings
from civicrec.settings.push import PushSettings
from operations.bench.push_crowd import put_crowd, start_for_all
from recommender.push.message import recipient_of
from recommender.push.people import people_at
from recommender.push.sending import SECRET
from tests.recommender.push.gateway import KEY, TAKEN, Answer, Gateway, running_gateway
from tests.running import environment


def settings_for(home: Path, gateway: Gateway) -> Settings:
    push = PushSettings(
        holdout_share=0, webhook_url=gateway.url, webhook_key=SecretStr(KEY), webhook_pause_s=0.1, webhook_tries=1_000
    )
    return Settings(home=home, push=push, consent=ConsentSettings(notice_version="2026-1"))


@contextmanager
def sender(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    env = environment(settings, {"CIVICREC_CONSENT__NOTICE_VERSION": "2026-1", "CIVICREC_PUSH__WEBHOOK_KEY": KEY})
    command = [sys.executable, "-m", "civicrec", "campaign", "send", "--wait"]
    child = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def survive(home: Path, n: int, kills: int) -> None:
    chance = random.Random(7)

    def moody(_: int, messages: list[dict[str, Any]]) -> Answer:
        time.sleep(0.02)
        # Half of the failures come after the gateway took the messages: the sender cannot know.
        return TAKEN if chance.random() < 0.5 else (500, {}, chance.random() < 0.5)

    with running_gateway() as gateway:
        settings = settings_for(home, gateway)
        gateway.how = moody
        with people_at(settings) as people:
            subjects = put_crowd(people.registry, people.keys, notice_of(settings), n, utc_now())
            name = start_for_all(people, ["inbox", "webhook"], settings.push, utc_now())
            for kill in range(1, kills + 1):
                with sender(settings) as child:
                    gateway.wait_for(n * kill // (kills + 2), 280)
                    child.send_signal(signal.SIGKILL)
                    child.wait()
                    assert campaign(people.registry, name).state == "sending"
            with sender(settings) as child:
                assert child.wait(280) == 0
            assert campaign(people.registry, name).state == "done"
            assert {(row["channel"], row["state"]): row["n"] for row in counts_of(people.registry, name)} == {
                ("inbox", "delivered"): n, ("webhook", "sent"): n
            }  # fmt: skip
            secret = load_keys(settings).key_for(SECRET)
            with people.registry.connect() as connection:
                inboxes = connection.exec_driver_sql("SELECT subject FROM inbox").scalars().all()
    taken = [message["recipient"] for message in gateway.kept.values()]
    assert sorted(taken) == sorted(recipient_of(secret, subject, "webhook") for subject in subjects)
    assert sorted(inboxes) == sorted(subjects)
    assert max(gateway.n_seen.values()) > 1, "no message came twice: the test tested nothing"
    assert gateway.unsigned == 0


def test_nobody_gets_it_twice_and_nobody_is_forgotten(tmp_path: Path) -> None:
    survive(tmp_path, 3_000, kills=2)


@pytest.mark.slow
def test_nobody_of_a_hundred_thousand_gets_it_twice_or_is_forgotten(tmp_path: Path) -> None:
    survive(tmp_path, 100_000, kills=5)
