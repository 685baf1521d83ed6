"""What `civicrec doctor` tells, one line each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; `missing` is needed and not there, `absent` is merely not running or not there yet."""

    name: str
    state: Literal["ok", "missing", "absent"]
    detail: str
