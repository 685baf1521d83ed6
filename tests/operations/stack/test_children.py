import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from civicrec.process.retry import Retry
from operations.stack import children
from operations.stack.children import FIRST_DELAY_S, HEALTHY_S, LONGEST_DELAY_S, Child, ChildSpec
from tests.running import wait_for

#: Starts a worker of its own, as a web server does, and says the worker's number.
PARENT = """
import subprocess, sys, time
open(sys.argv[1], "w").write(str(subprocess.Popen(["sleep", "99"]).pid))
time.sleep(99)
"""


def a_child(*command: str) -> Child:
    return Child(ChildSpec("a", command, lambda: True))


def worker_of(path: Path) -> psutil.Process:
    return psutil.Process(int(wait_for(lambda: path.exists() and path.read_text().strip(), 10, "the worker")))


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_delays_grow_to_a_limit() -> None:
    retry = Retry(FIRST_DELAY_S, LONGEST_DELAY_S, jitter=0)
    delays = [retry.failed() for _ in range(40)]
    assert delays == sorted(delays)
    assert delays[0] < 1
    assert delays[-1] == LONGEST_DELAY_S < HEALTHY_S


def test_workers_of_a_killed_child_end_before_it_starts_again(tmp_path: Path) -> None:
    child = a_child(sys.executable, "-c", PARENT, str(tmp_path / "pid"))
    child.start()
    worker = worker_of(tmp_path / "pid")
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    wait_for(child.keep_alive, 10, "the death")
    assert (child.pid, child.restarts) == (None, 0)
    wait_for(lambda: is_gone(worker), 10, "the worker's end")
    wait_for(child.keep_alive, 10, "the restart")
    assert child.restarts == 1
    child.stop()


def test_stop_ends_the_child_and_its_workers(tmp_path: Path) -> None:
    child = a_child(sys.executable, "-c", PARENT, str(tmp_path / "pid"))
    child.start()
    worker = worker_of(tmp_path / "pid")
    child.stop()
    assert child.pid is None
    wait_for(lambda: is_gone(worker), 10, "the worker's end")


def test_a_child_that_ignores_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "STOP_S", 0.3)
    child = a_child("sh", "-c", "trap '' TERM; while :; do sleep 1; done")
    child.start()
    time.sleep(0.2)
    process = psutil.Process(child.pid)
    child.stop()
    assert is_gone(process)


def test_a_child_that_keeps_failing_waits_longer_each_time() -> None:
    child = a_child("false")
    child.start()
    waits = []
    for _ in range(2):
        wait_for(child.keep_alive, 10, "the death")
        began = time.monotonic()
        wait_for(child.keep_alive, 10, "the restart")
        waits.append(time.monotonic() - began)
    assert waits[1] > waits[0] * 1.5
    child.stop()
