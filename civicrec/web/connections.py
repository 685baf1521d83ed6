"""How a server of ours takes connections: the same bounds of time, size and number whatever it serves.

In: settings. Out: what Granian is told, and a limit of open files that allows as many connections.
"""

from __future__ import annotations

import resource
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings

from civicrec.logs import get_logger
from civicrec.settings import ConnectionSettings

_log = get_logger(__name__)
#: Of one connection; the server's own 400 KB would be much in the hands of thousands of slow ones.
_MAX_HEAD_BYTES = 64 * 1024
#: Files a process has open beside its connections.
_OTHER_FILES = 256


def granian_options(connections: ConnectionSettings) -> dict[str, Any]:
    """Return the arguments of a Granian server that is to keep to these bounds; they hold for each worker."""
    return {
        "interface": Interfaces.ASGI,
        "http": HTTPModes.http1,  # the time-outs below are for HTTP/1; a proxy in front speaks it with us anyway
        "websockets": False,
        "backlog": 1024,
        "backpressure": connections.max_connections,
        "http1_settings": HTTP1Settings(
            header_read_timeout=round(connections.header_timeout_s * 1000), max_buffer_size=_MAX_HEAD_BYTES
        ),
        "log_enabled": False,
    }


def allow_files(n_connections: int) -> None:
    """Raise the limit of open files so far that it is not what ends connections; systems often start with 1 024."""
    needed = n_connections + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        _log.warning("few_open_files", allowed=hard, needed=needed, remedy="raise `ulimit -Hn`")
        needed = hard
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
