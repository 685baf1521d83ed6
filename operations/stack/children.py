"""One child process of the supervisor: start it, tell whether it lives, stop it and all that it started."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from civicrec.clock import monotonic_s
from civicrec.logs import get_logger
from civicrec.process.retry import Retry
from civicrec.text import printable

log = get_logger("supervisor")

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
#: A child that lived this long is healthy again: its next death starts from the first delay.
HEALTHY_S = 60.0
STOP_S = 25.0
_STDERR = 2
#: Lines of a program that keeps no log of its own, told when it dies.
_LAST_WORDS = 10
_RELAY_S = 1.0

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """What to run.

    Attributes
    ----------
    name
        As in log lines and `civicrec status`.
    command
        Program and arguments.
    ready
        Tells whether it does its work now.
    text
        Given on stdin, once.
    keeps_own_log
        The child is ours: it writes log lines in our format, and its loop beats (`civicrec.process.heartbeat`).
        Another's lines are put into our log, and it is asked whether it is ready instead.
    env
        Variables on top of those inherited.
    mend
        Given how a child died before it was ready, and its last words; takes away what its start failed on and says
        what that was, or returns nothing.
    """

    name: str
    command: tuple[str, ...]
    ready: Callable[[], bool]
    text: str = ""
    keeps_own_log: bool = True
    env: Mapping[str, str] = field(default_factory=dict)
    mend: Callable[[int, Sequence[str]], str] = lambda _, __: ""


class Child:
    """A process that ought to run. Use from one thread, which must outlive the child (see `_end_with`)."""

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self.restarts = 0
        self.was_ready = False
        self._retry = Retry(FIRST_DELAY_S, LONGEST_DELAY_S, jitter=0)
        self._last_words: deque[str] = deque(maxlen=_LAST_WORDS)
        self._relayed: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._started_s = 0.0
        self._start_at_s = 0.0

    @property
    def pid(self) -> int | None:
        """Number of the running process, if any."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Start the process in a session of its own, where the terminal's Ctrl-C does not reach it."""
        spec, parent = self.spec, os.getpid()
        self._process = subprocess.Popen(
            spec.command,
            stdin=subprocess.PIPE if spec.text else subprocess.DEVNULL,
            stdout=_STDERR if spec.keeps_own_log else subprocess.PIPE,
            stderr=None if spec.keeps_own_log else subprocess.STDOUT,
            env={**os.environ, **spec.env},  # noqa: TID251  # a child needs PATH and the like
            start_new_session=True,
            preexec_fn=lambda: _end_with(parent),
        )
        self._started_s, self.was_ready = monotonic_s(), False
        self._last_words.clear()
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.write(spec.text.encode())
            self._process.stdin.close()
        if self._process.stdout is not None:
            self._relayed = threading.Thread(target=self._relay, args=(self._process,), daemon=True)
            self._relayed.start()

    def _relay(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for raw in lines:
                if line := printable(raw.decode(errors="replace")).strip():
                    self._last_words.append(line)
                    log.debug("output", process=self.spec.name, line=line)

    def exit_code(self) -> int | None:
        """Return how it ended, or None while it runs; what it left behind is ended too."""
        if self._process is None:
            return None
        code = self._process.poll()
        if code is not None:
            self._end_group()
        return code

    def keep_alive(self) -> bool:
        """Start the process again if it died and its time has come; tell whether anything changed."""
        now = monotonic_s()
        if self._process is None:
            if now < self._start_at_s:
                return False
            self.restarts += 1
            self.start()
            log.info("child_restarted", child=self.spec.name, pid=self.pid, restarts=self.restarts)
            return True
        code = self.exit_code()
        if code is None:
            return False
        if now - self._started_s > HEALTHY_S:
            self._retry.worked()
        wait_s = self._retry.failed()
        self._process, self._start_at_s = None, now + wait_s
        words = self._words()
        facts = {"last_words": " | ".join(words)} if words else {}
        log.warning("child_died", child=self.spec.name, exit=_in_words(code), restart_in_s=wait_s, **facts)
        if not self.was_ready and (mended := self.spec.mend(code, words)):
            log.error("child_mended", child=self.spec.name, done=mended)
        return True

    def kill(self) -> None:
        """End it and its workers at once; `keep_alive` then starts it again."""
        self._end_group()

    def stop(self) -> None:
        """Ask it to end, wait, then insist."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            log.warning("child_killed", child=self.spec.name, waited_s=STOP_S)
        self._end_group()
        code = self._process.wait()
        self._process = None
        log.info("child_stopped", child=self.spec.name, exit=_in_words(code))

    def _words(self) -> tuple[str, ...]:
        if self._relayed is not None:
            self._relayed.join(_RELAY_S)
            self._relayed = None
        return tuple(self._last_words)

    def _end_group(self) -> None:
        """End the workers of a dead child: they hold its port."""
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)


def _end_with(parent: int) -> None:
    """Ask the kernel for SIGTERM when the supervisor's thread ends, even by ``kill -9`` (Linux only)."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)


def _in_words(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"
