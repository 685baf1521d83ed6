"""A fault of ours is told in the log by its place, without what was sent."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from tests.serving.conftest import Api


def test_a_fault_is_logged_without_what_the_request_held(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: object) -> None:
        raise UnicodeEncodeError("utf-8", "canary-token-\ud800", 13, 14, "surrogates not allowed")

    monkeypatch.setattr(api.live.reader, "pairs", fails)
    with capture_logs() as logs:
        answer = api.get("/v1/items/i1/related", subject_token="canary-token-\x01")
    assert answer.status_code == 500
    (told,) = [line for line in logs if line["event"] == "request_failed"]
    told.pop("exc_info")
    assert (told["error"], told["route"]) == ("UnicodeEncodeError", "/v1/items/{item_id:path}/related")
    assert "canary" not in f"{told}"
