"""Which steps of a night are done, kept beside the data, so that a night that was cut off goes on with the next one.

In: each step that ended. Out: those of the same day and input, until the night ends and forgets them: a night that is
run again on purpose, as after a store was lost, does everything again.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from civicrec.home import NIGHTLY_STEPS
from civicrec.process.atomic_files import replace_file


class StepDone(msgspec.Struct, frozen=True):
    """One step that ended.

    Attributes
    ----------
    input
        Fingerprint of the day, the settings and what the step read.
    counts
        What it made, as the run's manifest has it.
    seconds
        How long it took.
    """

    input: str
    counts: dict[str, Any] | None
    seconds: float


class _Steps(msgspec.Struct, frozen=True):
    day: date
    done: dict[str, StepDone]


class NightSteps:
    """The steps of the night of one day; those of any other day, and a file that cannot be read, count as none."""

    def __init__(self, home: Path, day: date) -> None:
        self._path = NIGHTLY_STEPS.of(home)
        self._day = day
        self._done: dict[str, StepDone] = {}
        with suppress(OSError, msgspec.MsgspecError):
            kept = msgspec.json.decode(self._path.read_bytes(), type=_Steps)
            self._done = kept.done if kept.day == day else {}

    def done(self, name: str, input_: str) -> StepDone | None:
        """Return what a step made of this very input before the night was cut off, if it did."""
        step = self._done.get(name)
        return step if step is not None and step.input == input_ else None

    def note(self, name: str, step: StepDone) -> None:
        """Note that a step ended; a disk that takes no note stops no night."""
        self._done[name] = step
        with suppress(OSError):
            replace_file(self._path, msgspec.json.encode(_Steps(self._day, self._done)))

    def forget(self) -> None:
        """Forget every step: the night ended."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
