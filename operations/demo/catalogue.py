"""The demo catalogue: the made-up city 云澜市, with every date told relative to the day of the demo.

In: `catalogue.jsonl` beside this file and the time that counts as now. Out: `Item`s.

A row has the fields of an item, save that times are days counted from today in the portal's calendar
(``published_day: -12``, with ``published_hour: 15.5`` if the hour matters; ``valid_until_day: 90``), so the demo
never ages: what is new, expired or not yet open stays so. ``{year}`` in a text is the year of publication.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from importlib import resources
from typing import Any

from civicrec.clock import PORTAL_TZ, local_date, rfc3339
from civicrec.items import Item, item_from

#: Page of an item on the demo portal.
ITEM_URL = "/portal/items/{item_id}"

#: Made up: no place in China has a code that starts with 99.
REGION_CODE = "990100"

_OFFICE_OPENS_H = 9.0
_TEXTS = ("title", "summary", "document_no", "index_no")


def demo_items(now: datetime) -> list[Item]:
    """Return the demo catalogue as it stands at `now`, in the order of the file; nothing is published after `now`."""
    return [item_from(_dated(row, now)) for row in _rows()]


def _rows() -> Iterator[dict[str, Any]]:
    text = resources.files("operations.demo").joinpath("catalogue.jsonl").read_text(encoding="utf-8")
    return (json.loads(line) for line in text.splitlines())


def _dated(row: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Turn the day offsets of a row into times, and fill in what every row shares."""
    row = dict(row)
    published = _at(now, row.pop("published_day"), row.pop("published_hour", _OFFICE_OPENS_H))
    if published > now:
        published -= timedelta(days=1)  # later today: not out yet, so it came out yesterday at that hour
    row["published_at"] = rfc3339(published)
    for name, hour in (("valid_from", 0.0), ("valid_until", 24.0), ("apply_from", 0.0), ("apply_until", 24.0)):
        day = row.pop(f"{name}_day", None)
        if day is not None:
            row[name] = rfc3339(_at(now, day, hour))
    for name in _TEXTS:
        if name in row:
            row[name] = row[name].replace("{year}", str(local_date(published).year))
    row.setdefault("url", ITEM_URL.format(item_id=row["item_id"]))
    row.setdefault("region_code", REGION_CODE)
    row.setdefault("source", row["issuer"])
    return row


def _at(now: datetime, day: int, hour: float) -> datetime:
    midnight = datetime.combine(local_date(now), time(), PORTAL_TZ)
    return midnight + timedelta(days=day, hours=hour)
