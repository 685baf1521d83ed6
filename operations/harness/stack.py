"""A stack of our own to measure or test on: ``civicrec up`` as a child, on free ports and a home of its own."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any

import psutil
from pydantic import BaseModel, SecretStr

from civicrec.errors import Unavailable
from civicrec.security.passwords import with_passwords
from civicrec.settings import CollectorSettings, RedisSettings, ServingSettings, Settings, WarehouseSettings
from operations.harness.waiting import wait_for
from operations.stack.supervisor import PROCESSES, state_path

_READY_S = 120.0
_STOP_S = 60.0
_READY, _STOPPED = "stack_ready", "stack_stopped"


@dataclass(frozen=True)
class OwnStack:
    """A stack that runs, and how to talk to it.

    Attributes
    ----------
    env
        Environment in which a `civicrec` command works on this stack.
    process
        ``civicrec up``.
    log_path
        What all its processes write to stderr.
    """

    settings: Settings
    env: Mapping[str, str] = field(repr=False)
    process: subprocess.Popen[bytes]
    log_path: Path

    @property
    def collector_url(self) -> str:
        """Address of the collector."""
        return f"http://127.0.0.1:{self.settings.collector.port}"

    @property
    def serving_url(self) -> str:
        """Address of the list API."""
        return f"http://127.0.0.1:{self.settings.serving.port}"

    def pids(self) -> dict[str, int]:
        """Process name → number, of those that run now."""
        state = json.loads(state_path(self.settings).read_text())
        return {name: facts["pid"] for name, facts in state["processes"].items() if facts["pid"] is not None}

    def run(self, *arguments: str) -> str:
        """Run a `civicrec` command on this stack, its words passed on to stderr; return what it printed on stdout.

        Raises
        ------
        Unavailable
            If it fails.
        """
        done = subprocess.run(
            [sys.executable, "-m", "civicrec", *arguments], env=self.env, stdout=subprocess.PIPE, text=True, check=False
        )
        if done.returncode:
            raise Unavailable(f"`civicrec {' '.join(arguments)}` exited {done.returncode}; its message stands above")
        return done.stdout


@contextmanager
def own_stack(
    home: Path | None = None,
    only: Collection[str] = PROCESSES,
    settings: Settings | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[OwnStack]:
    """Run a stack for the length of the body, which begins when every process is ready.

    Parameters
    ----------
    home
        Kept afterwards; without one a temporary folder is used and removed.
    only
        Names of the processes to run, all by default.
    settings
        Those of an earlier run, to keep its ports; otherwise free ones are found.
    env
        Further ``CIVICREC_…`` variables.

    Raises
    ------
    Unavailable
        If it does not become ready; the end of its log is in the message.
    """
    with ExitStack() as stack:
        folder = home or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="civicrec-")))
        folder.mkdir(parents=True, exist_ok=True)
        settings = settings or settings_on_free_ports(folder)
        variables = environment(settings, env)
        log_path = folder / "stack.log"
        log = stack.enter_context(log_path.open("ab"))
        chosen = [word for name in only for word in ("--only", name)]
        child = subprocess.Popen(
            [sys.executable, "-m", "civicrec", "up", *chosen],
            env=variables, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        stack.callback(_end, child)
        _wait_ready(child, log_path)
        yield OwnStack(with_passwords(settings), variables, child, log_path)


def settings_on_free_ports(home: Path) -> Settings:
    """Return settings whose processes are on ports nobody listens on, and whose stores are below `home`."""
    collector, serving, warehouse, redis = free_ports(4)
    return Settings(
        home=home,
        min_free_disk_mb=0,
        registry_url=SecretStr(""),  # never the one that the caller's environment may name
        collector=CollectorSettings(port=collector),
        serving=ServingSettings(port=serving),
        warehouse=WarehouseSettings(port=warehouse),
        # Named here, so that these settings open the store before and after it starts.
        redis=RedisSettings(port=redis, password=SecretStr(token_hex(16))),
    )


def environment(settings: Settings, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment in which a `civicrec` command sees what was set in these settings."""
    return {**os.environ, **dict(_variables(settings)), **(extra or {})}  # noqa: TID251  # a child needs PATH and the like


def _variables(group: BaseModel, prefix: str = "CIVICREC_") -> Iterator[tuple[str, str]]:
    for name in group.model_fields_set:
        value, variable = getattr(group, name), f"{prefix}{name.upper()}"
        if isinstance(value, BaseModel):
            yield from _variables(value, f"{variable}__")
        elif value is not None:
            text = _plain(value)
            yield variable, text if isinstance(text, str) else json.dumps(text, default=_plain)


def _plain(value: Any) -> Any:
    """Return what JSON knows in place of what it does not know."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, BaseModel):
        return {name: getattr(value, name) for name in value.model_fields_set}
    return str(value) if isinstance(value, Path) else value


def free_ports(n: int) -> list[int]:
    """Return ports nobody listens on, below those the kernel gives to outgoing connections."""
    chosen: list[int] = []
    while len(chosen) < n:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            chosen += [port] if port not in chosen else []
    return chosen


def _wait_ready(child: subprocess.Popen[bytes], log_path: Path) -> None:
    def log_text() -> str:
        return log_path.read_text(errors="replace")

    def is_ready() -> bool:
        if child.poll() is not None:
            raise Unavailable(f"the stack ended before it was ready, see {log_path}:\n{log_text()[-2_000:]}")
        return _READY in log_text().rsplit(_STOPPED, 1)[-1]

    wait_for(is_ready, _READY_S, lambda: f"the stack, see {log_path}:\n{log_text()[-2_000:]}")


def _end(child: subprocess.Popen[bytes]) -> None:
    family = []
    if child.poll() is None:
        family = psutil.Process(child.pid).children(recursive=True)
        child.terminate()
    try:
        child.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    for left in psutil.wait_procs(family, timeout=10)[1]:
        left.kill()
