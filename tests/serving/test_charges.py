"""What a request costs is what it is charged: an address that asks for more at once asks less often."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from civicrec.registry.catalogue import upsert_items
from civicrec.settings import ServingSettings
from civicrec.settings.serving import ListLimitSettings
from profiles.online.memory import MemoryOnlineStore
from tests.serving.conftest import items, open_api
from tests.web.asgi import ask

PAGE = {"blocks": [{"scene": "home"}]}
DISLIKE = {"kind": "dislike", "item_id": "i0", "anonymous_id": "me"}


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "lets_in"),
    [
        ("GET", "/v1/recommendations", b"n=10", None, 11),
        ("GET", "/v1/recommendations", b"n=100&explain=1", None, 3),
        ("POST", "/v1/recommendations", b"", PAGE, 11),
        ("POST", "/v1/recommendations", b"", {"blocks": PAGE["blocks"] * 20}, 1),
        ("POST", "/v1/recommendations", b"", {**PAGE, "recent": ["x" * 100] * 2_000}, 1),
        ("POST", "/v1/feedback", b"", DISLIKE, 2),
        ("POST", "/v1/feedback", b"", {**DISLIKE, "consent": "none"}, 11),
        ("POST", "/console/sign-in", b"", "password=wrong", 1),
    ],
)
def test_an_address_is_let_in_for_ten_lists_worth(
    tmp_path: Path, method: str, path: str, query: bytes, body: Any, lets_in: int
) -> None:
    limits = ListLimitSettings(address_lists_per_s=0.01, burst_s=1_000)
    opened = open_api(tmp_path, MemoryOnlineStore(), serving=ServingSettings(limits=limits))
    upsert_items(opened.registry, items())
    opened.live.refresh()
    sent = [json.dumps(body).encode()]
    said = [ask(opened.app, method, path, query, sent, peer="198.51.100.7").status for _ in range(lets_in + 1)]
    assert (said[-1], 429 in said[:-1]) == (429, False)
    opened.registry.dispose()
