import os
import subprocess
import sys
import time

import pytest

from civicrec.process import heartbeat
from civicrec.process.heartbeat import BEAT_S, Heart, Listener, Pulse
from tests.running import wait_for

BEATS = """
import sys, time
from civicrec.process.heartbeat import Heart
heart = Heart()
heart.beat(float(sys.argv[1]))
heart.set_status("all is well", 2)
time.sleep(99)
"""


def heard(listener: Listener, pid: int) -> Pulse | None:
    listener.receive()
    return listener.pulses.get(pid)


@pytest.mark.parametrize("within_s", [0, 500])
def test_a_process_is_due_when_it_said_it_would_beat_again(within_s: int) -> None:
    listener = Listener()
    began = time.monotonic()
    with subprocess.Popen([sys.executable, "-c", BEATS, str(within_s)], env={**os.environ, **listener.env}) as child:  # noqa: TID251
        pulse = wait_for(lambda: (one := heard(listener, child.pid)) and one.status and one, 30, "a beat")
        ended = time.monotonic()
        child.kill()
    listener.close()
    promised = max(BEAT_S, within_s)
    assert began + promised <= pulse.due_s <= ended + promised
    assert (pulse.status, pulse.replaced) == ("all is well", 2)
    assert pulse.late_s(pulse.due_s - 1) == 0
    assert pulse.late_s(pulse.due_s + 7) == pytest.approx(7)


def test_a_heart_that_nobody_listens_to_beats_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not Heart().has_listener
    Heart().beat()
    monkeypatch.setenv("NOTIFY_SOCKET", "@nobody-is-there")
    heart = Heart()
    assert heart.has_listener
    heart.beat()
    heart.set_status("x", 0)


def test_systemd_is_told_of_the_start_once_and_of_longer_work(monkeypatch: pytest.MonkeyPatch) -> None:
    listener, words = Listener(), []
    monkeypatch.setattr(Listener, "_take", lambda _, __, text, ___: words.append(text))
    monkeypatch.setenv("NOTIFY_SOCKET", listener.env["NOTIFY_SOCKET"])
    monkeypatch.setenv("WATCHDOG_USEC", "60000000")
    heart = Heart()
    heart.beat()
    heart.beat(within_s=30)
    heart.beat(within_s=30)  # said a moment ago
    heart.beat()  # soon enough
    listener.receive()
    time.sleep(BEAT_S)
    heart.beat()
    listener.receive()
    listener.close()
    assert [text.startswith("READY=1\n") for text in words] == [True, False, False]
    assert [text.splitlines()[-1] for text in words] == [
        "WATCHDOG_USEC=60000000", "WATCHDOG_USEC=90000000", "WATCHDOG_USEC=60000000",
    ]  # fmt: skip


def test_what_was_said_comes_with_the_next_beat_if_it_was_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    listener = Listener()
    monkeypatch.setenv("NOTIFY_SOCKET", listener.env["NOTIFY_SOCKET"])
    heart = Heart()
    with monkeypatch.context() as lost:
        lost.setattr(Heart, "_send", lambda *_: None)
        heart.set_status("the store is full", 1)
    heart.beat()
    listener.receive()
    listener.close()
    assert (listener.pulses[os.getpid()].status, listener.pulses[os.getpid()].replaced) == ("the store is full", 1)


def test_a_listener_that_was_itself_held_still_blames_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(heartbeat, "monotonic_s", lambda: now[0])
    listener = Listener()
    listener.answered(os.getpid())
    now[0] += 1
    listener.receive()
    now[0] += 60
    listener.receive()
    assert listener.pulses[os.getpid()].late_s(now[0]) <= BEAT_S
    for _ in range(10):
        now[0] += 1
        listener.receive()
    assert listener.pulses[os.getpid()].late_s(now[0]) == pytest.approx(10, abs=1)
    listener.receive(alive={1})
    listener.close()
    assert listener.pulses == {}
