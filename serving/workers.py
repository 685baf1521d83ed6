"""The workers of a serving process, watched by their master: a silent one is killed, and granian makes another.

A worker that hangs goes on being given connections, which nobody then answers, so one silent worker stops the lists of
many. In: beats of the workers' event loops. Out: killed workers, counted, and told to whoever watches the master.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from civicrec.logs import get_logger
from civicrec.process.heartbeat import BEAT_S, Heart, Listener

_log = get_logger(__name__)
#: So long without a beat is told of; a busy machine makes a loop wait a second or two.
_REPORTED_AFTER_S = 3.0


class WorkerWatch:
    """Watches the workers whose numbers `pids` returns.

    Parameters
    ----------
    patience_s
        How long a worker may be silent; not counted before its first beat.
    """

    def __init__(self, pids: Callable[[], list[int]], patience_s: float) -> None:
        self.replaced = 0
        self._pids = pids
        self._patience_s = patience_s
        self._heart = Heart()  # before the environment names the listener below: that one is for the workers
        self._listener = Listener()
        self._reported = ("", 0)

    def look(self) -> None:
        """Hear the workers, kill one that has been silent too long, and beat."""
        pids = self._pids()
        self._listener.receive(pids)
        late = sorted((self._listener.late_s(pid), pid) for pid in pids)
        late = [(seconds, pid) for seconds, pid in late if seconds > _REPORTED_AFTER_S]
        text = ", ".join(f"worker {pid} has been silent for {seconds:.0f} s" for seconds, pid in late)
        if late and late[-1][0] > self._patience_s:  # one at a look: granian takes the dead in turn
            seconds, pid = late[-1]
            self.replaced += 1
            _log.error("worker_killed", pid=pid, silent_s=round(seconds, 1))
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if (text, self.replaced) != self._reported:
            self._reported = (text, self.replaced)
            self._heart.set_status(*self._reported)
        self._heart.beat()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch from a thread of its own for the length of the body; workers started in it are heard."""
        stop = threading.Event()

        def keep_beating() -> None:
            while not stop.wait(BEAT_S):
                self.look()

        os.environ.update(self._listener.env)  # noqa: TID251  # for the workers, which inherit it
        thread = threading.Thread(target=keep_beating, name="watch workers", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            self.close()

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()
