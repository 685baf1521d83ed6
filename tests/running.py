"""The embedded stack as real processes on free ports, for tests that need it: `running_stack`."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from civicrec.eventlog.sqlite import SqliteEventLog
from civicrec.events import load
from civicrec.settings import Settings
from operations.harness.stack import OwnStack, environment, free_ports, own_stack, settings_on_free_ports
from operations.harness.waiting import wait_for
from operations.stack.supervisor import PROCESSES

__all__ = [
    "RunningCollector", "RunningStack", "environment", "free_ports", "problems", "running_collector", "running_stack",
    "settings_on_free_ports", "settings_without_crowds", "wait_for",
]  # fmt: skip
START_S = 60.0  # a busy machine takes its time to start Python


def settings_without_crowds(home: Path) -> Settings:
    """Return settings of free ports whose online store tells what a single actor did, as the oracle counts it."""
    settings = settings_on_free_ports(home)
    return settings.model_copy(update={"redis": settings.redis.model_copy(update={"min_actors": 1})})


class RunningStack(OwnStack):
    """What a test may do to a stack besides using it."""

    @property
    def warehouse_url(self) -> str:
        return f"http://127.0.0.1:{self.settings.warehouse.port}"

    @property
    def stores_by_url(self) -> dict[str, str]:
        """Variables that let a command of another home use the stores of this one."""
        redis = f"redis://127.0.0.1:{self.settings.redis.port}"
        return {"CIVICREC_WAREHOUSE__URL": self.warehouse_url, "CIVICREC_REDIS__URL": redis}

    @property
    def log(self) -> str:
        """Everything the processes have written to stderr so far."""
        return self.log_path.read_text(errors="replace")

    def kill(self, name: str) -> int:
        """``kill -9`` one process; the supervisor starts it again. Return the number it had."""
        pid = self.pids()[name]
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_restarted(self, name: str, old_pid: int, timeout_s: float = 60.0) -> int:
        """Wait until `name` runs under another number; return it. It may not be ready yet."""
        return wait_for(lambda: (pid := self.pids().get(name)) != old_pid and pid or None, timeout_s, f"a new {name}")

    def civicrec(
        self, *arguments: str, check: bool = True, timeout_s: float = 300.0, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a `civicrec` command with this stack's settings, and further variables."""
        done = subprocess.run(
            [sys.executable, "-m", "civicrec", *arguments],
            env={**self.env, **(env or {})}, capture_output=True, text=True, timeout=timeout_s, check=False,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"civicrec {arguments} exited {done.returncode}: {done.stderr}"
        return done


def problems(stack: RunningStack) -> str:
    """Return what `civicrec status` finds wrong."""
    return " ".join(json.loads(stack.civicrec("status", "--json", check=False).stdout)["problems"])


class RunningCollector:
    """A collector alone, on a port and a home of its own, started again as often as a test ends it.

    Parameters
    ----------
    env
        Further variables of its environment.

    Attributes
    ----------
    ready_s
        Seconds from the last start until it was ready.
    """

    def __init__(self, home: Path, env: Mapping[str, str] | None = None) -> None:
        self.settings = settings_on_free_ports(home)
        self.url = f"http://127.0.0.1:{self.settings.collector.port}"
        self.ready_s = 0.0
        self._env = environment(self.settings, env)
        self.start()

    @property
    def pid(self) -> int:
        return self._child.pid

    def start(self, *, ready: bool = True) -> None:
        """Start it and wait until it answers; with 200, unless it may be short of space."""
        began = time.monotonic()
        self._child = subprocess.Popen([sys.executable, "-m", "civicrec", "collect"], env=self._env)

        def answers() -> bool:
            assert self._child.poll() is None, "the collector did not start"
            try:
                return httpx.get(f"{self.url}/readyz", verify=False).status_code == 200 or not ready
            except httpx.TransportError:
                return False

        wait_for(answers, START_S, "the collector")
        self.ready_s = time.monotonic() - began

    def end(self, number: signal.Signals = signal.SIGKILL) -> int:
        """Send it a signal and return how it left."""
        os.kill(self._child.pid, number)
        return self._child.wait(timeout=20)

    @property
    def runs(self) -> bool:
        return self._child.poll() is None

    def kept(self) -> list[str]:
        """Return the ids of all events in its log."""
        log = SqliteEventLog(self.settings.log_path, readonly=True)
        records = log.read(0, log.head())
        log.close()
        return [str(event.event_id) for found in records for event in load(found.record.value)[0]]


@contextmanager
def running_collector(home: Path, env: Mapping[str, str] | None = None) -> Iterator[RunningCollector]:
    """Run a collector for the length of the body."""
    collector = RunningCollector(home, env)
    try:
        yield collector
    finally:
        if collector.runs:
            collector.end()


@contextmanager
def running_stack(
    home: Path,
    *,
    only: Collection[str] = PROCESSES,
    settings: Settings | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[RunningStack]:
    """Run ``civicrec up`` on `home` for the length of the body; see `own_stack`."""
    with own_stack(home, only, settings, env) as own:
        yield RunningStack(own.settings, own.env, own.process, own.log_path)
