"""The console's pages are made in a process of their own, so that no page can harm the lists.

In: the name of a function that makes a page, and its arguments. Out: what it returns, or `Unavailable`.
A native renderer that aborts, a report that needs too much memory or never ends: the process goes, the page says so,
and what answers lists has neither waited nor grown. It starts with the first page and leaves when nobody reads.
"""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

from civicrec.errors import CivicrecError, Unavailable
from civicrec.settings import Settings

#: A page that takes longer is given up; the warehouse itself gives up a query after `warehouse.timeout_s`.
PAGE_S = 60.0
#: How long a reader waits for another reader's page.
WAIT_S = 20.0
#: With nobody reading for so long the process leaves and gives its 250 MB back.
IDLE_S = 300.0
#: Data the process may hold, bytes: a year of 100 000 items takes a third of it.
MEMORY = 2 << 30


class PageProcess:
    """The process that makes pages, started when one is asked for; one page at a time.

    Parameters
    ----------
    settings
        Passed on whole, so that the pages read the same stores.
    page_s
        Longest time one page may take, seconds.
    """

    def __init__(self, settings: Settings, page_s: float = PAGE_S) -> None:
        self._settings = settings
        self._page_s = page_s
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._ends: Connection | None = None

    def call(self, name: str, *arguments: Any) -> Any:
        """Return what the function `name` of `pages`, `worth` or `editing` makes of the settings and the arguments.

        Raises
        ------
        Unavailable
            If the process is busy, takes too long or ends in the middle.
        CivicrecError
            What the function itself raised.
        """
        if not self._lock.acquire(timeout=WAIT_S):
            raise Unavailable("the console makes other pages at the moment; try again")
        try:
            answer = self._ask((name, arguments))
        except (OSError, EOFError) as error:
            left = self._end()
            raise Unavailable(f"the process that makes the console's pages ended ({left})") from error
        finally:
            self._lock.release()
        if isinstance(answer, CivicrecError):
            raise answer
        return answer

    def close(self) -> None:
        """End the process, if there is one."""
        self._end()

    def _ask(self, question: Any) -> Any:
        if self._child is None or self._ends is None or self._child.poll() is not None:
            self._start()
        assert self._ends is not None
        self._ends.send(question)
        if not self._ends.poll(self._page_s):
            self._end()
            raise Unavailable(f"the page was not made within {self._page_s:.0f} s; ask for fewer days")
        return self._ends.recv()

    def _start(self) -> None:
        self._end()
        ours, theirs = Pipe()
        # Not multiprocessing: its child would run the main module of granian's worker again.
        self._child = subprocess.Popen(
            [sys.executable, "-m", "serving.console.process", str(theirs.fileno())],
            pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
        )  # fmt: skip
        theirs.close()
        self._ends = ours
        self._ends.send(self._settings)

    def _end(self) -> str:
        child, ends, self._child, self._ends = self._child, self._ends, None, None
        if ends is not None:
            ends.close()
        if child is None:
            return "not started"
        with suppress(subprocess.TimeoutExpired):  # one that ended by itself says how
            child.wait(0.1)
        child.kill()
        code = child.wait()
        return signal.Signals(-code).name if code < 0 else f"exit {code}"


def _make_pages(ends: Connection) -> None:
    """Answer questions until the reader is gone or asks nothing for long; runs in the process of its own."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):  # when memory runs out, this process is the one to lose
        Path("/proc/self/oom_score_adj").write_text("1000")
    settings: Settings = ends.recv()
    from civicrec.logs import set_up_logs
    from serving.console import account, editing, pages, rules, segments, users, worth

    set_up_logs(settings.log_format, settings.log_level, "console")
    with suppress(EOFError, OSError):  # the reader is gone
        while ends.poll(IDLE_S):
            name, arguments = ends.recv()
            try:
                where = next(
                    one for one in (pages, worth, segments, rules, editing, users, account) if hasattr(one, name)
                )
                answer = getattr(where, name)(settings, *arguments)
            except CivicrecError as error:
                answer = error
            ends.send(answer)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):  # a terminal's Ctrl-C goes to all; the reader ends this one
        signal.signal(number, signal.SIG_IGN)
    _make_pages(Connection(int(sys.argv[1])))
