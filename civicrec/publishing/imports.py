"""Many items at once, from a file or a request: the command line and the API both come here.

In: JSON objects with their lines. Out: what was kept of them, and every bad row with its line and reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from civicrec.catalogue.importers import BadRow, rows_of
from civicrec.catalogue.stated import RuleCheck, no_rules
from civicrec.registry.catalogue import Kept, Upserted, upsert_items


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of the rows.

    Attributes
    ----------
    rows
        How many there were.
    kept
        How many items were added, changed and found unchanged.
    bad
        The rows that are not in the catalogue, by line.
    notes
        What of good rows could not be kept, by line.
    """

    rows: int
    kept: Upserted
    bad: list[BadRow]
    notes: list[BadRow]


def import_items(
    registry: Engine,
    objects: Iterable[tuple[int, bytes]],
    form: str,
    *,
    who: str,
    why: str,
    now: datetime,
    check: RuleCheck = no_rules,
) -> Imported:
    """Keep the good rows; each that is added or changed gets an audit row.

    Parameters
    ----------
    objects
        Line, and the JSON object that begins there (`civicrec.json_files.objects_in`).
    form
        One of `civicrec.catalogue.importers.FORMATS`.
    check
        Knows the language of conditions; an item that has some is refused without.

    Raises
    ------
    InvalidInput
        If there is no such format.
    """
    rows = rows_of(objects, form, Kept(registry), check)
    kept = upsert_items(registry, rows.items, who=who, why=why, now=now)
    refused = (BadRow(rows.line_of[item_id], reason) for item_id, reason in kept.refused.items())
    bad = sorted([*rows.bad, *refused], key=lambda row: row.line)
    return Imported(len(rows.items) + len(rows.bad), kept, bad, rows.notes)
