"""Who did it, as reports count people: somebody who signs in is one person with their browser, within the session.

In: `events FINAL` of a window. Out: the same events with a column `person`, and nothing else is kept: events stay as
they came, so a change of this rule changes every report alike and there is nothing to take back.

An event with a subject is the subject's. One without is the subject's of the nearest event with one from the same
browser, before or after it, if both are of one session: each event of the browser at most `IDLE_MS` after the one
before, and the two at most `SESSION_MS` apart. Between events of two subjects it is nobody's but the browser's, and so
is everything on sites whose devices are shared (decision 218).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from civicrec.reports.report import Window
from civicrec.warehouse.interests import ACTOR

#: A session ends after so long without anything, as the tracker's does (docs/contracts.md, `session_id`).
IDLE_MS = 30 * 60_000
#: As long as a session lasts at most.
SESSION_MS = 24 * 3_600_000

#: Events whose browser tells: of the window, and of a day before and after, in which its sessions begin and end.
_TELLING = "anonymous_id != '' AND bot_reason = '' AND NOT has({shared_sites:Array(String)}, site)"
_NEAR = "local_date BETWEEN {first:Date} - 1 AND {last:Date} + 1"
# Each browser's events in order of time, cut into sessions; to each its nearest subject before (filled forwards from
# events that have one) and after (filled backwards), with its time. Of equal times the anonymous event comes first.
_LINKS = f"""
SELECT browser, change.1 AS since_ms, change.2 AS subject
FROM (
    SELECT anonymous_id AS browser,
           arraySort(groupUniqArray((toUnixTimestamp64Milli(occurred_at), subject_id))) AS acts,
           acts.1 AS at_ms, acts.2 AS who,
           arrayMap((at, gap) -> gap > {IDLE_MS}, at_ms, arrayDifference(at_ms)) AS begins,
           arrayPushBack(arrayPopFront(begins), true) AS ends,
           arrayFill((act, one, begin) -> one != '' OR begin, acts, who, begins) AS earlier,
           arrayReverseFill((act, one, end) -> one != '' OR end, acts, who, ends) AS later,
           arrayMap((at, act) -> if(at - act.1 <= {SESSION_MS}, act.2, ''), at_ms, earlier) AS before,
           arrayMap((at, act) -> if(act.1 - at <= {SESSION_MS}, act.2, ''), at_ms, later) AS after,
           arrayMap((one, other) -> multiIf(one = '', other, other IN ('', one), one, ''), before, after) AS linked,
           arrayFilter((pair, one) -> one = '', arrayZip(at_ms, linked), who) AS anonymous,
           arrayFilter(
               (pair, earlier_pair) -> pair.2 != earlier_pair.2,
               anonymous, arrayPopBack(arrayPushFront(anonymous, (toInt64(0), '')))
           ) AS changes
    FROM events
    WHERE {_NEAR} AND {_TELLING}
      AND anonymous_id IN (SELECT anonymous_id FROM events WHERE {_NEAR} AND {_TELLING} AND subject_id != '')
    GROUP BY browser
)
ARRAY JOIN changes AS change
"""
#: The events of the days `first` to `last`, each once, with `person`; asked with `people_of`.
BY_PERSON = f"""
SELECT events.*, if(links.subject != '', links.subject, {ACTOR}) AS person
FROM events FINAL
ASOF LEFT JOIN ({_LINKS}) AS links
ON if(subject_id = '' AND {_TELLING}, anonymous_id, '') = links.browser
   AND toUnixTimestamp64Milli(occurred_at) >= links.since_ms
WHERE local_date BETWEEN {{first:Date}} AND {{last:Date}}
"""


def people_of(window: Window, shared_sites: Collection[str]) -> dict[str, Any]:
    """Return the parameters of `BY_PERSON`.

    Parameters
    ----------
    shared_sites
        Sites whose devices several people use: there nobody is joined with a browser.
    """
    return {**window.parameters(), "shared_sites": sorted(shared_sites)}
