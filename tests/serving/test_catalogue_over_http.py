"""The catalogue over HTTP: who may change it, what becomes of each item, and how a copy follows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import select

from civicrec.items import StatedRule
from civicrec.registry.catalogue import Kept, erase, set_status
from civicrec.registry.tables import audit
from civicrec.settings import Site
from tests.serving.conftest import NOW, Api, items, stocked_api

KEY, EVENTS_KEY = "gz-catalogue-key-of-2026", "sz-events-key-of-2026"
SITES = {
    "gz": Site(key=SecretStr("g" * 32), api_key=SecretStr(KEY), scopes=("events", "catalogue")),
    "sz": Site(key=SecretStr("s" * 32), api_key=SecretStr(EVENTS_KEY)),
}
POLICY = {"item_id": "p", "item_type": "policy", "title": "关于新能源汽车补贴的通知", "issuer": "云澜市政府"}


@pytest.fixture
def keyed(tmp_path: Path) -> Iterator[Api]:
    with stocked_api(tmp_path, sites=SITES) as opened:
        yield opened


def ask(api: Api, method: str, path: str, body: Any = None, key: str = KEY, **headers: str) -> httpx.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()} | ({"x-api-key": key} if key else {})
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return api.ask(method, path, content=content, headers=sent)


def acts(api: Api) -> list[tuple[str, str, str, str]]:
    """Who did what to which item and why, of those that servers did."""
    with api.registry.connect() as connection:
        rows = connection.execute(select(audit).where(audit.c.who.startswith("site:")).order_by(audit.c.id)).all()
    return [(row.who, row.action, row.object_id, row.facts["why"]) for row in rows]


@pytest.mark.parametrize(("key", "status"), [("", 401), ("guess-of-a-key-2026", 401), (EVENTS_KEY, 403)])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/items"),
        ("POST", "/v1/items"),
        *((one, "/v1/items/i0") for one in ("GET", "PUT", "PATCH", "DELETE")),
    ],
)
def test_without_a_key_for_the_catalogue_nothing_is_told_or_done(
    keyed: Api, method: str, path: str, key: str, status: int
) -> None:
    answer = ask(keyed, method, path, POLICY | {"item_id": "i0"}, key)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert "title" not in answer.json()["detail"]
    assert acts(keyed) == []
    assert Kept(keyed.registry).named(["i0"])["i0"] == items()[0]


def test_while_no_site_is_configured_no_key_is_good(api: Api) -> None:
    assert ask(api, "GET", "/v1/items/i0").status_code == 401


def test_an_item_is_put_read_patched_and_withdrawn(keyed: Api) -> None:
    made = ask(keyed, "PUT", "/v1/items/p?why=CMS", POLICY)
    assert (made.status_code, made.json()["change"]) == (201, "added")
    assert made.json()["item"] == POLICY
    read = ask(keyed, "GET", "/v1/items/p")
    assert read.json() == {"item": POLICY, "etag": made.headers["etag"]}
    assert read.headers["etag"] == made.headers["etag"]
    again = ask(keyed, "PUT", "/v1/items/p", POLICY)
    assert (again.status_code, again.json()["change"]) == (200, "unchanged")
    patched = ask(keyed, "PATCH", "/v1/items/p", {"title": "新标题", "issuer": None})
    assert patched.json()["item"] == {"item_id": "p", "item_type": "policy", "title": "新标题"}
    assert patched.headers["etag"] != made.headers["etag"]
    gone = ask(keyed, "DELETE", "/v1/items/p?why=过期")
    assert (gone.status_code, gone.json()["item"]["status"], gone.json()["item"]["title"]) == (
        200,
        "withdrawn",
        "新标题",
    )
    assert ask(keyed, "DELETE", "/v1/items/p").json()["change"] == "unchanged"
    assert acts(keyed) == [
        ("site:gz", "item_added", "p", "CMS"), ("site:gz", "item_changed", "p", "PATCH /v1/items"),
        ("site:gz", "item_withdrawn", "p", "过期"),
    ]  # fmt: skip


def test_an_id_may_hold_slashes_and_signs(keyed: Api) -> None:
    path = "/v1/items/gd/440100%3F%E7%A9%97"
    assert ask(keyed, "PUT", path, {"item_type": "faq", "title": "问"}).json()["item"]["item_id"] == "gd/440100?穗"
    assert ask(keyed, "GET", path).status_code == 200


def test_what_is_withdrawn_stays_so_until_it_is_patched(keyed: Api) -> None:
    ask(keyed, "DELETE", "/v1/items/i1")
    item = items()[1]
    back = ask(keyed, "PUT", "/v1/items/i1", {"item_type": item.item_type, "title": "再来"})
    assert (back.json()["item"]["status"], back.json()["item"]["title"]) == ("withdrawn", "再来")
    rows = json.dumps({"item_id": "i1", "item_type": item.item_type, "title": "再三"}).encode()
    assert ask(keyed, "POST", "/v1/items", rows).json()["changed"] == 1
    assert ask(keyed, "GET", "/v1/items/i1").json()["item"]["status"] == "withdrawn"
    assert "status" not in ask(keyed, "PATCH", "/v1/items/i1", {"status": "online"}).json()["item"]
    assert acts(keyed)[-1][1] == "item_online"


def test_a_change_reaches_lists_and_a_draft_does_not(keyed: Api) -> None:
    ask(keyed, "PUT", "/v1/items/p", POLICY | {"published_at": "2026-03-10T03:59:00Z"})
    ask(keyed, "PUT", "/v1/items/q", POLICY | {"item_id": "q", "status": "draft"})
    keyed.live.refresh()
    shown = keyed.ids(site="gz", scene="latest", n=100)
    assert "p" in shown
    assert "q" not in shown
    assert keyed.get("/v1/items/q/related").status_code == 404
    assert ask(keyed, "GET", "/v1/items/q").json()["item"]["status"] == "draft"
    ask(keyed, "DELETE", "/v1/items/p")
    keyed.live.refresh()
    assert "p" not in keyed.ids(site="gz", scene="latest", n=100)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_change_on_what_others_changed_is_412_and_changes_nothing(keyed: Api, method: str) -> None:
    old = ask(keyed, "PUT", "/v1/items/p", POLICY).headers["etag"]
    new = ask(keyed, "PATCH", "/v1/items/p", {"title": "另一人"}).headers["etag"]
    done = len(acts(keyed))
    answer = ask(keyed, method, "/v1/items/p", POLICY, if_match=old)
    assert answer.status_code == 412
    assert new in answer.json()["detail"]
    assert ask(keyed, "GET", "/v1/items/p").json()["item"]["title"] == "另一人"
    assert len(acts(keyed)) == done
    assert ask(keyed, method, "/v1/items/p", POLICY, if_match=f'"x", W/{new}').status_code == 200


def test_a_put_may_ask_that_nothing_is_there_and_a_get_that_it_is_news(keyed: Api) -> None:
    assert ask(keyed, "PUT", "/v1/items/p", POLICY, if_match="*").status_code == 412
    etag = ask(keyed, "PUT", "/v1/items/p", POLICY, if_none_match="*").headers["etag"]
    assert ask(keyed, "PUT", "/v1/items/p", POLICY, if_none_match="*").status_code == 412
    known = ask(keyed, "GET", "/v1/items/p", if_none_match=etag)
    assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", etag)
    assert ask(keyed, "GET", "/v1/items/p", if_none_match='"other"').status_code == 200


def test_one_document_never_takes_the_place_of_another(keyed: Api) -> None:
    erase(keyed.registry, ["i2"], who="operator", why="", now=NOW)
    for item_id in ("i2", "i0"):
        other = {"item_type": "faq", "title": "另一份文件"}
        assert ask(keyed, "PUT", f"/v1/items/{item_id}", other).status_code == 409
        row = json.dumps({"item_id": item_id, **other}).encode()
        assert len(ask(keyed, "POST", "/v1/items", row).json()["bad"]) == 1
    assert Kept(keyed.registry).named(["i0"])["i0"] == items()[0]


@pytest.mark.parametrize(
    ("method", "body", "words"),
    [
        ("PUT", b"{", "JSON"), ("PUT", b"[]", "JSON"), ("PUT", b"\xff", "JSON"),
        ("PUT", {"title": "无类型"}, "item_type"),
        ("PUT", POLICY | {"title": " "}, "title"), ("PUT", POLICY | {"colour": "red"}, "colour"),
        ("PUT", POLICY | {"item_id": "other"}, "item_id"), ("PUT", POLICY | {"url": "javascript:x"}, "url"),
        ("PUT", POLICY | {"conditions": [{"rule": {}, "quote": "x"}]}, "conditions[0]"),
        ("PUT", POLICY | {"conditions": [{"rule": {"attribute": "age", "at_least": 1}}]}, "quote"),
        ("PUT", POLICY | {"conditions": [{"rule": {"attribute": "age", "at_least": 1}, "quote": " "}]}, "quote"),
        ("PATCH", {"title": None}, "title"), ("PATCH", {"status": "lost"}, "status"),
        ("PATCH", {"valid_from": "2026-02-01T00:00:00Z", "valid_until": "2026-01-01T00:00:00Z"}, "valid_until"),
    ],
)  # fmt: skip
def test_a_bad_item_is_refused_by_name(keyed: Api, method: str, body: Any, words: str) -> None:
    if method == "PATCH":
        ask(keyed, "PUT", "/v1/items/p", POLICY)
    answer = ask(keyed, method, "/v1/items/p", body)
    assert answer.status_code == 422
    assert words in answer.json()["detail"]


RULE = {"rule": {"attribute": "years", "at_least": 2}, "quote": "成立满两年"}
UNKNOWN = {"rule": {"all": [RULE["rule"], {"attribute": "height", "at_least": 2}]}, "quote": "身高两米"}


def test_conditions_come_in_by_every_door_and_a_bad_one_is_named_with_its_item_and_sentence(keyed: Api) -> None:
    good, bad = POLICY | {"conditions": [RULE]}, POLICY | {"conditions": [RULE, UNKNOWN]}
    put = ask(keyed, "PUT", "/v1/items/p", good)
    assert (put.status_code, put.json()["item"]["conditions"]) == (201, [RULE])
    assert ask(keyed, "PATCH", "/v1/items/p", {"title": "新标题"}).json()["item"]["conditions"] == [RULE]
    says = "item p: conditions[1]（身高两米）: rule.all[1]: got attribute 'height'; expected audience, groups"
    for method, body in (("PUT", bad), ("PATCH", {"conditions": [RULE, UNKNOWN]})):
        refused = ask(keyed, method, "/v1/items/p", body)
        assert (refused.status_code, says in refused.json()["detail"]) == (422, True), refused.text
    done = ask(keyed, "POST", "/v1/items", [bad, good | {"item_id": "q"}]).json()
    assert (done["added"], [row["line"] for row in done["bad"]]) == (1, [1])
    assert says in done["bad"][0]["reason"]
    item = Kept(keyed.registry).named(["p"])["p"]
    assert item.conditions == (StatedRule(RULE["rule"], "成立满两年"),)  # type: ignore[arg-type]  # of JSON


def test_a_sentence_that_the_text_does_not_hold_is_noted(keyed: Api) -> None:
    text = POLICY | {"body_text": "申请人应当\n成立满 两年。"}
    held = ask(keyed, "PUT", "/v1/items/p", text | {"conditions": [RULE]})
    assert (held.status_code, held.json()["notes"]) == (201, [])
    noted = ask(keyed, "PUT", "/v1/items/p", text | {"conditions": [RULE | {"quote": "成立满三年"}]})
    assert (noted.status_code, "（成立满三年）: the sentence does not stand" in noted.json()["notes"][0]) == (200, True)


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_what_is_not_there_is_404(keyed: Api, method: str) -> None:
    assert ask(keyed, method, "/v1/items/none", {}).status_code == 404


def test_rows_are_judged_one_by_one_and_good_ones_land(keyed: Api) -> None:
    rows = [POLICY, {"item_id": "bad", "item_type": "policy"}, POLICY | {"item_id": "i0"}]
    body = b"\n".join([*(json.dumps(row).encode() for row in rows), b"no json", b""])
    answer = ask(keyed, "POST", "/v1/items?why=nightly", body)
    assert answer.status_code == 200
    assert {name: answer.json()[name] for name in ("rows", "added", "changed", "unchanged")} == {
        "rows": 4, "added": 1, "changed": 1, "unchanged": 0,
    }  # fmt: skip
    assert [row["line"] for row in answer.json()["bad"]] == [2, 4]
    assert acts(keyed) == [("site:gz", "item_added", "p", "nightly"), ("site:gz", "item_changed", "i0", "nightly")]
    assert ask(keyed, "POST", "/v1/items", body).json()["unchanged"] == 2
    counted = keyed.get("/metrics").text
    for change, n in (("added", 1), ("changed", 1), ("unchanged", 2), ("bad", 4)):
        assert f'civicrec_catalogue_changes_total{{change="{change}"}} {n}.0' in counted


@pytest.mark.parametrize(
    ("body", "status"), [(b"", 422), (b"\n \n", 422), (b"\x1f\x8b\x08\x00", 415), (b"<html>", 422)]
)
def test_a_body_without_rows_is_refused(keyed: Api, body: bytes, status: int) -> None:
    assert ask(keyed, "POST", "/v1/items", body).status_code == status


def test_a_good_key_may_send_more_than_others(keyed: Api) -> None:
    row = json.dumps(POLICY | {"body_text": "长" * 200_000}, ensure_ascii=False).encode()
    body = b"\n".join(row.replace(b'"p"', b'"p%d"' % n) for n in range(4))
    assert len(body) > 1 << 20
    assert ask(keyed, "POST", "/v1/items", body, key="").status_code == 413
    assert ask(keyed, "POST", "/v1/items", body, key=EVENTS_KEY).status_code == 413
    assert ask(keyed, "PUT", "/v1/items/p", body).status_code == 413
    assert ask(keyed, "POST", "/v1/items", body).json()["added"] == 4


def test_a_copy_that_follows_ends_as_the_catalogue_is(keyed: Api) -> None:
    copy: dict[str, Any] = {}
    cursor = ""

    def follow() -> int:
        nonlocal cursor
        n_answers, more = 0, True
        while more:
            answer = ask(keyed, "GET", f"/v1/items?n=7&cursor={cursor}").json()
            copy.update({one["item"]["item_id"]: one["item"] for one in answer["items"]})
            cursor, more, n_answers = answer["cursor"], answer["has_more"], n_answers + 1
        return n_answers

    def kept() -> dict[str, Any]:
        everything = [item.item_id for item in items()] + ["p"]
        return {one: json.loads(ask(keyed, "GET", f"/v1/items/{one}").content)["item"] for one in everything}

    ask(keyed, "PUT", "/v1/items/p", POLICY)
    assert follow() == -(-len(kept()) // 7)
    assert copy == kept()
    set_status(keyed.registry, ["i3"], "withdrawn", who="operator", why="x", now=NOW)
    ask(keyed, "PATCH", "/v1/items/p", {"title": "新"})
    answer = ask(keyed, "GET", f"/v1/items?cursor={cursor}").json()
    assert [one["item"]["item_id"] for one in answer["items"]] == ["i3", "p"]
    follow()
    assert copy == kept()
    assert follow() == 1


def test_a_copy_may_begin_at_a_time(keyed: Api) -> None:
    assert ask(keyed, "GET", "/v1/items?updated_since=2100-01-01T00:00:00Z").json()["items"] == []
    assert len(ask(keyed, "GET", "/v1/items?updated_since=2000-01-01T08:00:00%2B08:00&n=1000").json()["items"]) == len(
        items()
    )
    set_status(keyed.registry, ["i3"], "withdrawn", who="operator", why="x", now=NOW.replace(year=2200))
    later = ask(keyed, "GET", "/v1/items?updated_since=2199-01-01T00:00:00Z").json()["items"]
    assert [one["item"]["item_id"] for one in later] == ["i3"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("n=0", "n="), ("n=1001", "n="), ("n=x", "n="), ("cursor=x", "cursor"), ("cursor=9999999999,a", "cursor"),
        ("updated_since=2026-01-31", "updated_since"), ("updated_since=2026-01-31T08:00:00", "updated_since"),
        ("since=1", "unknown parameter 'since'; expected only updated_since, cursor, n"),
    ],
)  # fmt: skip
def test_a_parameter_that_cannot_be_is_refused_by_name(keyed: Api, query: str, words: str) -> None:
    answer = ask(keyed, "GET", f"/v1/items?{query}")
    assert answer.status_code == 422
    assert words in answer.json()["detail"]


def test_a_blank_parameter_is_not_given(keyed: Api) -> None:
    assert ask(keyed, "GET", "/v1/items?n=&cursor=%20&updated_since=").status_code == 200
    assert len(ask(keyed, "GET", "/v1/items?n=%20007").json()["items"]) == 7
