"""The gateway of docs/senders, as a process of its own, with the real channel."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

from pydantic import SecretStr

from civicrec.clock import utc_now
from civicrec.settings.push import PushSettings
from recommender.push.channels.ports import Taken
from recommender.push.channels.webhook import webhook_of
from tests.contracts.test_push_channels import addressed

PROGRAM = Path(__file__).parents[3] / "docs/senders/push_receiver.py"
KEY = "the key of this gateway"


def test_it_takes_each_key_once_and_nothing_that_is_not_signed(tmp_path: Path) -> None:
    (tmp_path / "push.key").write_text(KEY + "\n")
    store = tmp_path / "messages.sqlite"
    command = [
        sys.executable,
        str(PROGRAM),
        "--port",
        "0",
        "--key-file",
        str(tmp_path / "push.key"),
        "--store",
        str(store),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            url = f"http://127.0.0.1:{child.stdout.readline().split()[-1]}/push"
            for key, became in ((KEY, Taken("sent")), ("another key altogether", Taken("refused", "http_401"))):
                channel = webhook_of(PushSettings(webhook_url=url, webhook_key=SecretStr(key), webhook_batch=2), b"")
                assert channel is not None
                for _ in range(2):
                    assert channel.deliver(addressed("k1", "k2", "k3"), utc_now()) == [became] * 3
                channel.close()
        finally:
            child.kill()
    with sqlite3.connect(store) as kept:
        assert kept.execute("SELECT key, recipient FROM messages ORDER BY key").fetchall() == [
            ("k1", "r-k1"), ("k2", "r-k2"), ("k3", "r-k3")
        ]  # fmt: skip
    kept.close()
