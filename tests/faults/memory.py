"""Memory of a running process cut short for a test: what it has it keeps, and it gets little more."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

_NO_LIMIT = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


@contextmanager
def short_of_memory(pid: int, spare_mb: int) -> Iterator[None]:
    """Let a process have only so many MB more than it has, for the length of the body, if it lives so long."""
    process = psutil.Process(pid)
    most = process.memory_info().data + (spare_mb << 20)
    process.rlimit(psutil.RLIMIT_DATA, (most, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        with suppress(psutil.NoSuchProcess):
            process.rlimit(psutil.RLIMIT_DATA, _NO_LIMIT)
