"""Processes that hang in one way or another, and those that only work for long."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from civicrec.process.heartbeat import Listener, is_stopped
from operations.stack import silence
from operations.stack.children import Child, ChildSpec
from operations.stack.silence import Watch
from serving import workers
from serving.workers import WorkerWatch
from tests.running import wait_for

BEATS = "from civicrec.process.heartbeat import Heart; import time; heart = Heart()\n"
BUSY_LOOP = BEATS + "heart.beat()\nwhile True: pass"
SLEEPS = BEATS + "heart.beat()\ntime.sleep(99)"
PROMISES = BEATS + "heart.beat(60)\ntime.sleep(99)"
ALIVE = BEATS + "while True: heart.beat(); time.sleep(0.1)"
NEVER_BEATS = "import time; time.sleep(99)"


@pytest.fixture(autouse=True)
def said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence, "REPORTED_AFTER_S", 0.5)
    monkeypatch.setattr(workers, "_REPORTED_AFTER_S", 0.5)


@contextmanager
def watched(code: str, patience_s: float) -> Iterator[tuple[Child, Watch]]:
    listener = Listener()
    child = Child(ChildSpec("it", (sys.executable, "-c", code), lambda: False, env=listener.env))
    child.start()
    try:
        yield child, Watch([child], patience_s, listener)
    finally:
        child.kill()
        child.stop()
        listener.close()


@pytest.mark.parametrize("code", [BUSY_LOOP, SLEEPS])
def test_a_child_that_beats_no_more_is_said_to_be_silent_then_killed_and_started_again(code: str) -> None:
    with watched(code, patience_s=2.5) as (child, watch):
        told = watch.silences["it"]
        wait_for(lambda: watch.look() and told.since_ms, 30, "the silence")
        assert (told.killed, child.exit_code()) == (0, None)
        wait_for(lambda: watch.look() and told.killed, 30, "the end")
        wait_for(child.keep_alive, 10, "the death")
        watch.look()
        wait_for(child.keep_alive, 10, "the restart")
        assert (child.restarts, told.killed) == (1, 1)


def test_a_child_held_still_before_its_first_beat_is_killed() -> None:
    with watched(NEVER_BEATS, patience_s=1) as (child, watch):
        assert child.pid is not None
        os.kill(child.pid, signal.SIGSTOP)
        wait_for(lambda: is_stopped(child.pid or 0), 10, "the stop")
        wait_for(lambda: watch.look() and watch.silences["it"].killed, 30, "the end")
        wait_for(child.keep_alive, 10, "the death")


@pytest.mark.parametrize("code", [ALIVE, PROMISES, NEVER_BEATS])
def test_a_child_that_beats_or_works_for_long_or_is_still_starting_is_left_alone(code: str) -> None:
    with watched(code, patience_s=0.8) as (child, watch):
        if code is not NEVER_BEATS:
            wait_for(lambda: watch.look() or watch.pulse(child), 30, "a beat")
        watch._patience_s = 20.0 if code is ALIVE else 0.8  # a busy machine may make a loop wait
        until = time.monotonic() + 3.5
        while time.monotonic() < until:
            watch.look()
            time.sleep(0.1)
        assert (watch.silences["it"].killed, child.exit_code()) == (0, None)


def test_a_program_that_knows_no_beats_is_asked_and_killed_when_it_answers_no_more() -> None:
    answers = [False]
    with watched(NEVER_BEATS, patience_s=1.5) as (child, watch):
        child.spec = replace(child.spec, keeps_own_log=False, ready=lambda: answers[0])
        until = time.monotonic() + 3
        while time.monotonic() < until:  # it is reading its files
            watch.look()
            time.sleep(0.1)
        assert (child.was_ready, watch.silences["it"].killed) == (False, 0)
        answers[0] = True
        wait_for(lambda: watch.look() or child.was_ready, 10, "an answer")
        answers[0] = False
        wait_for(lambda: watch.look() and watch.silences["it"].killed, 30, "the end")


SPEAKS = BEATS + "heart.beat(60); time.sleep(3); heart.set_status('the store is full', 0); time.sleep(99)"


def test_what_a_child_says_is_news_once_whenever_it_is_heard() -> None:
    with watched(SPEAKS, patience_s=60) as (child, watch):
        news = 0
        until = time.monotonic() + 30
        while time.monotonic() < until and not ((pulse := watch.pulse(child)) and pulse.status and news):
            watch.listener.receive()  # as between two looks
            news += watch.look()
            time.sleep(0.05)
        assert news == 1
        assert (pulse := watch.pulse(child)) is not None
        assert pulse.status == "the store is full"


def test_a_worker_held_still_before_its_first_beat_is_killed() -> None:
    pids: list[int] = []
    watch = WorkerWatch(lambda: pids, patience_s=1)
    with watched(NEVER_BEATS, 99) as (child, _):
        assert child.pid is not None
        pids.append(child.pid)
        os.kill(child.pid, signal.SIGSTOP)
        wait_for(lambda: time.sleep(0.1) or watch.look() or watch.replaced, 30, "the end")
        wait_for(lambda: child.exit_code() is not None, 10, "the death")
    watch.close()


def test_the_master_kills_the_one_worker_that_is_silent_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    above = Listener()
    monkeypatch.setenv("NOTIFY_SOCKET", above.env["NOTIFY_SOCKET"])
    pids: list[int] = []
    watch = WorkerWatch(lambda: pids, patience_s=3)
    with watched(ALIVE, 99) as (good, _), watched(ALIVE, 99) as (bad, _):
        for child in (good, bad):
            child.kill()
            child.stop()
            child.spec = replace(child.spec, env=watch._listener.env)
            child.start()
        pids += [child.pid for child in (good, bad) if child.pid]
        wait_for(lambda: watch.look() or len(watch._listener.pulses) == 2, 30, "both")
        os.kill(bad.pid, signal.SIGSTOP)
        wait_for(lambda: time.sleep(0.1) or watch.look() or watch.replaced, 30, "the end")
        wait_for(lambda: bad.exit_code() is not None, 10, "the death")
        assert (good.exit_code(), watch.replaced) == (None, 1)
    above.receive()
    assert above.pulses[os.getpid()].replaced == 1
    assert f"worker {pids[1]} has been silent" in above.pulses[os.getpid()].status
    watch.close()
    above.close()
