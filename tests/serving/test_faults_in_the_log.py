"""A fault of ours is told in the log by its place, without what was sent."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from tests.serving.conftest import Api


def test_a_fault_is_logged_without_what_the_request_held(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = "canary-token"

    def fails(_: object) -> None:
        raise ValueError(f"not a token: {sent}")

    monkeypatch.setattr(api.live.reader, "pairs", fails)
    with capture_logs() as logs:
        answer = api.ask("GET", "/v1/items/i1/related", headers={"authorization": f"Bearer {sent}"})
    assert answer.status_code == 500
    (told,) = [line for line in logs if line["event"] == "request_failed"]
    assert "fails" in told["exception"]
    assert (told["error"], told["route"]) == ("ValueError", "/v1/items/{item_id:path}/related")
    assert "canary" not in f"{told}"
