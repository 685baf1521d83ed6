"""MSWEB (UCI "Anonymous Microsoft Web Data"): which areas of a site each visitor went to, in order, without times.

In: its DST text: ``A`` rows name areas, ``C`` rows start a visitor, ``V`` rows are the visits. Out: `Visits`.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from civicrec.errors import InvalidInput

TRAIN_FILE, TEST_FILE = "anonymous-msweb.data", "anonymous-msweb.test"


@dataclass(frozen=True, slots=True)
class Area:
    """One area of the site: what can be recommended."""

    item_id: str
    title: str
    path: str


@dataclass(frozen=True, slots=True)
class Visits:
    """Areas in file order, and each visitor's areas in the order of the rows."""

    areas: tuple[Area, ...]
    by_user: dict[str, tuple[str, ...]]

    @property
    def n_visits(self) -> int:
        """Number of visit rows."""
        return sum(len(items) for items in self.by_user.values())


def read_msweb(path: Path) -> Visits:
    """Read one DST file.

    Raises
    ------
    InvalidInput
        If the file is missing or a visit stands before any visitor.
    """
    areas: list[Area] = []
    by_user: dict[str, list[str]] = {}
    current: list[str] | None = None
    try:
        with path.open(encoding="latin-1", newline="") as file:
            for row in csv.reader(file):
                if row[:1] == ["A"]:
                    areas.append(Area(item_id=row[1], title=row[3], path=row[4]))
                elif row[:1] == ["C"]:
                    current = by_user.setdefault(row[2], [])
                elif row[:1] == ["V"]:
                    if current is None:
                        raise InvalidInput(f"{path}: a visit stands before the first visitor; is this a DST file?")
                    current.append(row[1])
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror}; see docs for where MSWEB comes from") from error
    return Visits(tuple(areas), {user: tuple(items) for user, items in by_user.items()})
