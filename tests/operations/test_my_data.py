"""A copy of what is held of a person: from real stores, over HTTP and by the command line."""

from __future__ import annotations

import csv
import io
import json
from contextlib import closing
from datetime import timedelta

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from civicrec.clients import redis_client
from civicrec.clock import PORTAL_TZ, utc_now
from civicrec.events import Kind
from civicrec.registry.attributes import change
from civicrec.registry.audit import audit_rows, verify
from civicrec.registry.choices import choose_tag, delete_tag
from civicrec.registry.consents import enter
from civicrec.registry.notice import Entry, Notice
from civicrec.registry.tables import registry_at
from civicrec.security.tokens import load_keys
from civicrec.settings import Settings, WarehouseSettings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from operations.cli import app
from profiles.online.redis_store import RedisOnlineStore
from profiles.rights.attributes import decision, seal_of
from profiles.rights.words import KIND_NAMES
from tests.operations.nights import DAY, an_event, at, store_events
from tests.operations.people import SITE, USER, ask

#: Of now, for what is said holds for a year.
SAID_AT = utc_now().replace(microsecond=0)


@pytest.fixture
def me(settings: Settings) -> str:
    """Store two months of a person's events, among those of another, and what they decided."""
    keys = load_keys(settings)
    mine, other = keys.subject_id(SITE, USER), keys.subject_id(SITE, "li")
    facts = {"anonymous_id": "browser-1", "kind": "click", "title": ""}
    store_events(
        settings,
        [
            an_event(n, at(DAY - timedelta(days=31 * (n % 2)), n), actor=who, subject_id=who, item_id=f"i{n}")
            | facts | {"title": title}
            for n, (who, title) in enumerate([(mine, ""), (mine, "=cmd()"), (other, "别人的"), (mine, "公积金提取")], 1)
        ],
    )  # fmt: skip
    with registry_at(settings.registry_address) as registry:
        choose_tag(registry, mine, "theme:住房保障", at())
        delete_tag(registry, mine, "theme:就业创业", at())
        for who, said in ((mine, {"groups": ["残疾人"]}), (mine, {"region": "440106"}), (other, {"age": 77})):
            change(registry, who, decision(said, who, seal_of(keys), SAID_AT, consents=True), SAID_AT)
    with closing(ClickHouseWarehouse(settings.warehouse)) as warehouse:
        segments = {"day": [DAY] * 2, "actor": [mine, other], "segment": ["firms", "seniors"]}
        warehouse.insert("segment_members", segments)
    store = RedisOnlineStore(redis_client(settings.redis))
    store.put_tags("run", [(mine, {"theme:住房保障": 1.0})])
    store.dislike(mine, "i9", 1_000)
    return mine


def test_a_person_gets_all_of_theirs_and_nothing_of_another(settings: Settings, me: str) -> None:
    answer = ask(settings, "/v1/me/data")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "private, no-store")
    assert "attachment" in answer.headers["content-disposition"]
    held = answer.json()
    assert [(event["item_id"], event.get("title")) for event in held["events"]] == [
        ("i1", None), ("i2", "=cmd()"), ("i4", "公积金提取")
    ]  # fmt: skip
    assert held["events"][0]["occurred_at"] == "2026-02-27T17:00:00.000Z"
    assert (held["subject_id"], held["personalisation"], held["tags"]) == (me, "on", {"theme:住房保障": 1.0})
    assert [one["tag"] for one in held["chosen_tags"]] == ["theme:住房保障"]
    assert [one["tag"] for one in held["deleted_tags"]] == ["theme:就业创业"]
    assert [one["item_id"] for one in held["disliked"]] == ["i9"]
    assert [(one["attribute"], one["value"], one["state"]) for one in held["attributes"]] == [
        ("groups", ["残疾人"], "in_force"), ("region", "440106", "in_force")
    ]  # fmt: skip
    assert held["segments"] == [{"day": DAY.isoformat(), "segment": "firms"}]
    assert "别人的" not in answer.text


def test_the_answers_of_the_consent_ledger_are_in_the_copy(settings: Settings, me: str) -> None:
    notice = Notice("2026-1", ("personalise",), frozenset({"personalise"}), timedelta(days=180))
    with registry_at(settings.registry_address) as registry:
        for who, is_given in ((me, True), ("f" * 32, True), (me, False)):
            answer = Entry(who, SITE, "personalise", is_given, "2026-1", notice.covers, "app", at())
            enter(registry, answer, notice, audit_name="person:1")
    held = ask(settings, "/v1/me/data").json()
    assert [(one["purpose"], one["given"], one["notice_version"], one["channel"]) for one in held["consents"]] == [
        ("personalise", True, "2026-1", "app"), ("personalise", False, "2026-1", "app")
    ]  # fmt: skip
    assert held["personalisation"] == "off"


def test_the_table_opens_in_office_software_and_runs_nothing(settings: Settings, me: str) -> None:
    answer = ask(settings, "/v1/me/data.csv")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    head, *rows = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert head[:5] == ["类别", "时间", "行为", "内容类型", "页面标题"]
    assert [row[0] for row in rows] == [
        "填报的信息", "填报的信息", "选用的标签", "删除的标签", "当前标签", "所属人群", "不感兴趣的内容",
        "行为记录", "行为记录", "行为记录",
    ]  # fmt: skip
    assert [row[2] for row in rows if row[0] == "行为记录"] == ["点击"] * 3
    assert {row[4] for row in rows} == {"", "'=cmd()", "公积金提取"}
    assert rows[7][1] == "2026-02-28 01:00:00"
    assert dict(zip(head, rows[4], strict=True))["信息内容"] == "标签：theme:住房保障；权重：1.0"
    said = dict(zip(head, rows[0], strict=True))
    until = SAID_AT + timedelta(days=366)
    written = [at.astimezone(PORTAL_TZ).strftime("%Y-%m-%d %H:%M:%S") for at in (SAID_AT, until)]
    assert [said[name] for name in ("时间", "有效期至", "信息项", "信息内容", "信息状态")] == [
        *written, "人群", "残疾人", "有效"
    ]  # fmt: skip


def test_the_command_line_gives_the_same_copy(settings: Settings, me: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("civicrec.settings.load_settings", lambda home: settings)
    done = CliRunner().invoke(app, ["subject", "export", SITE, USER])
    assert done.exit_code == 0, done.output
    printed, asked = json.loads(done.stdout), ask(settings, "/v1/me/data").json()
    for copy in (printed, asked):
        copy.pop("generated_at")
    assert printed == asked
    table = CliRunner().invoke(app, ["subject", "export", SITE, USER, "--csv"])
    assert table.stdout_bytes == ask(settings, "/v1/me/data.csv").content


def test_of_a_stranger_there_is_nothing_and_of_nobody_no_copy(settings: Settings, me: str) -> None:
    stranger = ask(settings, "/v1/me/data", "zhao").json()
    assert (stranger["events"], stranger["tags"], stranger["recent"], stranger["attributes"]) == ([], {}, [], [])
    assert ask(settings, "/v1/me/data", None).status_code == 401


def test_without_the_warehouse_no_half_of_a_copy_is_given(settings: Settings, me: str) -> None:
    away = settings.model_copy(update={"warehouse": WarehouseSettings(port=1)})
    for path in ("/v1/me/data", "/v1/me/data.csv"):
        assert ask(away, path).status_code == 503


def test_each_copy_is_in_the_audit_log_by_no_name_of_the_person(
    settings: Settings, me: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("civicrec.settings.load_settings", lambda home: settings)
    for path in ("/v1/me/data", "/v1/me/data.csv"):
        assert ask(settings, path).status_code == 200
    CliRunner().invoke(app, ["subject", "export", SITE, USER, "--who", "li", "--why", "行权"])
    assert ask(settings, "/v1/me/data", None).status_code == 401  # nobody's data was read
    with registry_at(settings.registry_address) as registry:
        rows = list(reversed(audit_rows(registry)))
        assert verify(registry).broken is None
    assert [(row.who, row.action, row.facts) for row in rows] == [
        ("subject", "data_exported", {}), ("subject", "data_exported", {}), ("li", "data_exported", {"why": "行权"})
    ]  # fmt: skip
    (person,) = {row.object_id for row in rows}
    assert person == load_keys(settings).audit_name(me)
    assert not any(name in person for name in (me, me[:8], USER))


def test_a_copy_that_cannot_be_recorded_is_not_given(settings: Settings, me: str) -> None:
    with registry_at(settings.registry_address) as registry, registry.begin() as connection:
        connection.execute(text("DELETE FROM audit_head"))
    for path in ("/v1/me/data", "/v1/me/data.csv"):
        answer = ask(settings, path)
        assert (answer.status_code, "i1" in answer.text) == (503, False)


def test_every_kind_of_event_has_a_name_for_people() -> None:
    assert KIND_NAMES.keys() == set(Kind.__args__)  # type: ignore[attr-defined]  # of a Literal
