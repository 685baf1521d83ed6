"""``/v1/complaints``: a receipt and a due date for anybody, the answer for whoever has the receipt."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from civicrec.registry.complaints import list_complaints
from operations.cli import app
from operations.stack.problems import problems_of
from tests.serving.conftest import NOW, Api

COMPLAINT = {"kind": "recommendation", "text": "推荐的政策已过期", "item_id": "i0"}


def test_from_the_complaint_to_the_answer(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = api.post("/v1/complaints", COMPLAINT)
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "private, no-store")
    told = answer.json()
    assert (told["state"], told["due"], told["is_overdue"]) == ("received", "2026-03-17", False)
    assert "过期" not in answer.text
    path = f"/v1/complaints/{told['receipt']}"
    assert api.get(path).json() == told
    [waiting] = [one for one in problems_of(api.settings, None, NOW.replace(day=18)) if "overdue" in one]
    assert waiting.startswith("1 complaints are overdue")
    assert not [one for one in problems_of(api.settings, None, NOW) if "overdue" in one]
    monkeypatch.setattr("civicrec.settings.load_settings", lambda home: api.settings)
    listed = CliRunner().invoke(app, ["complaint", "list", "--json"])
    assert json.loads(listed.stdout)["text"] == "推荐的政策已过期"
    assert "推荐的政策已过期" in CliRunner().invoke(app, ["complaint", "list"]).stdout
    done = CliRunner().invoke(app, ["complaint", "answer", told["receipt"], "--reply", "已更正，谢谢。"])
    assert done.exit_code == 0, done.output
    told = api.get(path).json()
    assert (told["state"], told["reply"], bool(told["answered_at"])) == ("answered", "已更正，谢谢。", True)
    assert CliRunner().invoke(app, ["complaint", "list"]).stdout == ""


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"kind": "recommendation", "text": "  "}, "expected what is wrong"),
        ({"kind": "rage", "text": "a"}, "kind"),
        ({"kind": "other", "text": "长" * 2_001}, "2000"),
        ({"kind": "other"}, "text"),
        ({**COMPLAINT, "name": "王"}, "name"),
    ],
)
def test_what_cannot_be_taken_is_refused_by_name_and_not_kept(api: Api, body: dict[str, Any], says: str) -> None:
    answer = api.post("/v1/complaints", body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert says in answer.json()["detail"]
    assert list_complaints(api.registry) == []


def test_a_foreign_page_files_no_complaint(api: Api) -> None:
    answer = api.ask("POST", "/v1/complaints", json=COMPLAINT, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 422
    assert list_complaints(api.registry) == []


def test_no_receipt_no_answer(api: Api) -> None:
    assert api.get("/v1/complaints/ABCDEFGH").status_code == 404
