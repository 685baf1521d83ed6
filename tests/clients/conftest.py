"""A stack with a site, as a portal's developer has one, for tests of its API by the tools of others."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.running import RunningStack, running_stack

KEY = "gz-key-for-everything-2026"
SITES = {
    "gz": {"key": "g" * 32, "api_key": KEY, "scopes": ["events", "catalogue"], "origins": ["https://www.gz.gov.cn"]}
}
ITEMS = [
    {
        "item_id": f"gd-440100-000{n}", "item_type": ("policy", "service", "news")[n % 3], "title": f"第{n}号事项",
        "url": f"/i/{n}", "published_at": f"2026-01-0{n + 1}T08:00:00Z",
    }
    for n in range(9)
]  # fmt: skip


@pytest.fixture(scope="session")
def of_a_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    home = tmp_path_factory.mktemp("clients")
    env = {"CIVICREC_SITES": json.dumps(SITES)}
    with running_stack(home, only=("valkey", "collect", "serve"), env=env) as running:
        rows = "\n".join(map(json.dumps, ITEMS))
        answer = httpx.post(f"{running.serving_url}/v1/items", content=rows, headers={"x-api-key": KEY})
        assert answer.json()["added"] == len(ITEMS)
        yield running
