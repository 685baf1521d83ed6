"""The embedded stack as one program: check, start five processes, keep them alive, stop them in reverse order.

In: settings. Out: running processes, and ``<home>/stack.json`` with their numbers for `civicrec status`.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from civicrec.clock import monotonic_s
from civicrec.errors import ConfigError
from civicrec.home import STACK, STACK_LOCK
from civicrec.logs import get_logger
from civicrec.process.atomic_files import replace_file
from civicrec.process.heartbeat import Heart, Listener
from civicrec.process.locks import owned
from civicrec.process.ports import check_ports
from civicrec.security.passwords import with_passwords, with_valkey_password
from civicrec.settings import Settings
from civicrec.settings.load import of_its_home
from operations.stack.checks import check_disk, check_home, free_disk_mb
from operations.stack.children import Child, ChildSpec
from operations.stack.endpoints import is_ready, peers, readiness, urls
from operations.stack.silence import Watch
from operations.stack.valkey import set_aside_if_damaged, valkey_binary, valkey_config, valkey_folder

log = get_logger("supervisor")

#: Start order; the stop order is the reverse. Stores first, then endpoints.
PROCESSES = ("valkey", "warehouse", "collect", "stream", "serve")
#: The first start of all compiles byte code and makes the tables; later ones take a few seconds.
READY_S = 90.0
_LOOK_S = 0.2
#: Exit code of a process whose settings are wrong: starting it again would not help.
_CONFIG = 2


def specs(settings: Settings) -> dict[str, ChildSpec]:
    """Return what each process runs. Settings travel by environment, inherited; what the demo has its own is given."""

    def own(name: str, ready: Callable[[], bool]) -> ChildSpec:
        command = (sys.executable, "-m", "civicrec", name, "--home", str(settings.home))
        notice = {"CIVICREC_CONSENT__NOTICE_VERSION": settings.consent.notice_version}
        return ChildSpec(name, command, ready, env={"CIVICREC_LOG_LEVEL": settings.log_level, **notice})

    ready = {name: partial(is_ready, name, settings) for name in peers(settings)}
    valkey = (str(valkey_binary()), "-")
    text = valkey_config(settings.redis, valkey_folder(settings))
    return {
        "valkey": ChildSpec(
            "valkey",
            valkey,
            ready["valkey"],
            text,
            keeps_own_log=False,
            mend=partial(set_aside_if_damaged, valkey_folder(settings)),
        ),
        "warehouse": own("warehouse", ready["warehouse"]),
        "collect": own("collect", ready["collect"]),
        "stream": own("stream", lambda: True),
        "serve": own("serve", ready["serve"]),
    }


_SETTINGS_GROUP = {"valkey": "redis", "warehouse": "warehouse", "collect": "collector", "serve": "serving"}


def check(settings: Settings, names: Collection[str]) -> None:
    """Raise `ConfigError` with one clear line unless the stack can start here and now."""
    check_home(settings.home)
    check_disk(settings.home, free_disk_mb(settings.home), settings.min_free_disk_mb)
    for name, group in (("valkey", settings.redis), ("warehouse", settings.warehouse)):
        if name in names and group.endpoint.tls:
            raise ConfigError(
                f"CIVICREC_{_SETTINGS_GROUP[name].upper()}__TLS is for a server of your own; the embedded {name} "
                "speaks no TLS and listens on loopback: leave it out, or start the stack without that process"
            )
    listening = {
        _SETTINGS_GROUP[name]: (peer.host, peer.port) for name, peer in peers(settings).items() if name in names
    }
    check_ports(listening)


class Stack:
    """The children of one home. All methods run in one thread, the one the children's lives hang on."""

    def __init__(self, settings: Settings, names: Collection[str]) -> None:
        chosen = specs(with_valkey_password(settings) if "valkey" in names else settings)
        self._settings = settings
        listener = Listener()
        self._children = [
            Child(replace(chosen[name], env={**chosen[name].env, **listener.env}))
            for name in PROCESSES
            if name in names
        ]
        self._watch = Watch(self._children, settings.silent_s, listener)
        self._heart = Heart()
        self._written = True

    def start(self, stop: threading.Event) -> None:
        """Start every child and wait until each is ready, or `stop` is set."""
        if any(child.spec.name == "valkey" for child in self._children):
            valkey_folder(self._settings).mkdir(exist_ok=True)
        for child in self._children:
            child.start()
            self._write_state()
        deadline = monotonic_s() + READY_S
        waiting = list(self._children)
        while waiting and not stop.is_set():
            for child in waiting:
                if child.exit_code() == _CONFIG:
                    raise ConfigError(f"{child.spec.name} did not start: its settings are wrong, see its message above")
            if self._keep_alive():
                continue
            waiting = [child for child in waiting if not child.spec.ready()]
            if monotonic_s() > deadline:
                log.warning("still_not_ready", children=[child.spec.name for child in waiting], waited_s=READY_S)
                return
            stop.wait(_LOOK_S / 4)

    def watch(self, stop: threading.Event) -> None:
        """Restart what dies, until `stop` is set."""
        while not stop.wait(_LOOK_S):
            self._keep_alive()
            self._heart.beat()

    def stop(self) -> None:
        """Stop the children, endpoints first."""
        for child in reversed(self._children):
            child.stop()
        self._watch.listener.close()
        state_path(self._settings).unlink(missing_ok=True)

    def _keep_alive(self) -> bool:
        changed = [child.keep_alive() for child in self._children]
        if self._watch.look() or any(changed) or not self._written:
            self._write_state()
        return any(changed)

    def _write_state(self) -> None:
        state = {
            "supervisor": os.getpid(),
            "processes": {child.spec.name: self._state_of(child) for child in self._children},
        }
        path, was_written = state_path(self._settings), self._written
        try:
            replace_file(path, json.dumps(state).encode())
            self._written = True
        except OSError as error:  # a disk that fills up later must not take the whole stack down: tried again
            self._written = False
            if was_written:
                log.warning("state_not_written", path=str(path), reason=error.strerror)

    def _state_of(self, child: Child) -> dict[str, object]:
        silence, pulse = self._watch.silences[child.spec.name], self._watch.pulse(child)
        return {
            "pid": child.pid,
            "restarts": child.restarts + silence.replaced,
            "killed_silent": silence.killed + silence.replaced,
            "silent_since_ms": silence.since_ms,
            "says": pulse.status if pulse else "",
        }


def state_path(settings: Settings) -> Path:
    """Return the file that names the running processes; absent when none run."""
    return STACK.of(settings.home)


@contextmanager
def running(
    settings: Settings, names: Collection[str] = PROCESSES, stop: threading.Event | None = None
) -> Iterator[Settings]:
    """Run the stack for the length of the body, which begins when every process is ready or `stop` is set.

    Yields the settings with the passwords that were made at the start.

    Raises
    ------
    ConfigError
        If it cannot start: the folder is in use or cannot be written, the disk is full, a port is taken.
    """
    check_home(settings.home)
    settings = of_its_home(settings)  # which may be another than the one they were read for
    ended = stop or threading.Event()
    started = threading.Event()
    faults: list[BaseException] = []
    with owned(STACK_LOCK.of(settings.home), "the stack"):
        check(settings, names)
        stack = Stack(settings, names)

        def live() -> None:
            try:
                try:
                    stack.start(ended)
                    started.set()
                    stack.watch(ended)
                finally:
                    stack.stop()
            except BaseException as error:
                faults.append(error)
            finally:
                ended.set()
                started.set()

        # A thread of its own, so that the caller may work meanwhile; the children end when it does.
        thread = threading.Thread(target=live, name="supervisor")
        thread.start()
        try:
            started.wait()
            if not faults:
                yield with_passwords(settings)
        finally:
            ended.set()
            thread.join()
        if faults:
            raise faults[0]


def _next_step(settings: Settings) -> str:
    """Return what a new installation still lacks to show lists to a portal; empty once it has that."""
    is_usual = settings.home == Settings.model_fields["home"].default
    home = "" if is_usual else f" --home {shlex.quote(str(settings.home))}"
    steps = []
    if readiness("serve", of_its_home(settings)).get("items") == 0:
        steps.append(f"the catalogue is empty: civicrec catalog import FILE --format civicrec{home}")
    if not settings.sites:
        steps.append(f"no portal is registered: civicrec site add ID --origin https://…{home}, then start again")
    return "; ".join(steps)


def run(settings: Settings, names: Collection[str] = PROCESSES) -> None:
    """Run the stack until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    with running(settings, names, stop):
        if not stop.is_set():
            log.info("stack_ready", **urls(settings))
            if step := _next_step(settings):
                log.info("next", do=step)
        stop.wait()
        log.info("stack_stopping")
    log.info("stack_stopped")
