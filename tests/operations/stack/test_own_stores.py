"""The processes on stores of one's own, PostgreSQL and Redis, through the way of a visitor, an editor and a night."""

import json
from pathlib import Path

import httpx
import pytest

from civicrec.accounting.books import read_books
from civicrec.clock import utc_now
from tests.builders import raw_event
from tests.running import running_stack, settings_on_free_ports, wait_for
from tests.services.postgresql import PostgreSQL
from tests.services.redis_server import running_redis

pytestmark = [pytest.mark.stack, pytest.mark.slow]
OURS = ("warehouse", "collect", "stream", "serve")
ITEMS = [
    {"item_id": f"a-{n}", "item_type": "service", "title": f"第{n}项申请", "theme": ["就业创业"]} for n in range(30)
]


def test_events_lists_withdrawals_and_nights_work_on_postgresql_and_redis(
    tmp_path: Path, postgresql: PostgreSQL
) -> None:
    home, redis_home = tmp_path / "home", tmp_path / "redis"
    redis_home.mkdir()
    with running_redis("redis", redis_home) as redis:
        settings = settings_on_free_ports(home).model_copy(update={"redis": redis})
        own = {"CIVICREC_REGISTRY_URL": postgresql.database()}
        with running_stack(home, only=OURS, settings=settings, env=own) as stack:
            catalogue = tmp_path / "items.jsonl"
            catalogue.write_text("\n".join(json.dumps(item) for item in ITEMS))
            stack.civicrec("catalog", "import", str(catalogue))
            events = [
                raw_event(n=n, at=utc_now(), item=f"a-{n % 30}", anonymous_id=f"v-{n % 20}", consent="personalise")
                for n in range(400)
            ]
            for start in range(0, 400, 100):
                body = {"events": events[start : start + 100]}
                assert httpx.post(f"{stack.collector_url}/v1/events", json=body).json()["accepted"] == 100
            wait_for(lambda: read_books(stack.settings).stored == 400, what="the stream")
            manifest = json.loads(stack.civicrec("nightly").stdout)
            assert manifest["run"]

            def listed() -> dict[str, object]:
                asked = {"n": 10, "anonymous_id": "v-1"}
                return httpx.get(f"{stack.serving_url}/v1/recommendations", params=asked).raise_for_status().json()

            def ids() -> list[str]:
                return [item["item_id"] for item in listed()["items"]]  # type: ignore[attr-defined]

            wait_for(lambda: listed()["model"] == manifest["run"], what="the models of the run")
            assert listed()["degraded"] is False
            gone = ids()[0]
            stack.civicrec("catalog", "withdraw", gone, "--why", "figure wrong")
            wait_for(lambda: gone not in ids(), 10, "the withdrawal")

            postgresql.stop()  # lists and events go on without the registry, and it is used again when it is back
            try:
                assert len(ids()) == 10
                event = raw_event(n=400, at=utc_now(), item="a-1")
                assert httpx.post(f"{stack.collector_url}/v1/events", json={"events": [event]}).json()["accepted"] == 1
                refused = stack.civicrec("catalog", "list", check=False)
                assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
                assert "cannot be used now" in refused.stderr
            finally:
                postgresql.start()
            wait_for(lambda: read_books(stack.settings).stored == 401, 60, "the stream")
            assert read_books(stack.settings).balanced
            stack.civicrec("catalog", "restore", gone)
            wait_for(lambda: stack.civicrec("catalog", "list", "--status", "withdrawn").stdout == "", 10, "the item")
            assert not (home / "registry.sqlite").exists()
