"""The whole stack at rest and from the outside: memory, CPU, click to changed list, start of the command line."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import psutil

from civicrec.clock import monotonic_s, utc_now
from operations.bench.serve import bench_click_to_list
from operations.demo.load import import_demo
from operations.harness.load import cpu_s, rss_mb
from operations.harness.stack import own_stack

_IDLE_S = 10.0
_STARTS = 5


def bench_stack() -> dict[str, Any]:
    """Measure a fresh stack with the demo catalogue.

    Returns
    -------
    dict
        ``idle_rss_mb`` and ``idle_cpu_percent`` (of one core) of all processes and each, ``click_to_list`` in
        seconds, ``help_s`` (median of five starts) beside ``python_s``, a bare interpreter's start in the same run.
    """
    with own_stack() as stack:
        import_demo(stack.settings, utc_now())
        time.sleep(_IDLE_S / 2)
        idle = _idle(stack.pids())
        clicks = bench_click_to_list(stack.settings)
    help_s = _start_s([sys.executable, "-m", "civicrec", "--help"])
    python_s = _start_s([sys.executable, "-c", "pass"])
    return {**idle, "click_to_list": clicks, "help_s": help_s, "python_s": python_s, "help_ratio": help_s / python_s}


def _idle(pids: dict[str, int]) -> dict[str, Any]:
    processes = {name: psutil.Process(pid) for name, pid in pids.items()}
    before = {name: cpu_s(process) for name, process in processes.items()}
    time.sleep(_IDLE_S)
    cpu = {name: 100 * (cpu_s(process) - before[name]) / _IDLE_S for name, process in processes.items()}
    rss = {name: rss_mb(process) for name, process in processes.items()}
    return {
        "idle_rss_mb": {"all": sum(rss.values()), **rss},
        "idle_cpu_percent": {"all": sum(cpu.values()), **cpu},
    }


def _start_s(command: Sequence[str]) -> float:
    seconds = []
    for _ in range(_STARTS):
        began = monotonic_s()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(monotonic_s() - began)
    return statistics.median(seconds)
