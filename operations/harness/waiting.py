"""Wait for what another process does. In: a question. Out: its answer, once it is true."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from civicrec.clock import monotonic_s
from civicrec.errors import Unavailable

Answer = TypeVar("Answer")


def wait_for(
    ask: Callable[[], Answer], timeout_s: float = 30.0, what: str | Callable[[], str] = "it", pause_s: float = 0.05
) -> Answer:
    """Ask until the answer is true, with a pause between; return it.

    Parameters
    ----------
    what
        What is waited for, in the words of the error; a function is asked when the time is over.

    Raises
    ------
    Unavailable
        If it was not true within `timeout_s`.
    """
    deadline = monotonic_s() + timeout_s
    while not (answer := ask()):
        if monotonic_s() > deadline:
            raise Unavailable(f"waited {timeout_s:.0f} s for {what if isinstance(what, str) else what()}")
        time.sleep(pause_s)
    return answer
