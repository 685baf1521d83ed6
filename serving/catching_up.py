"""No answer is older than what was decided before its request: whoever asks waits until the process has taken that in.

In: requests. Out: the same, some milliseconds later where somebody withdrew, pinned or blocked an item meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from starlette.types import ASGIApp, Receive, Scope, Send

from civicrec.clock import monotonic_s

#: How long requests wait for one look at the registry, seconds; it takes some milliseconds of CPU, and more beside
#: other work.
LONGEST_WAIT_S = 0.5


class CatchingUp:
    """ASGI middleware.

    Parameters
    ----------
    has_news
        Says for some microseconds whether anything may have been decided since it was asked before.
    catch_up
        Takes it in; called in a thread.
    """

    def __init__(self, app: ASGIApp, has_news: Callable[[], bool], catch_up: Callable[[], None]) -> None:
        self._app = app
        self._has_news = has_news
        self._catch_up = catch_up
        # Its own: the loop's threads may all wait for a collector or a store.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="catch up")
        self._running: asyncio.Future[None] | None = None
        self._until_s = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            if self._has_news():
                self._running = asyncio.get_running_loop().run_in_executor(self._thread, self._catch_up)
                self._until_s = monotonic_s() + LONGEST_WAIT_S
            if self._running is not None:
                left_s = self._until_s - monotonic_s()
                if not self._running.done() and left_s > 0:
                    await asyncio.wait((self._running,), timeout=left_s)
                else:
                    self._running = None
        await self._app(scope, receive, send)
