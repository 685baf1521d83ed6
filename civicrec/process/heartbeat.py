"""The heartbeat of a process: its own loop says that it turns, and whoever started it hears when it no longer does.

In: ``NOTIFY_SOCKET``, as systemd gives it to a unit with ``WatchdogSec``. Out: ``WATCHDOG=1`` and what goes with it,
see sd_notify(3). `civicrec up` speaks the same protocol with its children, and ``civicrec serve`` with its workers.
No file is written, so a full disk silences nobody.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import struct
import sys
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from civicrec.clock import monotonic_s

#: A loop beats once in so long.
BEAT_S = 1.0
_ADDRESS = "NOTIFY_SOCKET"
_CREDENTIALS = struct.Struct("3i")


class Heart:
    """Beats towards whoever started this process; does nothing if nobody listens.

    Beat from the loop that does the work: a thread of its own would beat on while the work hangs.
    """

    def __init__(self) -> None:
        address = os.environ.get(_ADDRESS, "")  # noqa: TID251  # of the protocol, not a setting of ours
        self._address = "\0" + address[1:] if address.startswith("@") else address
        watchdog_us = os.environ.get("WATCHDOG_USEC", "")  # noqa: TID251
        self._usual_us = int(watchdog_us) if watchdog_us.isdigit() else 0
        self._next_s = 0.0
        self._promised_s = 0.0
        self._first = "READY=1\n"
        self._status = ""

    @property
    def has_listener(self) -> bool:
        """Whether anybody asked for beats."""
        return bool(self._address)

    def beat(self, within_s: float = 0.0) -> None:
        """Say that the loop turns, and that it will say so again within `within_s` if what comes now takes long."""
        now = monotonic_s()
        if not self._address or (now < self._next_s and within_s <= self._promised_s):
            return  # a promise that is shorter than the last can wait, and the listener's queue is short
        self._next_s, self._promised_s = now + 0.8 * BEAT_S, within_s
        words = f"WATCHDOG=1\nX_WITHIN_S={within_s:g}\n"
        if self._usual_us:  # systemd takes the longest silence that is allowed from the last message
            words += f"WATCHDOG_USEC={self._usual_us + int(within_s * 1e6)}\n"
        self._send(self._first + words + self._status)

    def set_status(self, text: str, replaced: int) -> None:
        """Say in words how it is, and how many workers were replaced because they had fallen silent."""
        self._status = f"STATUS={text}\nX_REPLACED={replaced}\n"  # with every beat: one message may be lost
        if self._address:
            self._send(self._status)

    def _send(self, words: str) -> None:
        # Nobody may be listening any more, or be busy: the next beat will do.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as way:
            way.setblocking(False)
            way.sendto(words.encode(), self._address)
            self._first = ""


@asynccontextmanager
async def beating() -> AsyncIterator[None]:
    """Beat from the running event loop for the length of the body."""
    heart = Heart()

    async def keep_beating() -> None:
        while True:
            heart.beat()
            await asyncio.sleep(BEAT_S)

    task = asyncio.create_task(keep_beating()) if heart.has_listener else None
    try:
        yield
    finally:
        if task:
            task.cancel()


@dataclass(slots=True)
class Pulse:
    """What one process last reported.

    Attributes
    ----------
    due_s
        When it ought to be heard again, by the monotonic clock.
    status
        Its own words.
    replaced
        Workers it had to replace.
    """

    due_s: float
    status: str = ""
    replaced: int = 0
    _counted: int = 0

    def new_replaced(self) -> int:
        """Return how many workers were replaced since this was asked last."""
        new, self._counted = self.replaced - self._counted, self.replaced
        return new

    def late_s(self, now_s: float) -> float:
        """Return for how long it has been silent beyond what it said."""
        return max(0.0, now_s - self.due_s)


class Listener:
    """Hears the beats of processes; give them `env`. Elsewhere than on Linux nothing is heard."""

    def __init__(self) -> None:
        self.pulses: dict[int, Pulse] = {}
        self._socket: socket.socket | None = None
        self._listened_s = monotonic_s()
        self._held_s: dict[int, float] = {}
        if sys.platform == "linux":
            self._name = f"civicrec-{os.getpid()}-{secrets.token_hex(4)}"
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            self._socket.bind("\0" + self._name)

    @property
    def env(self) -> dict[str, str]:
        """What a process must find in its environment to be heard."""
        return {_ADDRESS: f"@{self._name}", "WATCHDOG_USEC": "", "WATCHDOG_PID": ""} if self._socket else {}

    def receive(self, alive: Collection[int] | None = None) -> None:
        """Take in what was said since; forget processes that are not among `alive`."""
        now = monotonic_s()
        if (missed := now - self._listened_s) > 2 * BEAT_S:  # we were stopped or starved ourselves, perhaps all were
            for pulse in self.pulses.values():
                pulse.due_s += missed
        self._listened_s = now
        while self._socket is not None:
            try:
                data, ancillary, _, _ = self._socket.recvmsg(4_096, socket.CMSG_SPACE(_CREDENTIALS.size))
            except OSError:
                break
            for _, kind, content in ancillary:
                if kind == socket.SCM_CREDENTIALS and len(content) >= _CREDENTIALS.size:
                    pid, uid, _ = _CREDENTIALS.unpack(content[: _CREDENTIALS.size])
                    if uid == os.getuid():
                        self._take(pid, data.decode(errors="replace"), now)
        if alive is not None:
            self.pulses = {pid: pulse for pid, pulse in self.pulses.items() if pid in alive}
            self._held_s = {pid: self._held_s.get(pid, now) for pid in alive if is_stopped(pid)}

    def late_s(self, pid: int) -> float:
        """Return for how long a process has been silent beyond what it said.

        One that is still starting has not beaten yet and may take its time; one that the kernel holds still does
        nothing at all, whatever it promised.
        """
        now, pulse = monotonic_s(), self.pulses.get(pid)
        return max(pulse.late_s(now) if pulse else 0.0, now - self._held_s.get(pid, now))

    def answered(self, pid: int) -> None:
        """Count an answer of a process that knows nothing of beats as one."""
        self.pulses.setdefault(pid, Pulse(0.0)).due_s = monotonic_s() + BEAT_S

    def close(self) -> None:
        """Stop listening."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _take(self, pid: int, words: str, now: float) -> None:
        fields = dict(line.split("=", 1) for line in words.splitlines() if "=" in line)
        pulse = self.pulses.setdefault(pid, Pulse(now + BEAT_S))
        with suppress(ValueError):
            if "WATCHDOG" in fields:
                pulse.due_s = now + max(BEAT_S, float(fields.get("X_WITHIN_S", "0")))
            if "STATUS" in fields:
                pulse.status, pulse.replaced = fields["STATUS"], int(fields.get("X_REPLACED", "0"))


def is_stopped(pid: int) -> bool:
    """Tell whether the kernel holds a process still, as after SIGSTOP (Linux only)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except (OSError, IndexError):
        return False
