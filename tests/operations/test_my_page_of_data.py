"""我的数据 on the page: the copy as files, the question before everything is erased, the receipt after."""

from __future__ import annotations

import re

import pytest

from civicrec.clients import redis_client
from civicrec.clock import utc_now
from civicrec.erasure import Step
from civicrec.registry.audit import audit_rows
from civicrec.registry.erasures import finish_erasure, list_erasures, note_step
from civicrec.registry.tables import registry_at
from civicrec.security.tokens import load_keys
from civicrec.settings import Settings, WarehouseSettings
from civicrec.warehouse.clickhouse import ClickHouseWarehouse
from profiles.online.redis_store import RedisOnlineStore
from serving.portal.mine.words import STORE_NAMES
from streaming.erasing.stores import personal_stores
from tests.operations.nights import an_event, at, store_events
from tests.operations.people import SITE, ask, look

PAGE = "/portal/settings"


@pytest.fixture
def wang(settings: Settings) -> str:
    me, other = (load_keys(settings).subject_id(SITE, name) for name in ("wang", "li"))
    events = [an_event(n, at(), actor=who, subject_id=who, title=title) for n, (who, title) in
              enumerate([(me, "公积金提取"), (other, "别人的")], 1)]  # fmt: skip
    store_events(settings, events)
    return me


def token_of(settings: Settings, user: str = "wang") -> str:
    return load_keys(settings).sign(SITE, user, utc_now())


def key_on(text: str) -> str:
    found = re.search(r'name="form_key" value="([0-9a-f]{32})"', text)
    assert found
    return found[1]


@pytest.mark.parametrize(("name", "route"), [("data.json", "/v1/me/data"), ("data.csv", "/v1/me/data.csv")])
def test_the_files_are_those_of_the_api_for_their_owner_alone(
    settings: Settings, wang: str, name: str, route: str
) -> None:
    answer = look(settings, f"{PAGE}/{name}", token_of(settings))
    assert (answer.status_code, answer.headers["content-disposition"]) == (
        200, f'attachment; filename="civicrec-{name}"'
    )  # fmt: skip
    without_time = re.compile(rb'"generated_at":"[^"]+"')
    assert without_time.sub(b"", answer.content) == without_time.sub(b"", ask(settings, route).content)
    assert ("公积金提取" in answer.text, "别人的" in answer.text) == (True, False)
    stranger = look(settings, f"{PAGE}/{name}", "")
    assert (stranger.status_code, "请先登录" in stranger.text, "公积金提取" in stranger.text) == (401, True, False)
    with registry_at(settings.registry_address) as registry:
        assert [row.action for row in audit_rows(registry)] == ["data_exported"] * 2


def test_a_copy_whose_warehouse_is_away_is_not_given_and_said(settings: Settings, wang: str) -> None:
    away = settings.model_copy(update={"warehouse": WarehouseSettings(port=1)})
    answer = look(away, f"{PAGE}/data.csv", token_of(settings))
    assert (answer.status_code, "暂时无法下载" in answer.text) == (503, True)


def test_erasure_is_asked_once_more_and_the_receipt_stands_on_the_page(settings: Settings, wang: str) -> None:
    token = token_of(settings)
    question = look(settings, f"{PAGE}/erase", token)
    assert "删除后不能恢复" in question.text
    form = {"form_key": key_on(question.text)}
    unsure = look(settings, f"{PAGE}/erase", token, "POST", data=form)
    assert (unsure.status_code, "请先勾选确认" in unsure.text) == (422, True)
    assert re.search(r'id="confirm"[^>]* autofocus', unsure.text)
    forged = look(settings, f"{PAGE}/erase", token, "POST", data={"form_key": "0" * 32, "confirm": "yes"})
    assert forged.status_code == 422
    with registry_at(settings.registry_address) as registry:
        assert list_erasures(registry) == []
        sure = look(settings, f"{PAGE}/erase", token, "POST", data=form | {"confirm": "yes"})
        assert (sure.status_code, sure.headers["location"]) == (303, f"{PAGE}?done=erase")
        (kept,) = list_erasures(registry)
        assert kept.trace is not None
        assert kept.trace.subject_id == wang
        waiting = look(settings, sure.headers["location"], token).text
        assert "已收到删除请求" in waiting
        assert f"第 {kept.number} 号请求：正在办理" in waiting
        assert f"办理期限 {kept.due.isoformat()}" in waiting
        note_step(registry, kept.number, "event log", Step(3, 0))
        finish_erasure(registry, kept.number, "signed.counts.here", utc_now())
    done = look(settings, PAGE, token).text
    assert f"第 {kept.number} 号请求：已删除" in done
    assert '<tr><th scope="row">事件日志</th><td data-label="删除前（条）">3</td>' in done
    assert "signed.counts.here" in done
    assert "号请求" not in look(settings, PAGE, token_of(settings, "li")).text


def test_of_whom_nothing_is_held_and_of_nobody_nothing_is_erased(settings: Settings, wang: str) -> None:
    token = token_of(settings, "nobody")
    form = {"form_key": key_on(look(settings, f"{PAGE}/erase", token).text), "confirm": "yes"}
    answer = look(settings, f"{PAGE}/erase", token, "POST", data=form)
    assert (answer.status_code, "没有保存这个账号的任何数据" in answer.text) == (404, True)
    assert look(settings, f"{PAGE}/erase", "").status_code == 401
    with registry_at(settings.registry_address) as registry:
        assert list_erasures(registry) == []


def test_every_store_of_an_erasure_has_a_name_for_people(settings: Settings) -> None:
    online = RedisOnlineStore(redis_client(settings.redis))
    with registry_at(settings.registry_address) as registry:
        stores = personal_stores(settings, registry, ClickHouseWarehouse(settings.warehouse), online)
        assert {store.name for store in stores} == set(STORE_NAMES)
