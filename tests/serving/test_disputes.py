"""That a tag is wrong: it is gone from the next list on, and its dispute is answered like a complaint."""

from __future__ import annotations

import pytest

from civicrec.registry.choices import choices_of
from civicrec.registry.complaints import list_complaints
from tests.serving.conftest import Api
from tests.serving.test_my_choices import Person

TAG = "theme:就业创业"


def test_a_disputed_tag_is_deleted_and_looked_into(api: Api) -> None:
    person = Person(api)
    person.ask("PUT", f"tags/{TAG}")
    answer = person.ask("POST", "disputes", json={"tag": TAG, "text": "替家人\u0007查询"})
    told = answer.json()
    assert (answer.status_code, told["kind"], told["state"], told["due"]) == (
        201, "personal_data", "received", "2026-03-17"
    )  # fmt: skip
    assert "就业" not in answer.text
    (kept,) = list_complaints(api.registry)
    assert (kept.receipt, kept.text) == (told["receipt"], f"标签异议：{TAG}\n替家人查询")
    assert list(choices_of(api.registry, person.actor).deleted) == [TAG]
    assert api.get(f"/v1/complaints/{told['receipt']}").json() == told
    assert person.actor not in kept.text  # who reads complaints need not know whose profile it is


@pytest.mark.parametrize(
    ("body", "says"),
    [({"tag": "theme:占星"}, "theme:占星"), ({"text": "错"}, "tag"), ({"tag": TAG, "text": "长" * 2_000}, "text")],
)
def test_what_is_no_tag_is_no_dispute(api: Api, body: dict[str, str], says: str) -> None:
    answer = Person(api).ask("POST", "disputes", json=body)
    assert (answer.status_code, says in answer.json()["detail"]) == (422, True)
    assert list_complaints(api.registry) == []


def test_nobody_in_particular_disputes_nothing(api: Api) -> None:
    assert api.post("/v1/me/disputes", {"tag": TAG}).status_code == 401
