"""Portal pages over HTTP, in this process, on a real registry and a complete online store in memory."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from civicrec.accounting.progress import Commit
from civicrec.clock import to_ms, utc_now
from civicrec.items import Item, Link
from civicrec.registry.catalogue import set_status, upsert_items
from civicrec.registry.tables import open_registry
from civicrec.settings import CollectorSettings, Settings, WarehouseSettings
from profiles.online.memory import MemoryOnlineReader, MemoryOnlineStore
from profiles.online.ports import ActorState, OnlineUpdate, RecentItem
from serving.site import create_site

AID = "A1b2C3d4E5f6G7h8I9j0"
AGREED = {"civicrec_consent": "personalise", "civicrec_aid": AID}
Ask = Callable[..., httpx.Response]


def catalogue() -> list[Item]:
    now = utc_now()
    themes = ["教育科研", "住房保障", "医疗卫生", "就业创业"]
    kinds = ["policy", "service", "news", "faq", "interpretation", "guide"]
    items = [
        Item(item_id=f"i-{n}", item_type=kinds[n % 6], title=f"条目{n}{themes[n % 4]}", theme=(themes[n % 4],),
             published_at=now - timedelta(hours=n))
        for n in range(120)
    ]  # fmt: skip
    odd = Item(item_id="odd", item_type="policy", title="<script>alert('x')</script>", body_text="<b>粗</b>")
    gone = Item(item_id="gone", item_type="policy", title="已撤下的通知", status="withdrawn")
    linked = Item(
        item_id="read-me", item_type="interpretation", title="条目0的解读", links=(Link("interprets", "i-0"),)
    )
    return [*items, odd, gone, linked]


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    nowhere = {"warehouse": WarehouseSettings(port=1), "collector": CollectorSettings(port=1)}  # nobody listens there
    settings = Settings(home=tmp_path, **nowhere)
    upsert_items(open_registry(settings.registry_address), catalogue())
    store = MemoryOnlineStore()
    at = to_ms(utc_now())
    store.apply(Commit("log", 0, 1), OnlineUpdate(recent={AID: [RecentItem("i-1", at), RecentItem("i-5", at - 1)]}))
    made = create_site(settings, store, MemoryOnlineReader(store))
    made.state.live.refresh()
    return made


@pytest.fixture
def ask(app: FastAPI) -> Ask:
    def call(path: str, method: str = "GET", cookies: dict[str, str] | None = None, **more: Any) -> httpx.Response:
        async def go() -> httpx.Response:
            transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 5))
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", cookies=cookies) as client:
                return await client.request(method, path, **more)

        return asyncio.run(go())

    return call


def recommended(text: str) -> list[str]:
    block = text[text.index("<civicrec-list") : text.index("<template>")]
    return re.findall(r'data-civicrec-item="([^"]+)"', block)


def test_a_stranger_gets_a_full_general_list_and_no_tracker(ask: Ask) -> None:
    answer = ask("/portal/")
    assert len(recommended(answer.text)) == 8
    assert "通用推荐" in answer.text
    assert "c.js" not in answer.text
    assert "set-cookie" not in answer.headers


def test_consent_makes_the_list_personal_with_a_label_and_a_switch(ask: Ask) -> None:
    answer = ask("/portal/", cookies=AGREED)
    assert "根据您在本站的浏览记录推荐" in answer.text
    assert 'value="general"' in answer.text
    assert f'data-anonymous-id="{AID}"' in answer.text
    assert 'data-consent="personalise"' in answer.text
    assert not {"i-1", "i-5"} & set(recommended(answer.text))
    assert recommended(answer.text) != recommended(ask("/portal/").text)


def test_switching_off_makes_the_next_page_the_strangers_page(ask: Ask) -> None:
    off = ask("/portal/mode", "POST", AGREED, data={"mode": "general", "next": "/portal/"})
    assert off.status_code == 303
    answer = ask("/portal/", cookies={**AGREED, "civicrec_mode": off.cookies["civicrec_mode"]})
    assert recommended(answer.text) == recommended(ask("/portal/").text)
    assert 'data-consent="measure"' in answer.text


def test_no_recommended_item_stands_twice_on_the_home_page(ask: Ask) -> None:
    found = re.findall(r'data-civicrec-item="([^"]+)"', ask("/portal/", cookies=AGREED).text)
    assert len(found) == len(set(found)) > 20


def test_refusing_takes_the_id_away_and_agreeing_gives_one(ask: Ask) -> None:
    refused = ask("/portal/consent", "POST", AGREED, data={"choice": "none"})
    assert 'civicrec_aid=""' in str(refused.headers.get_list("set-cookie"))
    agreed = ask("/portal/consent", "POST", data={"choice": "measure"})
    assert len(agreed.cookies["civicrec_aid"]) >= 20
    assert agreed.headers["location"] == "/portal/"


@pytest.mark.parametrize("path", ["/portal/consent", "/portal/mode"])
def test_a_form_of_another_site_or_with_another_word_changes_nothing(ask: Ask, path: str) -> None:
    foreign = ask(path, "POST", data={"choice": "measure", "mode": "general"}, headers={"Sec-Fetch-Site": "cross-site"})
    wrong = ask(path, "POST", data={"choice": "all", "mode": "all"})
    endless = ask(path, "POST", data={"choice": "measure", "mode": "general", "x": "y" * 5000})
    for answer in (foreign, wrong, endless):
        assert answer.status_code == 422
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://test.evil.example"])
def test_a_form_of_a_page_of_another_origin_changes_nothing(ask: Ask, origin: str) -> None:
    answer = ask("/portal/consent", "POST", data={"choice": "personalise"}, headers={"Origin": origin})
    assert (answer.status_code, answer.headers.get("set-cookie")) == (422, None)


def test_cookies_are_for_https_alone_where_the_visitor_speaks_it_with_a_proxy(ask: Ask) -> None:
    plain = ask("/portal/consent", "POST", data={"choice": "personalise"})
    proxied = ask("/portal/consent", "POST", data={"choice": "personalise"}, headers={"X-Forwarded-Proto": "https"})
    assert not any("Secure" in cookie for cookie in plain.headers.get_list("set-cookie"))
    set_ = [cookie for cookie in proxied.headers.get_list("set-cookie") if "Max-Age=0" not in cookie]
    assert len(set_) == 2
    assert all("Secure" in cookie for cookie in set_)


@pytest.mark.parametrize("signal", [{"Sec-GPC": "1"}, {"DNT": "1"}])
def test_the_browsers_signal_makes_pages_general_and_gives_no_id(ask: Ask, signal: dict[str, str]) -> None:
    page = ask("/portal/", cookies=AGREED, headers=signal)
    assert recommended(page.text) == recommended(ask("/portal/").text)
    answer = ask("/portal/consent", "POST", data={"choice": "personalise"}, headers=signal)
    assert not any("civicrec_aid=" in c and "Max-Age=0" not in c for c in answer.headers.get_list("set-cookie"))


@pytest.mark.parametrize("choice", ["none", "measure"])
def test_withdrawing_consent_takes_what_was_known_at_once(app: FastAPI, ask: Ask, choice: str) -> None:
    store = app.state.live.store
    assert store.actor(AID).recent
    assert ask("/portal/consent", "POST", AGREED, data={"choice": "personalise"}).status_code == 303
    assert store.actor(AID).recent
    ask("/portal/consent", "POST", AGREED, data={"choice": choice})
    assert store.actor(AID) == ActorState()


def test_markup_in_the_catalogue_stays_text(ask: Ask) -> None:
    for path in ("/portal/items/odd", "/portal/lists/policy?page=99"):
        text = ask(path).text
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert" in text


def test_a_text_is_read_for_its_page_and_held_by_no_worker(app: FastAPI, ask: Ask) -> None:
    assert "&lt;b&gt;粗&lt;/b&gt;" in ask("/portal/items/odd").text
    assert not any(item.body_text for item in app.state.live.catalogue.items.values())


def test_a_page_knows_of_a_withdrawal_before_the_lists_do(app: FastAPI, ask: Ask) -> None:
    registry = open_registry(app.state.live.settings.registry_address)
    set_status(registry, ["odd"], "withdrawn", who="editor", why="wrong", now=utc_now())
    registry.dispose()
    answer = ask("/portal/items/odd")
    assert answer.status_code == 410
    assert "粗" not in answer.text


def test_an_item_page_shows_what_is_linked_from_either_side(ask: Ask) -> None:
    assert "条目0的解读" in ask("/portal/items/i-0").text
    assert "配套政策文件" in ask("/portal/items/read-me").text


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/portal/items/nothing", 404, "没有找到"),
        ("/portal/items/gone", 410, "已撤下"),
        ("/portal/lists/poems", 404, "没有这个栏目"),
        ("/portal/lists/news?page=-3", 200, "第 1 页"),
        ("/portal/lists/news?page=x", 200, "第 1 页"),
        ("/portal/about", 200, "使用推荐系统"),
        ("/portal/static/secret.key", 404, ""),
    ],
)
def test_every_address_has_a_plain_answer(ask: Ask, path: str, status: int, words: str) -> None:
    answer = ask(path)
    assert answer.status_code == status
    assert words in answer.text


def test_pages_allow_scripts_of_this_origin_and_the_collector_only(ask: Ask) -> None:
    answer = ask("/portal/", cookies=AGREED)
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["script-src"] == "'self' http://127.0.0.1:1"
    assert policy["default-src"] == "'none'"
    assert not re.search(r"<script(?![^>]*\ssrc=)|\son\w+=|style=", answer.text)
    assert answer.headers["cache-control"] == "private, no-store"
    linked = re.findall(r'(?:src|href|action)="(https?://[^"]+)"', answer.text)
    assert all(address.startswith("http://127.0.0.1:1/") for address in linked)


def test_the_notice_of_the_demo_names_all_that_one_must_be_told(ask: Ask) -> None:
    """个人信息保护法 Art. 17: who and how to reach them, purpose, manner, kinds, how long, rights."""
    text = re.sub(r"<[^>]+>", "", ask("/portal/about").text)
    told = ["个人信息处理者：", "联系方式：", "目的", "自动处理", "使用哪些数据", "停留时间", "加密保存", "保留 30 天"]
    rights = ["查阅和下载", "更正", "撤回同意", "删除账号的全部数据", "提出投诉", "不影响浏览和办事"]
    for what in told + rights:
        assert what in text, what
    asking = ask("/portal/").text
    assert '<a href="/portal/about">了解记录什么、如何使用</a>' in asking  # one press from where consent is asked for


def test_elder_pages_are_shorter(ask: Ask) -> None:
    answer = ask("/portal/", cookies={"civicrec_elder": "1"})
    assert 'class="elder"' in answer.text
    assert len(recommended(answer.text)) == 5
    assert "退出适老版" in answer.text


def test_the_page_and_the_api_name_the_same_that_belongs_to_an_item(app: FastAPI, ask: Ask) -> None:
    for item_id in ("read-me", "i-0"):
        lists = ask(f"/v1/items/{item_id}/related").json()["lists"]
        ids = [item["item_id"] for one in lists for item in one["items"]]
        assert ids
        page = ask(f"/portal/items/{item_id}").text
        bundles = page[page.index('class="bundle"') : page.index('class="side"')]
        assert re.findall(r'data-civicrec-item="([^"]+)"', bundles) == ids
