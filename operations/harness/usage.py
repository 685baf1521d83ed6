"""What a process has used so far, as a bench compares it before and after."""

from __future__ import annotations

import psutil


def cpu_s(process: psutil.Process) -> float:
    """Return the CPU seconds of a process."""
    times = process.cpu_times()
    return float(times.user + times.system)


def peak_mb(process: psutil.Process) -> int:
    """Return the most memory a process had, MiB."""
    with open(f"/proc/{process.pid}/status") as status:  # psutil knows no peak on Linux
        return next(int(line.split()[1]) >> 10 for line in status if line.startswith("VmHWM"))
