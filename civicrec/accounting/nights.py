"""How the last nightly job went, kept beside the data, so that a night that failed is known in the morning.

In: the beginning and the end of each job. Out: `NightNote`. The registry knows only the runs that ended well.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from civicrec.clock import rfc3339, utc_now
from civicrec.errors import CivicrecError
from civicrec.home import NIGHTLY
from civicrec.process.atomic_files import replace_file

#: A night that has not ended after so long was cut off, or hangs.
LONGEST = timedelta(hours=6)


class NightNote(msgspec.Struct, frozen=True):
    """One nightly job.

    Attributes
    ----------
    began_at, ended_at
        In UTC; no end if it was cut off or still runs.
    fault
        What it failed on; empty if it did not.
    """

    began_at: str
    ended_at: str = ""
    fault: str = ""


@contextmanager
def noted_night(home: Path) -> Iterator[None]:
    """Note the beginning and the end of the body; a disk that takes no note stops no night."""
    began = rfc3339(utc_now())
    _keep(home, NightNote(began))
    fault = ""
    try:
        yield
    except CivicrecError as error:
        fault = str(error)
        raise
    except BaseException as error:
        fault = f"{type(error).__name__}: {error}"
        raise
    finally:
        _keep(home, NightNote(began, rfc3339(utc_now()), fault))


def failed_night(home: Path, now: datetime) -> str:
    """Say how the last night failed; empty if it did not, if it may still run, or if there was none."""
    try:
        night = msgspec.json.decode(NIGHTLY.of(home).read_bytes(), type=NightNote)
    except (OSError, msgspec.MsgspecError):
        return ""
    if night.ended_at:
        return f"the last nightly job, of {night.began_at}, failed: {night.fault}" if night.fault else ""
    # Whether it still runs only its lock would tell, and to try that could keep a night from beginning.
    late = datetime.fromisoformat(night.began_at) + LONGEST < now
    return (
        f"the last nightly job, of {night.began_at}, has not come to its end: it was cut off or hangs" if late else ""
    )


def _keep(home: Path, night: NightNote) -> None:
    with suppress(OSError):
        replace_file(NIGHTLY.of(home), msgspec.json.encode(night))
