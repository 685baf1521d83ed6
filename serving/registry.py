"""The registry as a serving process writes to it: opened at the first use, asked in threads.

In: an address. Out: what a function of `civicrec.registry` returns.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Engine

from civicrec.registry.tables import open_registry

T = TypeVar("T")


class Registry:
    """One pool of connections for every route that keeps something."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._engine: Engine | None = None
        self._opening = threading.Lock()

    async def do(self, act: Callable[[Engine], T]) -> T:
        """Do something with the registry in a thread."""
        return await asyncio.to_thread(lambda: act(self._opened()))

    def close(self) -> None:
        """Let go of it."""
        if self._engine is not None:
            self._engine.dispose()

    def _opened(self) -> Engine:
        with self._opening:
            if self._engine is None:
                self._engine = open_registry(self._address)
            return self._engine
