"""People of either arm of the hold-out, and what they did after their first list.

In: `served`, `events FINAL`. Out: `Counts`. Each person counts once, by the arm they were assigned to, whatever they
were shown afterwards (intent to treat), and only once their days are over, so that no count changes later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from civicrec.clock import PORTAL_TZ, to_ms
from civicrec.reports.bots import bot_events
from civicrec.reports.comparison.proportions import Arm
from civicrec.reports.report import Window
from civicrec.warehouse.interests import ACTOR
from civicrec.warehouse.ports import Warehouse

Outcome = Literal["click", "read", "service_start"]
OUTCOMES: Mapping[Outcome, str] = {"click": "点击", "read": "阅读", "service_start": "开始办理"}
"""What a person may have done, the one that decides first, and its word."""

OUTCOME_DAYS = 7
"""Days from a person's first list within which it counts."""


def _did(kind: Outcome) -> str:
    """Return the column of how many people did it in their days."""
    in_days = f"act.1 = '{kind}' AND act.2 >= since AND act.2 < since + {{span:Int64}}"
    return f"countIf(arrayExists(act -> {in_days}, done)) AS did_{kind}"


#: Whom a list was shown to is whom the most of its events name: a request id that somebody else sends moves nobody.
_SQL = f"""
WITH readers AS (
    SELECT request_id, argMax(who, (n, who)) AS reader, argMax(began, (n, who)) AS seen_ms
    FROM (SELECT request_id, {ACTOR} AS who, count() AS n, min(toUnixTimestamp64Milli(occurred_at)) AS began
          FROM events FINAL
          WHERE local_date BETWEEN {{first:Date}} AND {{last:Date}} AND kind IN ('impression', 'click')
            AND request_id != '' AND bot_reason = '' AND consent = 'personalise'
          GROUP BY request_id, who HAVING who != '') AS named
    GROUP BY request_id
),
divided AS (
    SELECT request_id, variant = 'holdout' AS held, holdout_share AS share
    FROM served
    WHERE holdout_share > 0
      AND toDate(served_at, '{PORTAL_TZ}') BETWEEN {{first:Date}} - 1 AND {{last:Date}}
),
people AS (
    SELECT reader, min(seen_ms) AS since, max(held) AS is_held_out,
           min(held) != max(held) AS is_mixed, groupUniqArray(share) AS shares
    FROM readers INNER JOIN divided USING (request_id)
    GROUP BY reader
),
acts AS (
    SELECT {ACTOR} AS reader, groupArray((toString(kind), toUnixTimestamp64Milli(occurred_at))) AS done
    FROM events FINAL
    WHERE local_date BETWEEN {{first:Date}} AND {{last:Date}} + {OUTCOME_DAYS} AND bot_reason = '' AND item_id != ''
      AND (kind IN ('read', 'service_start') OR (kind = 'click' AND request_id != ''))
    GROUP BY reader
)
SELECT is_held_out, is_mixed, since + {{span:Int64}} <= {{now:Int64}} AS is_over, count() AS people,
       {", ".join(map(_did, OUTCOMES))},
       groupUniqArrayArray(shares) AS all_shares
FROM people LEFT JOIN acts USING (reader)
GROUP BY is_held_out, is_mixed, is_over
"""


@dataclass(frozen=True, slots=True)
class Counts:
    """What the arms did.

    Attributes
    ----------
    recommended, held_out
        Of each outcome, who did it among those whose days are over.
    entered
        People who came into each arm, their days over or not: recommended, held out.
    mixed
        People who had lists of both arms, and are in neither.
    shares
        Of held-out visitors, as lists of the window were divided by.
    """

    recommended: Mapping[Outcome, Arm]
    held_out: Mapping[Outcome, Arm]
    entered: tuple[int, int] = (0, 0)
    mixed: int = 0
    shares: tuple[float, ...] = ()
    bot_events: int = 0

    @property
    def waiting(self) -> int:
        """People whose days are not over."""
        return sum(self.entered) - self.recommended["click"].people - self.held_out["click"].people


def count_arms(warehouse: Warehouse, window: Window, now: datetime) -> Counts:
    """Count the people of both arms whose first list of the window was seen on one of its days.

    Raises
    ------
    civicrec.errors.Unavailable
        If the warehouse cannot be reached.
    """
    asked = {**window.parameters(), "span": OUTCOME_DAYS * 86_400_000, "now": to_ms(now)}
    groups = warehouse.rows(_SQL, asked)
    arms = [
        [one for one in groups if not one["is_mixed"] and bool(one["is_held_out"]) is held] for held in (False, True)
    ]
    over = [[one for one in arm if one["is_over"]] for arm in arms]
    recommended, held_out = (
        {
            outcome: Arm(sum(int(one[f"did_{outcome}"]) for one in arm), sum(int(one["people"]) for one in arm))
            for outcome in OUTCOMES
        }
        for arm in over
    )
    return Counts(
        recommended,
        held_out,
        (sum(int(one["people"]) for one in arms[0]), sum(int(one["people"]) for one in arms[1])),
        sum(int(one["people"]) for one in groups if one["is_mixed"]),
        tuple(sorted({float(share) for one in groups for share in one["all_shares"]})),
        bot_events(warehouse, window),
    )
