"""Who started to apply for something and did not submit: whom a closing date still helps.

In: items and a day. Out: pseudonyms of signed-in people.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from civicrec.warehouse.ports import Warehouse

#: Robots apply for nothing, and what somebody agreed to have measured alone is not used for messages to them.
_STARTED = """
SELECT subject_id FROM events FINAL
WHERE local_date >= {since:Date} AND has({items:Array(String)}, item_id) AND subject_id != '' AND bot_reason = ''
  AND consent = 'personalise' AND kind IN ('service_start', 'service_submit', 'service_complete')
GROUP BY subject_id, item_id
HAVING maxIf(occurred_at, kind = 'service_start') > maxIf(occurred_at, kind != 'service_start')
ORDER BY subject_id
"""


def started_only(warehouse: Warehouse, items: Sequence[str], since: date) -> list[str]:
    """Return who started to apply for one of some items since a day, and neither submitted it nor had it done since."""
    rows = warehouse.rows(_STARTED, {"items": list(items), "since": since})
    return list(dict.fromkeys(str(row["subject_id"]) for row in rows))
