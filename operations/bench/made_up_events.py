"""Made-up interactions of a city, put into a warehouse by one statement: the same ones each time."""

from __future__ import annotations

from datetime import date

from civicrec.warehouse.ports import Warehouse

N_ITEMS = 46_000
LAST_DAY = date(2026, 3, 31)
#: Items follow Zipf's law from the tenth on, as `made_up_interests` has them; visitors come at any time.
_FILL = """
INSERT INTO events (event_id, kind, occurred_at, received_at, local_date, site, channel, actor, anonymous_id, item_id,
                    consent)
SELECT reinterpretAsUUID(MD5(toString(number))), 'click', at, at, toDate(at, 'Asia/Shanghai'), 'bench', 'web',
       concat('a:', who), who, item, 'personalise'
FROM (
    SELECT number, lower(hex(MD5(toString(sipHash64(number, 1) % {actors:UInt64})))) AS who,
           concat('item-', leftPad(toString(
               least(toUInt32(10 * (pow({items:UInt32} / 10 + 1, sipHash64(number, 2) / exp2(64)) - 1)), {items:UInt32} - 1)
           ), 5, '0')) AS item,
           toDateTime64({last:Date}, 3, 'UTC') - toIntervalSecond(sipHash64(number, 3) % ({days:UInt64} * 86400)) AS at
    FROM numbers({n:UInt64})
)
"""  # noqa: E501


def fill_events(warehouse: Warehouse, n: int, n_actors: int, days: int) -> None:
    """Put `n` clicks of so many visitors into `events`, of the days that end with `LAST_DAY`."""
    warehouse.command(_FILL, {"actors": max(1, n_actors), "items": N_ITEMS, "last": LAST_DAY, "days": days, "n": n})
