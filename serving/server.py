"""The list API as processes: `run` serves until SIGTERM or SIGINT.

In: settings. Out: as many processes as they say, on one port.
"""

from __future__ import annotations

import multiprocessing
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from granian import Granian
from threadpoolctl import threadpool_limits

from civicrec.home import SERVING_LOCK
from civicrec.logs import get_logger, set_up_logs
from civicrec.process.locks import held_together
from civicrec.process.ports import check_ports
from civicrec.settings import Settings
from civicrec.web.connections import allow_files, granian_options
from recommender.push.worker import sending_pushes
from serving.counters import metrics_of_all_processes
from serving.list_sender import sending_lists
from serving.workers import WorkerWatch

if TYPE_CHECKING:
    from fastapi import FastAPI

_log = get_logger(__name__)
#: A store read that has its answer waits so long at most for the thread that makes lists; Python's own 5 ms are a list.
_SWITCH_S = 0.0005
#: How long a worker may take to finish what it answers when it is told to stop, seconds.
_STOP_S = 10


def run(settings: Settings) -> None:
    """Serve with as many processes as the settings say, until SIGTERM or SIGINT.

    Raises
    ------
    ConfigError
        If the port is in use.
    """
    check_ports({"serving": (settings.serving.host, settings.serving.port)})
    allow_files(settings.serving.max_connections)  # the workers inherit it
    multiprocessing.set_start_method("spawn", force=True)  # a fork would share the sockets and locks of this process
    with metrics_of_all_processes():
        server = Granian(
            "serving",
            address=settings.serving.host,
            port=settings.serving.port,
            workers=settings.serving.workers,
            respawn_failed_workers=True,
            **granian_options(settings.serving),
            workers_kill_timeout=_STOP_S,
        )
        watch = WorkerWatch(partial(_pids, server), settings.silent_s)
        _log.info("serving_started", address=settings.serving.endpoint.url)
        # While the pepper is changed nobody may be looked up: a list would know nobody, and a decision be lost.
        alone = held_together(SERVING_LOCK.of(settings.home), "the list API")
        with alone, watch.watching(), sending_lists(settings), sending_pushes(settings):
            server.serve(target_loader=partial(_worker, settings), wrap_loader=False)
    _log.info("serving_stopped")


def _pids(server: Any) -> list[int]:
    return [worker.inner.pid for worker in server.wrks]


def _worker(settings: Settings) -> FastAPI:
    """Make the application in a process that answers requests; only such a process loads it."""
    set_up_logs(settings.log_format, settings.log_level, "serve")
    sys.setswitchinterval(_SWITCH_S)
    threadpool_limits(limits=1, user_api="blas")  # many small products: threads would only wait for each other
    from serving.site import create_site

    return create_site(settings)
