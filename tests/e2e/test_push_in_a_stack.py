"""A campaign in a whole stack: started by command, sent by serving, read over HTTP, counted in the warehouse."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import httpx
import pytest

from civicrec.clock import utc_now
from civicrec.registry.campaigns import campaign
from civicrec.registry.notice import notice_of
from civicrec.settings.consent import ConsentSettings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from operations.bench.push_crowd import put_crowd, start_for_all
from recommender.push.people import people_at
from tests.running import running_stack, wait_for

pytestmark = pytest.mark.stack
_COUNTED = (
    "SELECT toString(kind) AS kind, uniqExact(subject_id) AS people, count() AS n FROM events FINAL GROUP BY kind"
)


def test_serving_sends_what_was_approved_and_the_warehouse_counts_it(tmp_path: Path) -> None:
    env = {"CIVICREC_CONSENT__NOTICE_VERSION": "2026-1", "CIVICREC_PUSH__HOLDOUT_SHARE": "0"}
    with running_stack(tmp_path, env=env) as stack:
        consent = ConsentSettings(notice_version="2026-1")
        settings = stack.settings.model_copy(update={"consent": consent})
        with people_at(settings) as people, closing(ClickHouseWarehouse(settings.warehouse)) as warehouse:
            put_crowd(people.registry, people.keys, notice_of(settings), 40, utc_now())
            push = settings.push.model_copy(update={"holdout_share": 0.0})
            name = start_for_all(people, ["inbox"], push, utc_now())
            wait_for(lambda: campaign(people.registry, name).state == "done", 60, "the campaign")
            headers = {"Authorization": f"Bearer {people.keys.sign('demo', 'firm-3', utc_now())}"}
            url = settings.serving.endpoint.url
            inbox = httpx.get(f"{url}/v1/me/inbox", headers=headers).json()
            [message] = inbox["messages"]
            assert (inbox["unread"], message["title"], message["items"][0]["item_id"]) == (
                1,
                "贷款贴息开始申报",
                "loan",
            )
            read = httpx.post(f"{url}/v1/me/inbox/{message['id']}/read", headers=headers)
            assert read.json()["unread"] == 0

            def counted() -> dict[str, tuple[int, int]]:
                return {row["kind"]: (row["people"], row["n"]) for row in warehouse.rows(_COUNTED)}

            expected = {"push_sent": (40, 40), "push_delivered": (40, 40), "push_open": (1, 1)}
            wait_for(lambda: counted() == expected, 90, "the events")
