"""What a CMS pushes in its own words: who may, what becomes of each row, what comes again, what is older."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import func, select

from civicrec.clock import utc_now
from civicrec.items import Item
from civicrec.registry.catalogue import Kept, erase, set_status
from civicrec.registry.tables import audit, pushes
from civicrec.settings import Site
from operations.stack.site_check import _cms
from serving.api import pushes as route
from tests.serving.conftest import NOW, Api, stocked_api

KEY, EVENTS_KEY, OTHER_KEY = "gz-catalogue-key-of-2026", "sz-events-key-of-2026", "fs-catalogue-key-of-2026"
SITES = {
    "gz": Site(key=SecretStr("g" * 32), api_key=SecretStr(KEY), scopes=("events", "catalogue")),
    "fs": Site(key=SecretStr("f" * 32), api_key=SecretStr(OTHER_KEY), scopes=("catalogue",)),
    "sz": Site(key=SecretStr("s" * 32), api_key=SecretStr(EVENTS_KEY)),
    "keyless": Site(key=SecretStr("k" * 32)),
}
FIELDS = """
rows = "data"
id_prefix = "gz-"
[event]
field = "op"
create = ["publish", "1"]
update = ["modify"]
withdraw = ["revoke"]
restore = ["republish"]
[fields]
item_id = "docId"
title = "docTitle"
published_at = "pubTime"
updated_at = "operTime"
issuer = "source.name"
item_type = "chnl"
[words.item_type]
"政策文件" = "policy"
2 = "interpretation"
[defaults]
item_type = "news"
"""
DOC = {"docId": 71, "docTitle": "关于公积金的通知", "pubTime": "2026年1月31日 08:00", "chnl": "政策文件", "unused": [1]}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "cms").mkdir()
    (tmp_path / "cms" / "gz.toml").write_text(FIELDS)
    return tmp_path


@pytest.fixture
def keyed(home: Path) -> Iterator[Api]:
    with stocked_api(home, sites=SITES) as opened:
        yield opened


def signed(body: bytes, key: str = KEY, at: str = "") -> dict[str, str]:
    at = at or f"{utc_now().timestamp():.6f}"
    digest = hmac.new(key.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"x-civicrec-timestamp": at, "x-civicrec-signature": f"sha256={digest}"}


def push(api: Api, *rows: Any, site: str = "gz", **headers: str) -> httpx.Response:
    body = json.dumps({"data": rows}, ensure_ascii=False).encode()
    return api.ask("POST", f"/v1/cms/{site}", content=body, headers=signed(body) | headers)


def told(answer: httpx.Response) -> dict[str, Any]:
    """What was not nothing."""
    assert answer.status_code == 200, answer.text
    return {name: value for name, value in answer.json().items() if value}


def kept(api: Api, item_id: str = "gz-71") -> Item | None:
    return Kept(api.registry).named([item_id]).get(item_id)


def acts(api: Api) -> list[tuple[str, str, str]]:
    with api.registry.connect() as connection:
        rows = connection.execute(select(audit).where(audit.c.who != "operator").order_by(audit.c.id)).all()
    return [(row.who, row.action, row.object_id) for row in rows]


def test_a_document_is_published_changed_taken_back_and_published_again(keyed: Api) -> None:
    assert told(push(keyed, DOC | {"op": "publish", "source": {"name": "市住建局"}})) == {"rows": 1, "added": 1}
    made = kept(keyed)
    assert made is not None
    assert (made.item_type, made.title, made.issuer) == ("policy", "关于公积金的通知", "市住建局")
    assert made.published_at is not None
    assert made.published_at.isoformat() == "2026-01-31T00:00:00+00:00"
    assert told(push(keyed, DOC | {"op": "modify", "docTitle": "关于公积金的通知（修订）"})) == {
        "rows": 1,
        "changed": 1,
    }
    assert told(push(keyed, {"docId": 71, "op": "revoke"})) == {"rows": 1, "withdrawn": 1}
    after = told(push(keyed, DOC | {"op": "modify", "docTitle": "再次修订"}))
    assert after["changed"] == 1
    assert "was withdrawn and stays so" in after["notes"][0]["reason"]
    gone = kept(keyed)
    assert gone is not None
    assert gone.status == "withdrawn"
    assert told(push(keyed, {"docId": 71, "op": "republish", "docTitle": "重新发布", "chnl": "政策文件"})) == {
        "rows": 1,
        "restored": 1,
    }
    back = kept(keyed)
    assert back is not None
    assert (back.status, back.title) == ("online", "重新发布")
    assert acts(keyed) == [
        ("site:gz", action, "gz-71")
        for action in ("item_added", "item_changed", "item_withdrawn", "item_changed", "item_online")
    ]


def test_rows_of_a_push_act_in_their_order(keyed: Api) -> None:
    first, last = DOC | {"op": "publish"}, DOC | {"op": "modify", "docTitle": "关于公积金的通知（更正）"}
    done = told(
        push(keyed, first, DOC | {"docId": 72}, last, {"docId": 72, "op": "revoke"}, {"docId": 9, "op": "revoke"})
    )
    # A row without an event the file knows is refused, and nothing else with it.
    assert done["bad"] == [
        {"line": 2, "reason": "op: got 'None'; expected one of publish, 1, modify, revoke, republish"}
    ]
    assert (done["added"], done["changed"], done["unchanged"]) == (1, 1, 2)
    assert [note["line"] for note in done["notes"]] == [4, 5]
    now = kept(keyed)
    assert now is not None
    assert now.title == "关于公积金的通知（更正）"


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("text", "expected an object"),
        ({"op": "1", "docTitle": "无编号"}, "docId is missing or empty"),
        ({"op": "1", "docId": 5}, "missing required field `title`"),
        ({"op": "1", "docId": 5, "docTitle": "x", "chnl": "图片"}, "item_type: got '图片'"),
        ({"op": "1", "docId": 5, "docTitle": "x", "pubTime": "明天"}, "published_at: got '明天'"),
        ({"op": "1", "docId": {"a": 1}, "docTitle": "x"}, "item_id: expected text, got an object"),
        ({"op": "1", "docId": "a b", "docTitle": "x"}, "item_id"),
        ({"op": ["publish"], "docId": 5, "docTitle": "x"}, "op: got"),
    ],
)
def test_a_bad_row_is_told_with_its_number_and_the_others_land(keyed: Api, row: Any, says: str) -> None:
    done = told(push(keyed, DOC | {"op": "1"}, row, DOC | {"op": "1", "docId": 72, "chnl": 2}))
    assert (done["rows"], done["added"]) == (3, 2)
    assert [fault["line"] for fault in done["bad"]] == [2]
    assert says in done["bad"][0]["reason"]
    second = kept(keyed, "gz-72")
    assert second is not None
    assert second.item_type == "interpretation"


def test_another_document_is_never_replaced_nor_an_erased_one_brought_back(keyed: Api) -> None:
    assert told(push(keyed, DOC | {"op": "1"}))["added"] == 1
    other = told(push(keyed, DOC | {"op": "1", "chnl": "2"}))
    assert "it would replace another document" in other["bad"][0]["reason"]
    assert kept(keyed) == Item(
        item_id="gz-71", item_type="policy", title="关于公积金的通知", published_at=kept(keyed).published_at  # type: ignore[union-attr]
    )  # fmt: skip
    erase(keyed.registry, ["gz-71"], who="operator", why="x", now=NOW)
    for op in ("1", "republish"):
        assert "was erased for good" in told(push(keyed, DOC | {"op": op}))["bad"][0]["reason"]


def test_the_same_push_again_is_answered_alike_and_undoes_nothing(keyed: Api) -> None:
    body = json.dumps({"data": [DOC | {"op": "1"}, {"op": "1"}]}).encode()
    headers = signed(body)
    first = keyed.ask("POST", "/v1/cms/gz", content=body, headers=headers)
    assert (first.json()["added"], len(first.json()["bad"])) == (1, 1)
    assert told(push(keyed, DOC | {"op": "modify", "docTitle": "更新的标题"}))["changed"] == 1
    again = keyed.ask("POST", "/v1/cms/gz", content=body, headers=headers)
    assert (again.status_code, again.content) == (200, first.content)
    shouted = headers | {"x-civicrec-signature": headers["x-civicrec-signature"].upper().replace("SHA", "sha")}
    assert keyed.ask("POST", "/v1/cms/gz", content=body, headers=shouted).content == first.content
    now = kept(keyed)
    assert now is not None
    assert now.title == "更新的标题"
    assert len(acts(keyed)) == 2


def test_what_was_seen_is_forgotten_when_it_is_good_no_more(keyed: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    push(keyed, DOC | {"op": "1"})
    later = utc_now() + timedelta(minutes=11)
    monkeypatch.setattr(route, "utc_now", lambda: later)
    body = json.dumps({"data": [DOC | {"op": "1"}]}).encode()
    done = keyed.ask("POST", "/v1/cms/gz", content=body, headers=signed(body, at=str(int(later.timestamp()))))
    assert done.json()["unchanged"] == 1
    with keyed.registry.connect() as connection:
        assert connection.execute(select(func.count()).select_from(pushes)).scalar() == 1


def test_what_overtook_another_push_stays(keyed: Api) -> None:
    new = DOC | {"op": "1", "operTime": "2026-02-02 10:00", "docTitle": "新版"}
    assert told(push(keyed, new))["added"] == 1
    late = told(push(keyed, DOC | {"op": "modify", "operTime": "2026-02-01 10:00", "docTitle": "旧版"}))
    assert late["unchanged"] == 1
    assert "2026-02-01" in late["notes"][0]["reason"]
    now = kept(keyed)
    assert now is not None
    assert now.title == "新版"
    same_time = DOC | {"op": "modify", "operTime": "2026-02-02 10:00", "docTitle": "新版（更正）"}
    assert told(push(keyed, same_time))["changed"] == 1


@pytest.mark.parametrize(
    ("site", "key", "off_s", "status", "says"),
    [
        ("gz", KEY, 0, 200, ""),
        ("gz", KEY, -290, 200, ""),
        ("gz", KEY, 290, 200, ""),
        ("gz", KEY, -310, 401, " s from the clock of this server"),
        ("gz", KEY, 320, 401, "expected at most 300"),
        ("gz", OTHER_KEY, 0, 401, "not that of a configured site"),
        ("gz", "", 0, 401, "not that of a configured site"),
        ("nobody", KEY, 0, 401, "not that of a configured site"),
        ("nobody", "", 0, 401, "not that of a configured site"),
        ("keyless", "", 0, 401, "not that of a configured site"),
        ("sz", EVENTS_KEY, 0, 403, "no scope 'catalogue'"),
        ("fs", OTHER_KEY, 0, 404, "no file tells the fields of the CMS of 'fs'"),
    ],
)
def test_only_who_has_the_key_of_the_site_may_push(
    keyed: Api, site: str, key: str, off_s: int, status: int, says: str
) -> None:
    body = json.dumps({"data": [DOC | {"op": "1"}]}).encode()
    headers = signed(body, key, str(int(utc_now().timestamp()) + off_s))
    answer = keyed.ask("POST", f"/v1/cms/{site}", content=body, headers=headers)
    assert (answer.status_code, says in answer.text) == (status, True)
    assert (kept(keyed) is not None) is (status == 200)


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({"x-civicrec-timestamp": ""}, "expected seconds since 1970"),
        ({"x-civicrec-timestamp": "1769817600000"}, "expected seconds since 1970"),
        ({"x-civicrec-timestamp": "１７６９８１７６００"}, "expected seconds since 1970"),
        ({"x-civicrec-timestamp": "1769817600."}, "expected seconds since 1970"),
        ({"x-civicrec-timestamp": "1e9"}, "expected seconds since 1970"),
        ({"x-civicrec-timestamp": "-1"}, "expected seconds since 1970"),
        ({"x-civicrec-signature": ""}, "got no signature"),
        ({"x-civicrec-signature": "sha256=abc"}, "got another signature"),
        ({"x-civicrec-signature": "sha1=" + "0" * 64}, "got another signature"),
        ({"x-civicrec-signature": "sha256=" + "0" * 64}, "not that of a configured site"),
        ({"x-api-key": KEY, "x-civicrec-signature": ""}, "got no signature"),
    ],
)
def test_a_wrong_head_is_told_and_changes_nothing(keyed: Api, headers: dict[str, str], says: str) -> None:
    body = b'{"data": [{"op": "1", "docId": 71, "docTitle": "x"}]}'
    sent = {name: value.encode() for name, value in (signed(body) | headers).items()}
    answer = keyed.ask("POST", "/v1/cms/gz", content=body, headers=sent)
    assert answer.status_code == 401
    assert says in answer.json()["detail"]
    assert kept(keyed) is None


def test_a_body_or_time_changed_on_the_way_is_refused(keyed: Api) -> None:
    body = json.dumps({"data": [DOC | {"op": "1"}]}).encode()
    headers = signed(body)
    assert keyed.ask("POST", "/v1/cms/gz", content=body + b" ", headers=headers).status_code == 401
    later = headers | {"x-civicrec-timestamp": f"{float(headers['x-civicrec-timestamp']) + 1:.6f}"}
    assert keyed.ask("POST", "/v1/cms/gz", content=body, headers=later).status_code == 401
    assert kept(keyed) is None


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "no JSON"),
        (b"docId=71", "no JSON"),
        ('{"data": [{"docTitle": "关于公积金的通知"}]}'.encode("gbk"), "no JSON in UTF-8"),
        (b"[" * 100_000, "no JSON"),
        (b"{}", "no rows under data"),
        (b'{"data": []}', "no rows under data"),
        (b"[1]", "no rows under data"),
    ],
)
def test_a_body_without_rows_is_told(keyed: Api, body: bytes, says: str) -> None:
    answer = keyed.ask("POST", "/v1/cms/gz", content=body, headers=signed(body))
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert says in answer.json()["detail"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "missing required field `fields`"),
        ("[fields]\nitem_id = 'a'", "fields.title is missing"),
        ("[fields]\nitem_id = 'a'\ntitle = 'b'", "fields.item_type is missing"),
        ("[fields]\nitem_id = 'a'\ntitle = 'b'\nitem_type = 'c'\nheading = 'd'", "fields.heading is no field"),
        ("rowz = 'x'\n[fields]\nitem_id = 'a'", "rowz"),
        ("[fields\n", "expected TOML"),
        ("[fields]\nitem_id = 5", "Expected `str`"),
    ],
)
def test_a_damaged_file_is_for_the_operator_and_told_by_doctor(keyed: Api, home: Path, text: str, says: str) -> None:
    path = home / "cms" / "gz.toml"
    path.write_text(text)
    answer = push(keyed, DOC | {"op": "1"})
    assert answer.status_code == 503
    assert str(home) not in answer.text
    [finding] = _cms(keyed.settings, "gz")
    assert (finding.state, says in finding.detail) == ("missing", True)
    path.write_text(FIELDS)  # holds at once
    assert told(push(keyed, DOC | {"op": "1"}))["added"] == 1
    assert [one.state for one in _cms(keyed.settings, "gz")] == ["ok"]


def test_a_file_of_two_lines_takes_a_bare_object(keyed: Api, home: Path) -> None:
    (home / "cms" / "fs.toml").write_text("[fields]\nitem_id='id'\ntitle='name'\n[defaults]\nitem_type='news'\n")
    body = json.dumps({"id": "x1", "name": "一条消息", "op": "delete"}).encode()
    done = keyed.ask("POST", "/v1/cms/fs", content=body, headers=signed(body, OTHER_KEY))
    assert told(done) == {"rows": 1, "added": 1}
    new = kept(keyed, "x1")
    assert new is not None
    assert new.title == "一条消息"


def test_an_editors_withdrawal_outlasts_every_update(keyed: Api) -> None:
    push(keyed, DOC | {"op": "1"})
    set_status(keyed.registry, ["gz-71"], "withdrawn", who="editor", why="有误", now=NOW)
    for op in ("publish", "modify"):
        push(keyed, DOC | {"op": op, "docTitle": op})
        now = kept(keyed)
        assert now is not None
        assert now.status == "withdrawn"
