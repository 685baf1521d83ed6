"""Served lists and what was clicked in them: what comparisons of policies start from.

In: `served`, `events FINAL`. Out: a row a list that somebody saw, with who that was.
"""

from __future__ import annotations

from datetime import date

import pyarrow as pa

from civicrec.clock import PORTAL_TZ
from civicrec.warehouse.interests import ACTOR
from civicrec.warehouse.ports import Warehouse

#: The reader is whom the most events of a list name: a request id that somebody else sends does not move it.
_SQL = f"""
SELECT request_id, variant, variant_share, item_ids, propensities, teams, shadow, shadow_ids, reader, clicked
FROM (SELECT * FROM served WHERE scene = {{scene:String}} AND toDate(served_at, '{PORTAL_TZ}')
      BETWEEN {{first:Date}} AND {{last:Date}}) AS listed
INNER JOIN (
    SELECT request_id, topK(1)(who)[1] AS reader, groupUniqArrayIf(item_id, kind = 'click') AS clicked
    FROM (SELECT request_id, {ACTOR} AS who, item_id, kind FROM events FINAL
          WHERE local_date BETWEEN {{first:Date}} AND {{last:Date}} + 1 AND kind IN ('impression', 'click')
            AND request_id != '' AND bot_reason = '') AS happened
    WHERE who != ''
    GROUP BY request_id
) AS seen USING (request_id)
ORDER BY request_id
"""


def read_served_clicks(warehouse: Warehouse, scene: str, first: date, last: date) -> pa.Table:
    """Return the lists of a scene served on the days first..last of which an impression or a click came in.

    Robots left out; clicks count until the day after, each item once.
    """
    return warehouse.query(_SQL, {"scene": scene, "first": first, "last": last})
