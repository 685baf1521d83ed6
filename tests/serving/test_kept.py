"""What everybody is answered alike: made once while it holds, and never longer."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from civicrec.editorial import Rule
from civicrec.registry.catalogue import upsert_items
from civicrec.registry.editorial import add_rule
from serving import live as serving_live
from serving import related as serving_related
from serving.kept import Kept
from tests.serving.conftest import NOW, Api, items

THEN = datetime(2026, 3, 10, tzinfo=UTC)
ANSWER = "answer"


def later(ms: int) -> datetime:
    return THEN + timedelta(milliseconds=ms)


def test_an_answer_is_kept_until_it_is_too_old() -> None:
    kept: Kept[str, str] = Kept(1_000)
    made_from = (object(), object())
    assert kept.get("q", made_from, THEN) is None
    kept.put("q", made_from, THEN, ANSWER)
    assert kept.get("q", made_from, later(999)) == ANSWER
    assert kept.get("other", made_from, THEN) is None
    assert kept.get("q", made_from, later(1_000)) is None
    assert kept.get("q", made_from, later(-1)) is None  # a clock that was set back


def test_a_change_of_what_it_was_made_from_ends_every_answer() -> None:
    kept: Kept[str, str] = Kept(1_000)
    catalogue, rules, others = object(), object(), object()
    kept.put("q", (catalogue, rules), THEN, ANSWER)
    assert kept.get("q", (catalogue, others), THEN) is None
    kept.put("r", (catalogue, others), THEN, ANSWER)
    assert kept.get("q", (catalogue, rules), THEN) is None
    assert kept.get("r", (catalogue, others), THEN) == ANSWER


def test_chance_questions_fill_no_memory() -> None:
    kept: Kept[int, str] = Kept(1_000, max_n=3)
    made_from = (object(),)
    for number in range(10):
        kept.put(number, made_from, THEN, ANSWER)
    kept.put(2, made_from, later(900), "newer")
    assert [kept.get(number, made_from, later(900)) for number in range(5)] == [ANSWER, ANSWER, "newer", None, None]


def test_what_is_too_old_makes_room() -> None:
    kept: Kept[int, str] = Kept(1_000, max_n=3)
    made_from = (object(),)
    for number in range(3):
        kept.put(number, made_from, later(300 * number), ANSWER)
    kept.put(3, made_from, later(1_000), ANSWER)
    kept.put(4, made_from, later(1_000), ANSWER)
    assert [kept.get(number, made_from, later(1_000)) for number in range(5)] == [None, ANSWER, ANSWER, ANSWER, None]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How many times a list was worked out."""
    counts: Counter[str] = Counter()

    def counting(module: Any, name: str) -> None:
        real = getattr(module, name)

        def counted(*given: Any, **named: Any) -> Any:
            counts[name] += 1
            return real(*given, **named)

        monkeypatch.setattr(module, name, counted)

    counting(serving_live, "recommend_page")
    counting(serving_related, "related_to")
    return counts


def without_numbers(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer without what each has for itself."""
    lists = [{**one, "request_id": ""} for one in answer.get("lists", [])]
    return {**answer, "request_id": "", "lists": lists}


@pytest.mark.parametrize(
    ("path", "work"),
    [("/v1/recommendations?mode=general", "recommend_page"), ("/v1/recommendations?n=5", "recommend_page"),
     ("/v1/recommendations?scene=item&item_id=i1&mode=general", "recommend_page"),
     ("/v1/items/i1/related", "related_to")],
)  # fmt: skip
def test_two_who_ask_alike_get_one_list_under_two_numbers(api: Api, made: Counter[str], path: str, work: str) -> None:
    first, second = (api.ask("GET", path).json() for _ in range(2))
    assert made[work] == 1
    numbers = [one["request_id"] for answer in (first, second) for one in answer.get("lists", [answer])]
    assert len(set(numbers)) == len(numbers)
    assert without_numbers(first) == without_numbers(second)
    assert api.app.state.list_log._queue[-1].request_id == numbers[-1]


def test_other_questions_get_other_lists(api: Api) -> None:
    first = api.ids(n=5)[0]
    queries = ("n=5", "n=6", "scene=news&n=5", f"n=5&exclude={first}", "n=5&slot=side", "n=5&explain=1")
    answers = [api.ask("GET", f"/v1/recommendations?{query}").json()["items"] for query in queries]
    assert all(one != other for at, one in enumerate(answers) for other in answers[:at])


def test_who_is_known_is_answered_for_themselves(api: Api, made: Counter[str]) -> None:
    for _ in range(2):
        api.ask("GET", "/v1/recommendations?mode=personalised&anonymous_id=a")
        api.ask("GET", "/v1/recommendations?mode=personalised&recent=i0")
    assert made["recommend_page"] == 4


def listed(api: Api, path: str) -> set[str]:
    answer = api.ask("GET", path).json()
    return {item["item_id"] for one in answer.get("lists", [answer]) for item in one["items"]}


BOTH = pytest.mark.parametrize("path", ["/v1/recommendations?n=50&mode=general", "/v1/items/i1/related?n=20"])


@BOTH
def test_what_is_withdrawn_is_in_no_kept_list(api: Api, path: str) -> None:
    assert "i0" in listed(api, path)
    withdrawn = [item for item in items() if item.item_id == "i0"]
    upsert_items(api.registry, [type(item)(**{**_fields(item), "status": "withdrawn"}) for item in withdrawn])
    api.live.catch_up()
    assert "i0" not in listed(api, path)


def _fields(item: Any) -> dict[str, Any]:
    return {name: getattr(item, name) for name in type(item).__struct_fields__}


@BOTH
def test_an_item_whose_time_ends_within_a_kept_list_is_gone(
    api: Api, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = NOW + timedelta(milliseconds=300)
    ending = [item for item in items() if item.item_id == "i0"][0]
    upsert_items(api.registry, [type(ending)(**{**_fields(ending), "valid_until": soon})])
    api.live.refresh()
    assert "i0" in listed(api, path)
    monkeypatch.setattr(api.live, "clock", lambda: soon)
    assert "i0" not in listed(api, path)


@BOTH
def test_a_rule_that_begins_within_a_kept_list_acts(api: Api, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    soon = NOW + timedelta(milliseconds=300)
    add_rule(api.registry, Rule("block", "i0", begins=soon, who="editor", why="test"), NOW)
    api.live.refresh()
    assert "i0" in listed(api, path)
    monkeypatch.setattr(api.live, "clock", lambda: soon)
    assert "i0" not in listed(api, path)
